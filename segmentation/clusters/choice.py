"""How many groups: elbow, silhouette and gap statistic side by side, and a suggestion with its reason."""

from collections.abc import Callable, Sequence

import numpy as np

from passerelle.segmentation.clusters.measures import silhouette, within
from passerelle.segmentation.clusters.methods import cut, hierarchy, kmeans, knee
from passerelle.segmentation.clusters.model import Criteria
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.model import short
from passerelle.segmentation.learning.sample import Labels

_REFERENCES = 6
_STARTS = 2

Groupings = Callable[[Matrix, Sequence[int], int], dict[int, Labels]]
"""Rows, numbers of groups and a seed in; a grouping per number out."""


def by_kmeans(rows: Matrix, numbers: Sequence[int], seed: int) -> dict[int, Labels]:
    """K-means for each number."""
    return {number: kmeans(rows, number, seed, starts=_STARTS) for number in numbers}


def by_hierarchy(rows: Matrix, numbers: Sequence[int], _seed: int) -> dict[int, Labels]:
    """One hierarchy, cut at each number."""
    merges = hierarchy(rows)
    return {number: cut(merges, number) for number in numbers}


def criteria(rows: Matrix, low: int, high: int, *, groupings: Groupings, seed: int) -> Criteria:
    """What speaks for each number of groups from `low` to `high`, on these rows (a few thousand at most)."""
    high = min(high, len(np.unique(rows, axis=0)) - 1)
    low = min(low, max(high, 2))
    shown = list(range(low, max(high, low) + 1))
    numbers = [low - 1, *shown, shown[-1] + 1]
    labels = groupings(rows, numbers, seed)
    inside = np.array([within(rows, labels[number]) for number in numbers])
    gap, error = _gaps(rows, numbers, inside, groupings, seed)
    held = [silhouette(rows, labels[number]) for number in shown]
    elbow = numbers[:-1][knee(inside[:-1])] if len(shown) > 1 else low
    elbow = max(elbow, low)
    best = shown[int(np.argmax(held))]
    enough = [number for index, number in enumerate(shown, 1) if gap[index] >= gap[index + 1] - error[index + 1]]
    best_gap = enough[0] if enough else shown[-1]
    suggested, reason = _suggestion(elbow, best, best_gap, closed=bool(enough))
    return Criteria(
        groups=shown,
        within=[short(each) for each in inside[1:-1]],
        silhouette=[short(each) for each in held],
        gap=[short(each) for each in gap[1:-1]],
        gap_error=[short(each) for each in error[1:-1]],
        elbow=elbow,
        best_silhouette=best,
        best_gap=best_gap,
        suggested=suggested,
        reason=reason,
    )


def _gaps(
    rows: Matrix, numbers: Sequence[int], inside: Matrix, groupings: Groupings, seed: int
) -> tuple[Matrix, Matrix]:
    """Tibshirani, Walther and Hastie (2001): against people spread evenly over the same ranges."""
    chance = np.random.default_rng([seed, 1])
    logs = np.empty((_REFERENCES, len(numbers)))
    for each in range(_REFERENCES):
        even = chance.uniform(rows.min(axis=0), rows.max(axis=0), rows.shape)
        found = groupings(even, numbers, seed)
        logs[each] = [_log(within(even, found[number])) for number in numbers]
    gap = logs.mean(axis=0) - np.array([_log(each) for each in inside])
    return gap, logs.std(axis=0) * np.sqrt(1 + 1 / _REFERENCES)


def _log(value: float) -> float:
    return float(np.log(max(value, 1e-300)))


def _suggestion(elbow: int, best: int, gap: int, *, closed: bool) -> tuple[int, str]:
    by_gap = f"the gap statistic says {gap}" if closed else f"the gap statistic still rises at {gap}"
    said = f"The silhouette is greatest at {best}, the elbow is at {elbow}, {by_gap}."
    votes = [elbow, best, *([gap] if closed else [])]
    for number in (best, elbow):
        if votes.count(number) > 1:
            how = "All three agree" if votes.count(number) > 2 else "Two agree"  # noqa: PLR2004 - there are three
            return number, f"{said} {how} on {number}."
    return best, f"{said} They differ: the silhouette is taken, since it looks at each person's own group and the next."
