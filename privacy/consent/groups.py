"""Numbers by group: the greatest of each, the first row of each, and small numbers for wide keys. Pure numpy.

Nothing here sorts rows where a pass over them will do: five million rows take a few hundredths of a second each.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NEVER = np.iinfo(np.int64).min
FOREVER = np.iinfo(np.int64).max

_SLACK = 1_000


def latest(group: Ints, moment: Ints, size: int) -> Ints:
    """The greatest moment of each group from 0 to `size` - 1; `NEVER` where it has none."""
    found = np.full(size, NEVER)
    np.maximum.at(found, group, moment)
    return found


def first(group: Ints, size: int, *keys: npt.NDArray[Any]) -> Ints:
    """The place of each group's first row, when rows are ordered by `keys`, the first key first; groups ascending."""
    rows = np.arange(len(group))
    for key in keys:
        best = np.full(size, np.iinfo(key.dtype).max, key.dtype)
        mine = group[rows]
        np.minimum.at(best, mine, key[rows])
        rows = rows[key[rows] == best[mine]]
    chosen = np.full(size, -1)
    chosen[group[rows]] = rows
    return chosen[chosen >= 0]


def numbered(wide: Ints) -> tuple[Ints, int]:
    """A number from 0 for each distinct key (keys are not negative), and how many there are.

    Keys and places are sorted as one number where they fit into 63 bits, which is several times faster than sorting
    places by key.
    """
    count = len(wide)
    bits = max(count - 1, 0).bit_length()
    if int(wide.max(initial=0)).bit_length() + bits > 63:  # noqa: PLR2004 - a signed 64-bit number
        _, number = np.unique(wide, return_inverse=True)
        return np.asarray(number, np.int64), int(number.max(initial=-1)) + 1
    packed = np.sort((wide << bits) | np.arange(count))
    keys, places = packed >> bits, packed & ((1 << bits) - 1)
    new = np.ones(count, bool)
    new[1:] = keys[1:] != keys[:-1]
    found = np.empty(count, np.int64)
    found[places] = np.cumsum(new) - 1
    return found, int(new.sum())


def paired(outer: Ints, inner: Ints, width: int) -> tuple[Ints, int]:
    """A number for each pair of `outer` and `inner` (below `width`), and a bound above all of them."""
    wide = outer * width + inner
    bound = int(wide.max(initial=-1)) + 1
    return (wide, bound) if bound <= 2 * len(wide) + _SLACK else numbered(wide)


def places(sorted_ids: Ints, ids: Ints) -> Ints:
    """Where each of `ids` stands among `sorted_ids` (ascending, distinct); -1 where it does not."""
    if not len(sorted_ids):
        return np.full(len(ids), -1)
    low, high = int(sorted_ids[0]), int(sorted_ids[-1])
    if high - low < 4 * len(sorted_ids) + _SLACK:
        table = np.full(high - low + 2, -1)
        table[sorted_ids - low] = np.arange(len(sorted_ids))
        return np.asarray(table.take(np.where((ids < low) | (ids > high), -1, ids - low)))
    found = np.minimum(np.searchsorted(sorted_ids, ids), len(sorted_ids) - 1)
    return np.where(sorted_ids[found] == ids, found, -1)
