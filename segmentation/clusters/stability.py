"""Whether the same groups are found when chance picks other people."""

from collections.abc import Callable

import numpy as np

from passerelle.segmentation.clusters.measures import agreement
from passerelle.segmentation.clusters.points import Points
from passerelle.segmentation.learning.features import Matrix

_SHARE = 0.8

Grouped = Callable[[Matrix, int], Points]
"""The whole way from rows and a seed to points."""


def stability(rows: Matrix, grouped: Grouped, *, rounds: int, seed: int, with_replacement: bool) -> float:
    """The mean adjusted Rand index, over all rows, between the groups of all rows and those of each draw.

    A draw is a bootstrap; where density counts, four fifths of the rows, since a row drawn twice looks dense.
    """
    reference = grouped(rows, seed).assign(rows)[0]
    found = []
    for number in range(rounds):
        chance = np.random.default_rng([seed, 2, number])
        many = len(rows) if with_replacement else round(len(rows) * _SHARE)
        picked = np.sort(chance.choice(len(rows), many, replace=with_replacement))
        found.append(agreement(reference, grouped(rows[picked], seed + number + 1).assign(rows)[0]))
    return float(np.mean(found))
