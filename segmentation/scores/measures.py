"""How good probabilities are. Exact, and the same whatever the order of rows."""

from dataclasses import dataclass

import numpy as np

from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.sample import Labels

_WHOLE = 100_000


def ranks(values: Matrix) -> Matrix:
    """1 for the smallest; equals share the mean of their ranks."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    found: Matrix = (last - (counts - 1) / 2)[where]
    return found


def auc(outcome: Labels, scores: Matrix) -> float:
    """How probably somebody of the one outcome has a greater score than somebody of the other; a tie is half.

    0.5 where there is only one outcome.
    """
    yes = int(outcome.sum())
    no = len(outcome) - yes
    if not yes or not no:
        return 0.5
    return float((ranks(scores)[outcome == 1].sum() - yes * (yes + 1) / 2) / (yes * no))


def brier(outcome: Labels, probabilities: Matrix) -> float:
    """The mean squared error: 0 is perfect."""
    return float(np.mean((probabilities - outcome) ** 2))


@dataclass(frozen=True, slots=True)
class Confusion:
    """Of people at or above a cut, and below it, how many did it, and how many did not."""

    above_yes: int
    above_no: int
    below_yes: int
    below_no: int

    @property
    def precision(self) -> float:
        """Of those above the cut, the share that did it."""
        return _share(self.above_yes, self.above_yes + self.above_no)

    @property
    def recall(self) -> float:
        """Of those who did it, the share above the cut."""
        return _share(self.above_yes, self.above_yes + self.below_yes)

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return _share(2 * self.above_yes, 2 * self.above_yes + self.above_no + self.below_yes)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def confusion(outcome: Labels, probabilities: Matrix, cut: float) -> Confusion:
    """What becomes of people at a cut."""
    above, yes = probabilities >= cut, outcome == 1
    return Confusion(*(int(each.sum()) for each in (above & yes, above & ~yes, ~above & yes, ~above & ~yes)))


def best_cut(outcome: Labels, probabilities: Matrix) -> float:
    """The cut with the greatest F1; of equals the greatest."""
    cuts, hits, called = _steps(outcome, probabilities)
    f1 = 2 * hits / (called + outcome.sum())
    return float(cuts[int(np.argmax(f1))])


def roc(outcome: Labels, probabilities: Matrix, points: int = 60) -> list[tuple[float, float]]:
    """Some points of the curve, from (0, 0) to (1, 1): the share of the others above a cut, and of those who did it."""
    _, hits, called = _steps(outcome, probabilities)
    yes = int(outcome.sum())
    across = np.concatenate([[0.0], (called - hits) / max(len(outcome) - yes, 1)])
    up = np.concatenate([[0.0], hits / max(yes, 1)])
    places = np.unique(np.linspace(0, len(across) - 1, min(points, len(across))).round().astype(int))
    return [(float(across[place]), float(up[place])) for place in places]


def _steps(outcome: Labels, probabilities: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """For each different value as a cut, the greatest first: it, how many above did it, how many are above."""
    values, where = np.unique(-probabilities, return_inverse=True)
    hits = np.bincount(where, weights=outcome, minlength=len(values))
    called = np.bincount(where, minlength=len(values)).astype(float)
    return -values, np.cumsum(hits), np.cumsum(called)


@dataclass(frozen=True, slots=True)
class Bin:
    """People with nearly the same probability: how many, what was expected of them, and what they did."""

    people: int
    expected: float
    happened: float


def reliability(outcome: Matrix | Labels, expected: Matrix) -> list[Bin]:
    """People by what is expected of them, in up to ten bins of about a hundred people or more; equals stay together."""
    bins = min(10, max(4, len(expected) // 100))
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, bins + 1)[1:-1], method="higher"))
    where = np.searchsorted(edges, expected, side="left")
    found = []
    for each in np.unique(where):
        here = where == each
        found.append(Bin(int(here.sum()), float(expected[here].mean()), float(outcome[here].mean())))
    return found


def calibration_error(bins: list[Bin]) -> float:
    """How far what happened lies from what was expected, on average over people."""
    everybody = sum(each.people for each in bins)
    return sum(each.people * abs(each.expected - each.happened) for each in bins) / everybody if everybody else 0.0


def tenths(values: Matrix) -> Matrix:
    """The values that part people into ten groups of about the same size; fewer where many are equal."""
    known = values[~np.isnan(values)]
    return np.unique(np.quantile(known, np.linspace(0, 1, 11)[1:-1], method="higher")) if len(known) else known


def shares(values: Matrix, edges: Matrix) -> list[int]:
    """Of a hundred thousand, how many lie between each two of these edges, and, as the last, have no value."""
    known = ~np.isnan(values)
    where = np.where(known, np.searchsorted(edges, np.where(known, values, 0), side="left"), len(edges) + 1)
    counts = np.bincount(where, minlength=len(edges) + 2)
    return [round(each) for each in (counts * _WHOLE / max(len(values), 1)).tolist()]
