"""Choices made by the bytes of a fuzzer, so that a turned byte changes one choice and not the whole input."""

import copy
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

CANARY = "canary-5b0c4d7e@example.org"
"""Personal data that no message may repeat."""

_SCALARS: tuple[Any, ...] = (
    *(CANARY, None, True, False, 0, -1, 1_793_404_800, 1_793_404_800_000, 10**30, 0.5, float("inf"), ""),
    *("2026-10-31T12:00:00Z", "2026-10-31", "31/10/2026 12:00", "2026-10-31T12:00:00+25:00"),
)
_DEEPEST = 4
_STRING = re.compile(r'"([A-Za-z][A-Za-z0-9_.-]{1,40})"')


class Choices:
    """Reads choices off a byte string; after its end every choice is the first."""

    def __init__(self, data: bytes, words: Sequence[str]) -> None:
        self._data = data
        self._at = 0
        self._words = words

    def below(self, count: int) -> int:
        """Choose one of `count`."""
        if self._at >= len(self._data):
            return 0
        width = 1 if count <= 256 else 2
        taken = int.from_bytes(self._data[self._at : self._at + width])
        self._at += width
        return taken % count

    def word(self) -> str:
        return self._words[self.below(len(self._words))]

    def rest(self) -> str:
        """Take up to 20 bytes as text, well formed or not."""
        taken = self._data[self._at : self._at + self.below(20)]
        self._at += len(taken)
        return taken.decode("utf-8", "replace")

    def scalar(self) -> Any:  # noqa: ANN401 - JSON
        kind = self.below(3)
        if kind == 0:
            return self.word()
        return self.rest() if kind == 1 else _SCALARS[self.below(len(_SCALARS))]

    def value(self, depth: int = 0) -> Any:  # noqa: ANN401 - JSON
        kind = self.below(6) if depth < _DEEPEST else 0
        if kind == 4:
            return [self.value(depth + 1) for _ in range(self.below(4))]
        if kind == 5:
            return self.record(depth + 1)
        return self.scalar()

    def record(self, depth: int = 0) -> dict[str, Any]:
        return {self.word(): self.value(depth) for _ in range(self.below(9))}

    def changed(self, tree: Any) -> Any:  # noqa: ANN401 - JSON
        """Copy a tree of JSON with up to four of its places replaced, dropped or added."""
        tree = copy.deepcopy(tree)
        for _ in range(1 + self.below(4)):
            holder, place = self._place(tree)
            if isinstance(holder, dict) and self.below(4) == 0:
                holder.pop(place, None)
            elif isinstance(holder, dict) and self.below(3) == 0:
                holder[self.word()] = self.value()
            elif holder is not None:
                holder[place] = self.value()
        return tree

    def _place(self, tree: Any) -> tuple[Any, Any]:  # noqa: ANN401 - JSON
        holder, place, inside = None, None, tree
        while isinstance(inside, dict | list) and inside and (holder is None or self.below(4)):
            holder = inside
            places = list(inside) if isinstance(inside, dict) else range(len(inside))
            place = places[self.below(len(places))]
            inside = holder[place]
        return holder, place


def words_of(*modules: str) -> list[str]:
    """Every word that stands in quotes in the source of these modules: names and values that they look for."""
    found = {CANARY}
    for name in modules:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            found |= set(_STRING.findall(Path(spec.origin).read_text()))
    return sorted(found)
