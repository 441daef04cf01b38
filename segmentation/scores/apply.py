"""What a fitted model expects of people: a pure function of each one's traits. Needs NumPy alone."""

import numpy as np
import pyarrow as pa

from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.sample import slices
from passerelle.segmentation.quality.measure import psi
from passerelle.segmentation.scores.known import ScoreStanding
from passerelle.segmentation.scores.lifetime import Lifetime, Purchases
from passerelle.segmentation.scores.measures import shares
from passerelle.segmentation.scores.model import Reference, ScoreModel
from passerelle.segmentation.scores.predict import log_odds, squashed
from passerelle.segmentation.scores.rows import rows_of

DAY = 86_400
BUYING = ("purchases", "first", "last", "spent")
"""What of somebody's purchases is looked at: days with one, seconds since the first and the last, the sum."""
WATCHED = "the mean purchase"
_AT_ONCE = 262_144
_DIGITS = 9


def expected(model: ScoreModel, raw: pa.Table) -> Matrix:
    """Of each person a probability, to nine digits after the point, or an amount, to the cent."""
    made = np.empty(raw.num_rows)
    for part in slices(raw.num_rows, _AT_ONCE):
        some = raw.slice(part.start, part.stop - part.start)
        if isinstance(model.predictor, Lifetime):
            made[part] = np.round(model.predictor.spending(purchases(some), model.horizon / DAY), 2)
        else:
            slope, start = model.calibration
            probability = model.predictor.probability(rows_of(some, model.columns))
            made[part] = np.round(squashed(log_odds(probability) * slope + start), _DIGITS)
    return made


def purchases(raw: pa.Table) -> Purchases:
    """The columns of `BUYING`, of people with a purchase, as the models of lifetimes want them."""
    number, first, last, spent = (raw[name].to_numpy() for name in BUYING)
    age, span = first / DAY, (first - last) / DAY
    return Purchases(number - 1, np.where(number > 1, span, 0.0), age, spent / number)


def looked_at(model: ScoreModel, raw: pa.Table) -> Matrix:
    """The columns whose spread is watched. Of purchases, how much each brought: the rest only grows with time."""
    if isinstance(model.predictor, Lifetime):
        return purchases(raw).mean[:, None]
    return rows_of(raw, model.columns)


def standing(model: ScoreModel, raw: pa.Table, found: Matrix) -> ScoreStanding:
    """How the model does on these people, and what `found` it expects of them."""
    columns = looked_at(model, raw)
    watched = [found, *(columns[:, place] for place in range(columns.shape[1]))]
    moved = [(_moved(one, values), one.name) for one, values in zip(model.reference, watched, strict=True)]
    drift, which = max(moved, key=lambda each: each[0]) if raw.num_rows else (0.0, "")
    return ScoreStanding(raw.num_rows, round(float(found.mean()), 6) if raw.num_rows else 0.0, drift, which)


def _moved(reference: Reference, values: Matrix) -> float:
    return psi(reference.shares, shares(values, np.array(reference.edges)))
