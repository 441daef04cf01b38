"""Distances, and how well groups hold together and agree. Exact and in a fixed order, so that the same is the same."""

import numpy as np

from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.sample import Labels, slices


def nearest(rows: Matrix, points: Matrix) -> tuple[Labels, Matrix]:
    """For each row, which point is nearest (of equals the first), and how far it is."""
    best = np.zeros(len(rows), np.int64)
    distance = np.full(len(rows), np.inf)
    for part in slices(len(rows)):
        _nearest(rows[part].T.copy(), points, best[part], distance[part])
    return best, np.sqrt(distance)


def _nearest(columns: Matrix, points: Matrix, best: Labels, distance: Matrix) -> None:
    for index, point in enumerate(points):
        found = np.zeros(columns.shape[1])
        for column, at in zip(columns, point, strict=True):
            away = column - at
            away *= away
            found += away
        nearer = found < distance
        best[nearer] = index
        distance[nearer] = found[nearer]


def turned(rows: Matrix, mean: Matrix, directions: Matrix) -> Matrix:
    """Rows along other axes. Summed column by column: a matrix product's last digits depend on where a row stands."""
    made = np.zeros((len(rows), len(directions)))
    for index, direction in enumerate(directions):
        for column, weight in enumerate(direction):
            made[:, index] += (rows[:, column] - mean[column]) * weight
    return made


def within(rows: Matrix, labels: Labels) -> float:
    """Sum of squared distances to the middle of the row's group."""
    return float(
        sum(((rows[labels == each] - rows[labels == each].mean(axis=0)) ** 2).sum() for each in np.unique(labels))
    )


def calinski_harabasz(rows: Matrix, labels: Labels) -> float:
    """How far groups lie apart, against how far they reach: greater is better. 0 for fewer than two groups."""
    groups = len(np.unique(labels))
    inside = within(rows, labels)
    if groups < 2 or len(rows) <= groups or inside == 0:  # noqa: PLR2004 - one group has no other
        return 0.0
    between = float(((rows - rows.mean(axis=0)) ** 2).sum()) - inside
    return between * (len(rows) - groups) / (inside * (groups - 1))


def silhouette(rows: Matrix, labels: Labels) -> float:
    """The mean of (b - a) / max(a, b), -1 to 1: a to the row's own group, b to the nearest other. 0 for one group.

    Looks at all pairs of rows.
    """
    names, codes = np.unique(labels, return_inverse=True)
    if len(names) < 2:  # noqa: PLR2004 - one group has no other
        return 0.0
    sizes = np.bincount(codes).astype(float)
    total = 0.0
    for part in slices(len(rows), 512):
        sums = np.empty((part.stop - part.start, len(names)))
        apart = _distances(rows[part], rows)
        for code in range(len(names)):
            sums[:, code] = apart[:, codes == code].sum(axis=1)
        total += _silhouettes(sums, codes[part], sizes)
    return total / len(rows)


def _silhouettes(sums: Matrix, codes: Labels, sizes: Matrix) -> float:
    here = np.arange(len(sums))
    own = sums[here, codes] / np.maximum(sizes[codes] - 1, 1)
    means = sums / sizes
    means[here, codes] = np.inf
    other = means.min(axis=1)
    greatest = np.maximum(own, other)
    found = np.where((sizes[codes] > 1) & (greatest > 0), (other - own) / np.where(greatest > 0, greatest, 1), 0.0)
    return float(found.sum())


def _distances(some: Matrix, others: Matrix) -> Matrix:
    squared = np.zeros((len(some), len(others)))
    for column in range(some.shape[1]):
        squared += (some[:, column, None] - others[None, :, column]) ** 2
    return np.sqrt(squared)


def agreement(one: Labels, other: Labels) -> float:
    """The adjusted Rand index of two groupings of the same rows: 1 for the same groups, about 0 for chance."""
    counts = contingency(one, other)[2]
    pairs = (counts * (counts - 1) / 2).sum()
    rows, columns = counts.sum(axis=1), counts.sum(axis=0)
    first, second = (rows * (rows - 1) / 2).sum(), (columns * (columns - 1) / 2).sum()
    everything = len(one) * (len(one) - 1) / 2
    expected = first * second / everything if everything else 0.0
    most = (first + second) / 2
    return 1.0 if most == expected else float((pairs - expected) / (most - expected))


def contingency(one: Labels, other: Labels) -> tuple[Labels, Labels, Matrix]:
    """The labels of each grouping, and how many rows have each pair of them."""
    names, rows = np.unique(one, return_inverse=True)
    others, columns = np.unique(other, return_inverse=True)
    counts = np.zeros((len(names), len(others)))
    np.add.at(counts, (rows, columns), 1)
    return names, others, counts
