"""How much people will spend: fitted on their purchases before a moment, held against what they spent after it."""

from importlib.metadata import version

import numpy as np

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.model import short
from passerelle.segmentation.learning.sample import Labels
from passerelle.segmentation.scores import measures
from passerelle.segmentation.scores.apply import DAY, expected, purchases
from passerelle.segmentation.scores.file import ScoreFile
from passerelle.segmentation.scores.lifetime import Lifetime, Purchases, fit_amounts, fit_purchases
from passerelle.segmentation.scores.model import Baseline, Bin, Moment, Quality, ScoreModel
from passerelle.segmentation.scores.people import Cut, Learnable
from passerelle.segmentation.scores.spread import references

LEAST = 50
"""People, at least, who bought on more than one day."""

_TOP = 0.9
_TOGETHER = 0.3
_AT_END = (
    "A parameter lies at the end of its range: people are more alike, or more of two kinds, than the models can say. "
    "Look at calibration before you rely on amounts."
)


def fit_spending(file: ScoreFile, looked: Learnable) -> ScoreModel:
    """BG/NBD and gamma-gamma of the purchases before the newest moment. Raises `HeldBack` where too few came back."""
    (cut,) = looked.cuts
    of = purchases(cut.raw)
    again = int((of.again > 0).sum())
    if again < LEAST:
        raise HeldBack(
            f"Only {again} of {cut.raw.num_rows} people bought on more than one day before the moment that is learnt "
            f"from: at least {LEAST} are needed.",
            advice="Widen `population`, ask for a shorter time with `within`, or pull older purchases.",
        )
    paid = of.mean > 0
    bought, brought = fit_purchases(of), fit_amounts((of.again + 1)[paid], of.mean[paid])
    predictor = Lifetime(
        **dict(zip(("r", "alpha", "a", "b", "p", "q", "gamma"), bought.values + brought.values, strict=True))
    )
    model = ScoreModel(
        definition=file.digest,
        snapshot=looked.snapshot,
        as_of=looked.as_of,
        made_with={name: version(name) for name in ("numpy", "scipy")},
        score=file.score,
        kind=file.kind,
        question=looked.question,
        horizon=file.within,
        seed=file.seed,
        learner="bg_nbd_and_gamma_gamma",
        settings={name: float(value) for name, value in predictor.model_dump(exclude={"form"}).items()},
        columns=[],
        predictor=predictor,
        cut=0.0,
        moments=[
            Moment(at=cut.at, used="test", people=cut.raw.num_rows, outcomes=int((cut.outcome > 0).sum())),
        ],
        imbalance="",
        compared=[],
        reason="Its seven parameters follow from days with purchases and amounts; there is nothing to choose from.",
        baselines=[],
        importance=[],
        left_out=[],
        quality=Quality(auc=0, error=0, calibration_error=0),
        roc=[],
        reliability=[],
        reference=[],
        notes=[*_notes(of), *([_AT_END] if bought.at_end or brought.at_end else [])],
    )
    return _with_card(model, cut, of)


def _notes(of: Purchases) -> list[str]:
    found = ["What somebody pays is taken to have nothing to do with how often they buy."]
    several = of.again > 0
    together = float(np.corrcoef(of.again[several], of.mean[several])[0, 1]) if of.mean[several].std() > 0 else 0.0
    if abs(together) > _TOGETHER:
        found.append(
            f"How often people buy and how much they pay do go together here (correlation {together:+.2f}): amounts of "
            "the most frequent are off."
        )
    return found


def _with_card(model: ScoreModel, cut: Cut, of: Purchases) -> ScoreModel:
    found, spent = expected(model, cut.raw), cut.outcome
    did = (spent > 0).astype(np.int64)
    bins = measures.reliability(spent, found)
    total = float(spent.sum())
    quality = Quality(
        auc=short(measures.auc(did, found)),
        error=short(float(np.abs(found - spent).mean())),
        calibration_error=short(abs(float(found.sum()) - total) / total) if total > 0 else 1.0,
        rank_correlation=short(_correlation(measures.ranks(found), measures.ranks(spent))),
    )
    return model.model_copy(
        update={
            "cut": short(float(np.quantile(found, _TOP, method="higher"))),
            "quality": quality,
            "baselines": _baselines(model, of, did, spent),
            "roc": [(short(across), short(up)) for across, up in measures.roc(did, found)],
            "reliability": [
                Bin(people=each.people, expected=short(each.expected), happened=short(each.happened)) for each in bins
            ],
            "reference": references(model, cut.raw, found),
        }
    )


def _baselines(model: ScoreModel, of: Purchases, did: Labels, spent: Matrix) -> list[Baseline]:
    same = float(np.abs(spent - spent.mean()).mean())
    rate = (of.again + 1) * np.maximum(of.mean, 0) / np.maximum(of.age, 1) * (model.horizon / DAY)
    return [
        Baseline(what="everybody the mean", auc=0.5, error=short(same)),
        Baseline(
            what="as much per day as until now",
            auc=short(measures.auc(did, rate)),
            error=short(float(np.abs(rate - spent).mean())),
        ),
    ]


def _correlation(one: Matrix, other: Matrix) -> float:
    return float(np.corrcoef(one, other)[0, 1]) if one.std() > 0 and other.std() > 0 else 0.0
