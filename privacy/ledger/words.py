"""The ledger's words: a place, the audience there, a batch, what a receipt told, and what the ledger needs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Table, and_

from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Action, Destination, Purpose

PRESENT = ("member", "removing")
"""States of people who are, or may be, at the platform."""

OPEN = ("intended", "accepted")
"""States of batches that wait: a push for its receipt, or a receipt for its end."""

ASKED = ("consent_withdrawn", "erasure")
"""Causes of removals by which people asked to go, from wherever they may be."""

EVERYWHERE = "*"
"""Stands for every audience of an account; no audience can have it for a name."""


class Sealer(Protocol):
    """Seals bytes under each subject's own data key (`Subjects` does)."""

    def seal(self, connection: Connection, ids: pa.Array, payloads: list[bytes]) -> list[bytes]:
        """Sealed bytes, aligned with `ids`."""
        ...

    def unseal(self, connection: Connection, ids: pa.Array, sealed: list[bytes]) -> list[bytes]:
        """The payloads again."""
        ...

    def marks(self, ids: pa.Array, values: pa.Array) -> pa.Int64Array:
        """What tells whether a person's value (float64, aligned with `ids`) is the one of before."""
        ...

    def identifiers(self, connection: Connection, ids: pa.Array) -> Personal:
        """What is held of each person, aligned with `ids`."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """One audience at one destination: what a lock, a plan and a batch are about."""

    destination: str
    audience: str

    @classmethod
    def everywhere(cls, destination: str) -> "Place":
        """Every audience of the account at once, whoever made it: nobody is added there."""
        return cls(destination, EVERYWHERE)

    @property
    def is_everywhere(self) -> bool:
        """Whether it is no single audience."""
        return self.audience == EVERYWHERE

    def __str__(self) -> str:
        return f"{'every audience' if self.is_everywhere else self.audience} at {self.destination}"


def at(table: Table, place: Place) -> ColumnElement[bool]:
    """Rows of one place, in any table that has places."""
    return and_(table.c.destination == place.destination, table.c.audience == place.audience)


@dataclass(frozen=True, slots=True)
class Doubt:
    """People may be in an audience whom nobody here knows."""

    why: str
    """`adopted`, `restored`."""
    since: int
    """They were added until then (µs)."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Our audience at the platform, as it was made or adopted."""

    remote_id: str
    columns: tuple[str, ...]
    platform: Destination
    purpose: Purpose
    described: str = ""
    """Digest of the name, description and labels that the platform was last told; empty where none was."""
    doubt: Doubt | None = None
    """None: nobody is there whom nobody here knows."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a receipt told: counts of people, and of whom the platform named, why they were rejected."""

    settled: bool
    accepted: int
    rejected: int
    pending: int
    request: Mapping[str, object]
    reasons: Mapping[str, int]
    named: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch's row, without its people."""

    batch_id: str
    run_id: str
    place: Place
    action: Action
    state: str
    rows: int
    told: Told
    """What its last receipt told; before the first one, that everybody is pending."""
    intended_at: int
    replacement: str | None = None
    """The batch of the replacement that this one is part of."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What names a new batch: its run, its place, when, the replacement that it is part of, and whose split it is."""

    batch_id: str
    run_id: str
    place: Place
    now: int
    replacement: str | None = None
    split: str | None = None
