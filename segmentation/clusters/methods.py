"""The four methods, by scikit-learn and SciPy, on one thread: two add in another order, to other last digits."""

from collections.abc import Callable

import numpy as np

from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.sample import Labels

NOISE = -1
STARTS = 5
Grouping = Callable[[Matrix, int], Labels]
"""A method with its settings: rows and a seed in, a label per row out. `NOISE` is no group."""


def kmeans(rows: Matrix, groups: int, seed: int, *, starts: int = STARTS) -> Labels:
    """K-means (Lloyd), the best of some starts."""
    from sklearn.cluster import KMeans

    found: Labels = KMeans(groups, n_init=starts, random_state=seed).fit(rows).labels_
    return found.astype(np.int64)


def hierarchy(rows: Matrix) -> Matrix:
    """Ward's merges, in SciPy's form. Memory grows with the square of the rows."""
    from scipy.cluster.hierarchy import linkage

    made: Matrix = linkage(rows, "ward")
    return made


def cut(merges: Matrix, groups: int) -> Labels:
    """Groups of a hierarchy."""
    from scipy.cluster.hierarchy import fcluster

    found: Labels = fcluster(merges, groups, "maxclust")
    return found.astype(np.int64)


def hierarchical(rows: Matrix, groups: int) -> Labels:
    """Ward's hierarchy, cut."""
    return cut(hierarchy(rows), groups)


def dbscan(rows: Matrix, eps: float, neighbours: int) -> Labels:
    """Dense places (Ester and others 1996)."""
    from sklearn.cluster import DBSCAN

    found: Labels = DBSCAN(eps=eps, min_samples=neighbours).fit(rows).labels_
    return found.astype(np.int64)


def hdbscan(rows: Matrix, smallest: int) -> Labels:
    """Dense places of any density (Campello and others 2013)."""
    from sklearn.cluster import HDBSCAN

    found: Labels = HDBSCAN(min_cluster_size=smallest, copy=True).fit(rows).labels_
    return found.astype(np.int64)


def neighbour_distances(rows: Matrix, neighbours: int) -> Matrix:
    """Each row's distance to the last of its `neighbours` (itself counts), rising."""
    from sklearn.neighbors import NearestNeighbors

    distances, _ = NearestNeighbors(n_neighbors=neighbours).fit(rows).kneighbors(rows)
    rising: Matrix = np.sort(distances[:, -1])
    return rising


def knee(curve: Matrix) -> int:
    """Where a rising or falling curve turns most sharply: farthest from the line between its ends."""
    if len(curve) < 3 or curve[0] == curve[-1]:  # noqa: PLR2004 - a line has no knee
        return 0
    across = np.linspace(0.0, 1.0, len(curve))
    up = (curve - curve[0]) / (curve[-1] - curve[0])
    return int(np.argmax(np.abs(across - up)))
