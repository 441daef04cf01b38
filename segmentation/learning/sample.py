"""Some people of many, always the same ones, and some rows at a time."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]
_AT_ONCE = 65_536


def slices(rows: int, size: int = _AT_ONCE) -> Iterator[slice]:
    """Some rows at a time."""
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def drawn(ids: Ids, most: int, seed: int) -> Labels:
    """Places of at most `most` people, in their order: those with the smallest hash.

    Whoever is drawn today is drawn tomorrow, whoever else comes or goes. `ids` are sorted.
    """
    if len(ids) <= most:
        return np.arange(len(ids))
    return np.sort(np.argsort(_mixed(ids, seed), kind="stable")[:most])


def _mixed(ids: Ids, seed: int) -> npt.NDArray[np.uint64]:
    """SplitMix64's last step (Steele, Lea, Flood 2014): a fixed mixing of 64 bits."""
    with np.errstate(over="ignore"):
        mixed = ids.astype(np.uint64) + np.uint64(seed + 1) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return mixed ^ (mixed >> np.uint64(31))
