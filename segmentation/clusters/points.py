"""Groups as points: whoever is nearest to a point belongs to its group, or, too far from all, to none.

A point is the mean of a group, or of a part of it where groups may have any shape, and always of enough people, so that
no point is one person.
"""

from dataclasses import dataclass

import numpy as np

from passerelle.segmentation.clusters import methods
from passerelle.segmentation.clusters.file import Method
from passerelle.segmentation.clusters.measures import nearest
from passerelle.segmentation.clusters.model import NONE
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.model import short
from passerelle.segmentation.learning.sample import Labels

_POINTS = 20
"""Of one group, at most."""
_REACHED = 0.99
"""Of a group's people, so many are in reach; the rest are its stragglers."""


@dataclass(frozen=True, slots=True)
class Points:
    """`rows` with their labels (1 and more); a label's reach, where it has one."""

    rows: Matrix
    labels: Labels
    reach: dict[int, float]

    def assign(self, rows: Matrix) -> tuple[Labels, Matrix]:
        """Each row's label, `NONE` where none is in reach, and its distance to the nearest; none for unknown values."""
        if not len(self.rows):
            return np.full(len(rows), NONE), np.full(len(rows), np.nan)
        where, distance = nearest(rows, self.rows)
        labels = self.labels[where]
        known = ~np.isnan(rows).any(axis=1)
        reach = np.array([self.reach.get(label, np.inf) for label in range(int(self.labels.max()) + 1)])
        near = known & (distance <= reach[labels])
        return np.where(near, labels, NONE), np.where(known, distance, np.nan)


def points_of(rows: Matrix, found: Labels, method: Method, *, minimum: int, seed: int) -> Points:
    """The points of groups that a method found. Fewer people than `minimum` are no group."""
    names, sizes = np.unique(found[found != methods.NOISE], return_counts=True)
    large = [
        (-int(size), _middle(rows[found == name]), name)
        for name, size in zip(names, sizes, strict=True)
        if size >= minimum
    ]
    made: list[Matrix] = []
    labels: list[int] = []
    reach: dict[int, float] = {}
    for label, (_, _, name) in enumerate(sorted(large, key=lambda each: each[:2]), start=1):
        members = rows[found == name]
        of_group = _one(members) if method == "kmeans" else _parts(members, minimum, seed)
        of_group = np.array([[short(value) for value in row] for row in of_group])
        made.append(of_group)
        labels += [label] * len(of_group)
        if method in {"dbscan", "hdbscan"}:
            away = nearest(members, of_group)[1]
            reach[label] = short(float(np.quantile(away, _REACHED, method="higher")))
    everything = np.concatenate(made) if made else np.empty((0, rows.shape[1]))
    return Points(everything, np.array(labels, np.int64), reach)


def points_at(middles: list[tuple[int, list[float]]], *, minimum: int) -> Points:
    """Groups that K-means found: of each how many people, and their middle. Fewer than `minimum` are no group."""
    large = sorted((-size, [short(value) for value in middle]) for size, middle in middles if size >= minimum)
    rows = np.array([middle for _, middle in large], np.float64)
    return Points(rows, np.arange(1, len(large) + 1), {})


def _middle(rows: Matrix) -> tuple[float, ...]:
    return tuple(rows.mean(axis=0).tolist())


def _one(members: Matrix) -> Matrix:
    return np.array([_middle(members)])


def _parts(members: Matrix, minimum: int, seed: int) -> Matrix:
    """Means of parts of a group, so that it may have any shape."""
    many = min(_POINTS, len(members) // (2 * minimum), len(np.unique(members, axis=0)))
    if many < 2:  # noqa: PLR2004 - one part is the group
        return _one(members)
    part = methods.kmeans(members, many, seed, starts=1)
    means = [members[part == each].mean(axis=0) for each in range(many) if (part == each).sum() >= minimum]
    found: Matrix = np.array(means, np.float64) if means else _one(members)
    return found
