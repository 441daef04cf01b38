"""Shoppers who buy at a rate of their own until they leave for good, and what is learnt of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from passerelle.segmentation import Dataset, History, Membership, MemoryHistory, SegmentFile, evaluate
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.scores.file import ScoreFile
from passerelle.segmentation.scores.fit import fit
from passerelle.segmentation.scores.known import Scores
from passerelle.segmentation.scores.model import ScoreModel
from passerelle.segmentation.scores.people import Learnable, learnable
from passerelle.workflows.settings.load import validated
from tests.segmentation.world import Row, T, World, persons, purchase

FEATURES: Mapping[str, Any] = {"recency_days": {"log": True}, "orders_365d": {"log": True}, "usual_gap_days": {}}
PEOPLE = 500
DAYS = 540


def asked(**more: Any) -> ScoreFile:  # noqa: ANN401 - as a file says it
    """What a file asks for: whether people buy within 30 days, by logistic regression alone."""
    written = {
        "score": "buys",
        "will": "purchase",
        "within": "30d",
        "population": {"did": "purchase"},
        "features": FEATURES,
        "learners": {"logistic": {"c": [1]}},
        "cuts": 3,
        **more,
    }
    return validated(ScoreFile, {key: value for key, value in written.items() if value is not None})


def spending(**more: Any) -> ScoreFile:  # noqa: ANN401 - as a file says it
    """What people bring within 90 days."""
    return asked(will=None, features=None, learners=None, cuts=None, will_spend="purchase.amount", within="90d", **more)


@cache
def orders() -> tuple[Row, ...]:
    """Purchases of everybody: a gamma of rates, a beta of leaving after each one, a gamma of amounts."""
    chance = np.random.default_rng(5)
    found: list[Row] = []
    for person in range(1, PEOPLE + 1):
        rate, leaves, usual = chance.gamma(1.2, 1 / 25), chance.beta(1.2, 6), chance.gamma(6, 8)
        ago = chance.uniform(0, DAYS)
        while ago > 0:
            found.append(
                purchase(person, round(float(ago), 3), max(100, round(100 * float(chance.gamma(5, usual / 5)))))
            )
            if chance.uniform() < leaves:
                break
            ago -= chance.exponential(1 / rate)
    return tuple(found)


@dataclass
class ScoreWorld:
    """A world with one score."""

    world: World
    file: ScoreFile
    history: History
    dataset: Dataset
    segments: Mapping[str, SegmentFile]
    as_of: int = T

    @property
    def resolver(self) -> Resolver:
        return Resolver.of(self.world.modelled(), self.segments, self.dataset)

    def look(self) -> Learnable:
        return learnable(
            self.file.score, self.file, self.resolver, self.dataset, as_of=self.as_of, history=self.history
        )

    def fit(self) -> ScoreModel:
        return fit(self.file, self.look())

    def using(self, model: ScoreModel | None) -> "ScoreWorld":
        models = {} if model is None else {self.file.score: model}
        return replace(self, dataset=replace(self.dataset, scores=Scores({self.file.score: self.file}, models)))

    def run(self, *files: SegmentFile, as_of: int = T, **more: Any) -> dict[str, Membership]:  # noqa: ANN401
        segments = {**self.segments, **{file.segment: file for file in files}}
        return evaluate(
            [file.segment for file in files],
            model=self.world.modelled(),
            segments=segments,
            dataset=self.dataset,
            as_of=as_of,
            history=self.history,
            **more,
        )


def in_world(folder: Path, file: ScoreFile | None = None, step: int = 1, **world: Any) -> ScoreWorld:  # noqa: ANN401
    """The shoppers in files of a lake; `step` -1: the rows the other way round."""
    everybody = persons(*range(1, PEOPLE + 21))
    found = World(folder, **{"people": everybody[::step], "orders": orders()[::step], **world})
    return ScoreWorld(found, file or asked(), MemoryHistory(), found.dataset(), {}).using(None)
