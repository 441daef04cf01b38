"""The member leaves of one entry, in ascending order: where a leaf stands says nothing about whose it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from passerelle.privacy.log.merkle import HASH_BYTES

_WORDS = HASH_BYTES // 8


@final
@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Leaves for `Log.append`: `leaves` are 32 bytes each, ascending; `positions` (int64) says where each went.

    `positions` is aligned with the people that the leaves were made for, and goes into their rows as `position`.
    """

    leaves: bytes
    positions: pa.Int64Array

    @classmethod
    def of(cls, leaves: Sequence[bytes]) -> "Members":
        """Sort leaves. Raises `ValueError` where one has not 32 bytes."""
        joined = b"".join(leaves)
        if set(map(len, leaves)) - {HASH_BYTES} or len(joined) != HASH_BYTES * len(leaves):
            raise ValueError("member leaves are 32 bytes each")
        order = _ascending(joined)
        positions = np.empty(len(order), np.int64)
        positions[order] = np.arange(len(order))
        ordered = np.frombuffer(joined, f"V{HASH_BYTES}")[order].tobytes()
        return cls(ordered, pa.array(positions))

    def __len__(self) -> int:
        return len(self.positions)


def position_of(leaves: bytes, leaf: bytes) -> int | None:
    """Where `leaf` stands among ascending leaves, or None: a search of O(log n) steps."""
    low, high = 0, len(leaves) // HASH_BYTES
    while low < high:
        middle = (low + high) // 2
        if leaves[middle * HASH_BYTES : (middle + 1) * HASH_BYTES] < leaf:
            low = middle + 1
        else:
            high = middle
    found = leaves[low * HASH_BYTES : (low + 1) * HASH_BYTES] == leaf
    return low if found else None


def _ascending(joined: bytes) -> "npt.NDArray[np.integer[Any]]":
    """The order in which leaves ascend. Their first 8 bytes nearly always decide."""
    words = np.frombuffer(joined, ">u8").reshape(-1, _WORDS)
    first = words[:, 0].astype(np.uint64)
    order = np.argsort(first, kind="stable")
    ordered = first[order]
    if (ordered[1:] == ordered[:-1]).any():
        return np.lexsort([words[:, at].astype(np.uint64) for at in reversed(range(_WORDS))])
    return order
