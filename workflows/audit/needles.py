"""Finding any of thousands of byte strings in files of any size. Pure, and vectorised: no step runs per needle.

Every offset's next eight bytes are compared with the needles' first eight; only the few that agree are looked at.
"""

from collections.abc import Iterator, Mapping
from typing import IO

import numpy as np
import numpy.typing as npt

SHORTEST = 8
"""Bytes of the shortest needle that can be looked for."""

CHUNK = 8 << 20

_Bytes = npt.NDArray[np.uint8]


class Needles:
    """Byte strings of at least `SHORTEST` bytes, and what each is; `what` is all that is ever told of one."""

    def __init__(self, what: Mapping[bytes, str]) -> None:
        self._by_start: dict[int, list[bytes]] = {}
        self._what = {needle: word for needle, word in what.items() if len(needle) >= SHORTEST}
        for needle in self._what:
            self._by_start.setdefault(int.from_bytes(needle[:SHORTEST], "little"), []).append(needle)
        self._starts = np.array(sorted(self._by_start), np.uint64)
        self._firsts = np.zeros(1 << 16, bool)
        self._firsts[(self._starts & np.uint64(0xFFFF)).astype(np.int64)] = True
        self._longest = max(map(len, self._what), default=SHORTEST)

    def __len__(self) -> int:
        return len(self._what)

    def found(self, file: IO[bytes]) -> dict[str, int]:
        """How often which kind of needle is in `file`. Reads a bounded part at a time."""
        counts: dict[str, int] = {}
        kept = b""
        while part := file.read(CHUNK):
            content = kept + part
            for start, what, size in self._hits(content):
                if start + size > len(kept):  # what lies wholly in the kept end was counted before
                    counts[what] = counts.get(what, 0) + 1
            kept = content[-(self._longest - 1) :]
        return counts

    def _hits(self, content: bytes) -> Iterator[tuple[int, str, int]]:
        data = np.frombuffer(content, np.uint8)
        if len(data) < SHORTEST or not len(self._starts):
            return
        for start in self._candidates(data).tolist():
            for needle in self._by_start[int.from_bytes(content[start : start + SHORTEST], "little")]:
                if content.startswith(needle, start):
                    yield start, self._what[needle], len(needle)

    def _candidates(self, data: _Bytes) -> npt.NDArray[np.int64]:
        """Offsets at which a needle's first eight bytes stand."""
        count = len(data) - SHORTEST + 1
        two = data[:count].astype(np.uint16) | (data[1 : count + 1].astype(np.uint16) << np.uint16(8))
        maybe = np.flatnonzero(self._firsts[two])
        eight = np.zeros(len(maybe), np.uint64)
        for place in range(SHORTEST):
            eight |= data[maybe + place].astype(np.uint64) << np.uint64(8 * place)
        at = np.minimum(np.searchsorted(self._starts, eight), len(self._starts) - 1)
        return np.asarray(maybe[self._starts[at] == eight])
