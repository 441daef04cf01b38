"""Who is one person: connected components over identifiers, and identifiers that too many share. Pure, on numbers."""

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.integer[Any]]
Mask = npt.NDArray[np.bool_]


def components(nodes: int, left: Ints, right: Ints) -> npt.NDArray[np.int64]:
    """The smallest node of each node's component, given edges `left`-`right`.

    The order of the edges does not matter. Roots hook onto smaller neighbours and paths are halved until nothing
    moves, so the work is a few passes over the edges.
    """
    parent = np.arange(nodes, dtype=np.int64)
    while len(left):
        left, right = parent[left], parent[right]
        apart = left != right
        left, right = left[apart], right[apart]
        np.minimum.at(parent, np.maximum(left, right), np.minimum(left, right))
        while True:
            above = parent[parent]
            if np.array_equal(above, parent):
                break
            parent = above
    return parent


def chains(group: Ints) -> tuple[Ints, Ints]:
    """Edges that tie together places of equal `group`."""
    order = np.argsort(group, kind="stable")
    same = group[order[1:]] == group[order[:-1]]
    return order[:-1][same], order[1:][same]


def partners(row: Ints, code: Ints, kind: Ints, candidates: Mask) -> npt.NDArray[np.int64]:
    """For each candidate code, the most distinct codes of one other kind that stand in rows with it; else 0.

    `row` and `code` say which codes stand in which rows, by rising row; `kind` is each code's.
    """
    width = len(kind)
    most = np.zeros(width, np.int64)
    rows, first = np.unique(row, return_index=True)
    counts = np.diff(np.append(first, len(row)))
    here = np.flatnonzero(candidates[code])
    place = np.searchsorted(rows, row[here])
    spread = np.repeat(here, counts[place])
    offsets = np.arange(len(spread)) - np.repeat(np.cumsum(counts[place]) - counts[place], counts[place])
    beside = np.repeat(first[place], counts[place]) + offsets
    mine, other = code[spread].astype(np.int64), code[beside].astype(np.int64)
    apart = kind[mine] != kind[other]
    pairs = np.unique(mine[apart] * width + other[apart])
    mine, other = pairs // width, pairs % width
    kinds = int(kind.max(initial=0)) + 1
    groups, amounts = np.unique(mine * kinds + kind[other], return_counts=True)
    np.maximum.at(most, groups // kinds, amounts)
    return most
