"""Scores that nobody fitted, for engines in whose environment there is nothing to learn with."""

from typing import Any

from passerelle.segmentation.learning.model import Feature
from passerelle.segmentation.scores.file import ScoreFile
from passerelle.segmentation.scores.known import Scores
from passerelle.segmentation.scores.lifetime import Lifetime
from passerelle.segmentation.scores.model import Column, Quality, Reference, ScoreModel
from passerelle.segmentation.scores.predict import Linear
from passerelle.workflows.settings.load import validated
from tests.segmentation.world import T


def model(file: ScoreFile, columns: list[Column], predictor: Linear | Lifetime) -> ScoreModel:
    """A model with these numbers, which no drift troubles."""
    return ScoreModel(
        definition=file.digest,
        snapshot="",
        as_of=T,
        made_with={},
        score=file.score,
        kind=file.kind,
        question="",
        horizon=file.within,
        seed=1,
        learner="",
        settings={},
        columns=columns,
        predictor=predictor,
        cut=0.5,
        moments=[],
        imbalance="",
        compared=[],
        reason="",
        baselines=[],
        importance=[],
        left_out=[],
        quality=Quality(auc=1, error=0, calibration_error=0),
        roc=[],
        reliability=[],
        reference=[Reference(name="", edges=[], shares=[100_000, 0]) for _ in range(1 + max(len(columns), 1))],
    )


def scores() -> Scores:
    """A probability of whoever bought, and an amount."""
    features: dict[str, Any] = {"spent": {}, "orders_365d": {"log": True}, "usual_gap_days": {}}
    asked: dict[str, Any] = {"within": "30d", "population": {"did": "purchase"}}
    soon = validated(ScoreFile, {"score": "soon", "will": "purchase", "features": features, **asked})
    worth = validated(ScoreFile, {"score": "worth", "will_spend": "purchase.amount", **asked})
    columns = [
        Column(feature=Feature(trait="spent", centre=200.0, spread=150.0)),
        Column(feature=Feature(trait="orders_365d", log=True, centre=1.2, spread=0.5)),
        Column(feature=Feature(trait="usual_gap_days", centre=60.0, spread=40.0)),
        Column(feature=Feature(trait="usual_gap_days", centre=60.0, spread=40.0), gap=True),
    ]
    lives = Lifetime(r=0.8, alpha=40, a=0.9, b=3, p=4, q=5, gamma=120)
    return Scores(
        {"soon": soon, "worth": worth},
        {
            "soon": model(soon, columns, Linear(weights=[0.4, 0.9, -0.3, -0.5], start=-0.2)),
            "worth": model(worth, [], lives),
        },
    )
