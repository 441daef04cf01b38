"""Which features, which learner and which settings: by folds in time, with a reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.sample import Labels
from passerelle.segmentation.scores.file import Search, Select
from passerelle.segmentation.scores.learners import Forms, Learner, Logistic, Settings
from passerelle.segmentation.scores.measures import auc
from passerelle.segmentation.scores.predict import Linear, log_odds, squashed

_FAR, _HALVINGS = 40.0, 60
_AS_GOOD = 0.005
"""Of learners whose AUC is at most so much below the best, the simplest is taken."""


@dataclass(frozen=True, slots=True)
class Training:
    """Rows of all past moments but the newest, what became of each, and from which moment it is (1: the newest)."""

    rows: Matrix
    outcome: Labels
    moment: npt.NDArray[np.int64]

    def folds(self) -> list[tuple[Labels, Labels]]:
        """Rows to learn from, and later ones to try it on: each moment by all that lie before it."""
        last = int(self.moment.max())
        return [
            (np.flatnonzero(self.moment > moment), np.flatnonzero(self.moment == moment)) for moment in range(1, last)
        ]


@dataclass(frozen=True, slots=True)
class Tried:
    """A learner with its best settings."""

    name: str
    learner: Learner
    settings: Settings
    tried: int
    fold_auc: float
    folds: tuple[tuple[Labels, Matrix], ...]
    """Of each fold, the outcomes and what was expected."""


def weights(outcome: Labels, imbalance: str) -> Matrix:
    """How much each row counts; their mean is 1."""
    if imbalance == "keep":
        return np.ones(len(outcome))
    yes = outcome.mean()
    made: Matrix = np.where(outcome == 1, 0.5 / yes, 0.5 / (1 - yes))
    return made


def tried(name: str, one: Learner, options: Sequence[Settings], of: Training, *, imbalance: str, seed: int) -> Tried:
    """The best of some settings over the folds; of equals the first."""
    best: Tried | None = None
    for settings in options:
        folds = tuple(
            (
                of.outcome[later],
                learnt(one, of, before, settings, imbalance=imbalance, seed=seed).probability(of.rows[later]),
            )
            for before, later in of.folds()
        )
        found = round(float(np.mean([auc(outcome, expected) for outcome, expected in folds])), 9)
        if best is None or found > best.fold_auc:
            best = Tried(name, one, settings, len(options), found, folds)
    if best is None:  # pragma: no cover - a search tries at least one
        raise ValueError("nothing was tried")
    return best


def learnt(one: Learner, of: Training, places: Labels, settings: Settings, *, imbalance: str, seed: int) -> Forms:
    """A learner's numbers, from some of the rows."""
    outcome = of.outcome[places]
    return one.learn(of.rows[places], outcome, weights(outcome, imbalance), settings, seed)


def searched(options: list[dict[str, float]], search: Search, seed: int) -> list[dict[str, float]]:
    """The settings that are tried: all, or some drawn by the seed."""
    if search.by == "grid" or len(options) <= search.tries:
        return options
    picked = np.sort(np.random.default_rng([seed, 3]).permutation(len(options))[: search.tries])
    return [options[place] for place in picked]


def chosen(found: Sequence[Tried]) -> tuple[Tried, str]:
    """The learner to use, and why."""
    best = max(each.fold_auc for each in found)
    good = [each for each in found if each.fold_auc >= best - _AS_GOOD]
    simplest = min(good, key=lambda each: (each.learner.simplicity, -each.fold_auc, each.name))
    said = ", ".join(f"{each.name} {each.fold_auc:.3f}" for each in sorted(found, key=lambda one: -one.fold_auc))
    if len(found) == 1:
        return simplest, f"It alone was tried; its AUC over the folds is {simplest.fold_auc:.3f}."
    if simplest.fold_auc == best:
        return simplest, f"Its AUC over the folds is the greatest: {said}."
    return simplest, f"It is the simplest of those within {_AS_GOOD} of the greatest AUC over the folds: {said}."


def selected(rows: Matrix, outcome: Labels, names: Sequence[str], select: Select) -> dict[int, str]:
    """Places of columns that are left out, and why."""
    strength = [abs(auc(outcome, rows[:, place]) - 0.5) for place in range(len(names))]
    out: dict[int, str] = {}
    if select.correlation is not None and len(names) > 1:
        out |= _doubles(rows, strength, names, float(select.correlation))
    kept = [place for place in range(len(names)) if place not in out]
    while select.features is not None and len(kept) > select.features:
        found = Logistic().learn(rows[:, kept], outcome, np.ones(len(outcome)), {"c": 0.1}, 0)
        weakest = int(np.argmin(np.abs(Linear.model_validate(found).weights)))
        out[kept.pop(weakest)] = f"the weakest of {len(kept) + 1} (RFE)"
    return out


def _doubles(rows: Matrix, strength: Sequence[float], names: Sequence[str], most: float) -> dict[int, str]:
    deviation: Matrix = np.asarray(rows.std(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        together: Matrix = np.asarray(np.nan_to_num(np.corrcoef(rows.T)))
    out: dict[int, str] = {}
    kept: list[int] = []
    for place in sorted(range(len(names)), key=lambda each: (-round(strength[each], 9), names[each])):
        if deviation[place] == 0:
            out[place] = "everybody has the same value"
            continue
        twin = next((other for other in kept if abs(together[place, other]) > most), None)
        if twin is None:
            kept.append(place)
        else:
            out[place] = f"goes together with {names[twin]} (correlation {together[place, twin]:+.3f})"
    return out


def calibrated(folds: Sequence[tuple[Labels, Matrix]], said: Matrix, rate: float) -> tuple[float, float]:
    """Platt's two numbers: how sure the learner may be of people it had not seen, and their mean set right.

    The first comes from the folds, each with a mean of its own: one moment's people may do it more often than
    another's, and that says nothing of the learner. The second makes `said`, of all that it learnt from, `rate`.
    """
    from sklearn.linear_model import LogisticRegression

    outcome = np.concatenate([each for each, _ in folds])
    odds = np.concatenate([log_odds(each) for _, each in folds])
    fold = np.concatenate([np.full(len(each), place) for place, (each, _) in enumerate(folds)])
    rows = np.column_stack([odds, *(fold == place for place in range(len(folds)))]).astype(np.float64)
    made = LogisticRegression(C=1e6, max_iter=2_000, tol=1e-9, fit_intercept=False).fit(rows, outcome)
    slope = float(made.coef_[0, 0])
    slope = slope if slope > 0 else 1.0
    low, high = -_FAR, _FAR
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if recalibrated(said, slope, middle).mean() < rate else (low, middle)
    return slope, (low + high) / 2


def recalibrated(probabilities: Matrix, slope: float, start: float) -> Matrix:
    """Probabilities, set right by Platt's two numbers."""
    return squashed(log_odds(probabilities) * slope + start)


def strongest(rows: Matrix, outcome: Labels, names: Sequence[str]) -> tuple[int, int]:
    """The column that alone tells people apart best, and in which direction (1 or -1)."""
    alone = [round(auc(outcome, rows[:, place]) - 0.5, 9) for place in range(len(names))]
    place = max(range(len(names)), key=lambda each: (abs(alone[each]), names[each]))
    return place, 1 if alone[place] >= 0 else -1


def telltale(rows: Matrix, outcome: Labels, names: Mapping[int, str], limit: float) -> list[str]:
    """Columns that alone tell the outcome almost surely: they know it, rather than foretell it."""
    alone = {name: auc(outcome, rows[:, place]) for place, name in names.items()}
    return [name for name, found in alone.items() if max(found, 1 - found) >= limit]
