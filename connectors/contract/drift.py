"""What a vendor sends besides, and what it sends no more: told by name, where the name is one.

New keys are told of once and are not read until a field of the record names them. A key that earlier pulls had and
that no record of this one has is an error: its values would be lost without a word, a deletion's mark among them.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from passerelle.connectors.contract.records import Record, Shape
from passerelle.connectors.errors import DefinitionError

ENOUGH = 20
"""Records among which a key that all of them lack is not lacking by chance."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}")
_DIGITS = re.compile(r"[0-9]{5}")
_MOST_TOLD = 20


def safe(name: str) -> str:
    """A key as a message or the state may repeat it: itself where it looks like a name, else a digest."""
    if _PLAIN.fullmatch(name) and not _DIGITS.search(name):
        return name
    return "~" + hashlib.blake2b(name.encode(), digest_size=6).hexdigest()


def told(names: Iterable[str]) -> str:
    """Names in a sentence; those that do not look like names are counted."""
    every = sorted(set(names))
    plain = [name for name in every if not name.startswith("~")][:_MOST_TOLD]
    others = len(every) - len(plain)
    return ", ".join([*plain, *([f"{others} more" if plain else f"{others} with unusual names"] if others else [])])


@dataclass(slots=True)
class Drift:
    """Which keys are known (`columns`), which fields earlier pulls had (`had`), which ones this one has (`met`)."""

    shape: Shape
    columns: set[str] = field(default_factory=set)
    had: set[str] = field(default_factory=set)
    met: set[str] = field(default_factory=set)
    records: int = 0

    def sample(self, where: str, plain: Sequence[Any]) -> list[str]:
        """Look at records as they were sent. Returns a warning where some of their keys are new."""
        keys = {str(key) for one in plain if isinstance(one, dict) for key in one}
        self.met |= {one.name for one in self.shape.fields if one.asked in keys}
        asked = set(self.shape.asked)
        fresh = {safe(key) for key in keys} - self.columns - {safe(name) for name in asked}
        first = not self.columns
        self.columns |= {safe(key) for key in keys}
        if first or not fresh:
            return []
        return [f"{where} has new fields: {told(fresh)}. They are not read until its record names them."]

    def read(self, records: Sequence[Record], lost: int) -> None:
        """Note which fields these records have."""
        self.records += len(records) + lost
        wanted = {one.name for one in self.shape.fields}
        for one in records:
            if self.met >= wanted:
                return
            self.met |= one.model_fields_set & wanted

    @property
    def missing(self) -> list[str]:
        """What earlier pulls had and none of this pull's records has, as it is asked for."""
        if not self.records:
            return []
        gone = self.had - self.met
        return sorted({one.asked for one in self.shape.fields if one.name in gone})

    def check(self, where: str) -> None:
        """Raise `DefinitionError` where something is missing."""
        if gone := told(map(safe, self.missing)):
            raise DefinitionError(
                f"None of {self.records} records of {where} has {gone}, which was there before.",
                advice="If the vendor took it away for good, take it out of the fields; or accept it with `--full`.",
            )

    @property
    def known(self) -> set[str]:
        """What the next pull will expect."""
        return self.had | self.met
