"""People as they were at past moments, what became of them, and what a fitted model expects of people now.

A moment's features are computed as of that moment, so nothing that happened at it or later is in them. Its outcome is
computed as of the moment's end, from the moment on. The newest moment lies so far back that its end has come.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.history import History
from passerelle.segmentation.language.words import in_words
from passerelle.segmentation.learning.people import people_of, snapshot
from passerelle.segmentation.learning.sample import drawn
from passerelle.segmentation.literals import CENTS
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.rules import Operand, Sort
from passerelle.segmentation.scores.apply import expected, standing
from passerelle.segmentation.scores.asked import Asked
from passerelle.segmentation.scores.file import ScoreFile
from passerelle.segmentation.scores.known import ScoreStanding

_MICRO = 1_000_000
_HOUR = 3_600
_SILENT = 10
"""Where nothing happened in the last tenth of the newest moment's time, data is missing, not customers."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A past moment (`at`, µs UTC): a row per person of the population as it was then, and what became of each."""

    at: int
    raw: pa.Table
    outcome: npt.NDArray[np.float64]
    """1 where it happened (of churn: where it did not), else 0; of spending the amount."""


@dataclass(frozen=True, slots=True)
class Learnable:
    """All that a fit looks at: moments, the newest first."""

    cuts: tuple[Cut, ...]
    as_of: int
    snapshot: str
    question: str
    excluded: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scored:
    """Everybody of a population now: `subject_id` and `score`; and how the model does."""

    rows: pa.Table
    standing: ScoreStanding


def learnable(
    name: str, file: ScoreFile, resolver: Resolver, dataset: Dataset, *, as_of: int, history: History
) -> Learnable:
    """People at past moments and what became of them by `as_of` (µs UTC).

    Raises `Misdefined` before any data is read, and `HeldBack` where the newest data is missing.
    """
    asked = resolver.scored(name)
    _fresh(asked, file, resolver, dataset, as_of=as_of, history=history)
    length = file.within * _MICRO
    number = 1 if file.kind == "will_spend" else file.cuts
    cuts = tuple(
        _cut(asked, file, resolver, dataset, at=as_of - (place + 1) * length, history=history)
        for place in range(number)
    )
    found = snapshot(resolver.catalogue.tables.values(), dataset)
    return Learnable(cuts, as_of, found, asked.question, asked.excluded)


def _cut(asked: Asked, file: ScoreFile, resolver: Resolver, dataset: Dataset, *, at: int, history: History) -> Cut:
    raw = population(asked, resolver, dataset, as_of=at, history=history)
    raw = raw.take(pa.array(drawn(raw["subject_id"].to_numpy(), file.sample, file.seed)))
    end = at + file.within * _MICRO
    happened = _everybody({"outcome": asked.outcome}, resolver, dataset, as_of=end, history=history)
    where = pc.index_in(raw["subject_id"], happened["subject_id"].combine_chunks())
    outcome = pc.fill_null(happened["outcome"].combine_chunks().take(where), 0.0).to_numpy(zero_copy_only=False)
    if file.kind == "will_spend":
        return Cut(at, raw, outcome)
    did = outcome > 0
    return Cut(at, raw, (did if file.kind == "will" else ~did).astype(np.float64))


def population(asked: Asked, resolver: Resolver, dataset: Dataset, *, as_of: int, history: History) -> pa.Table:
    """Whom a score is about at an instant, with what it is learnt from. Without a purchase nobody spends."""
    made = asked.made
    raw = people_of(
        resolver, dataset, made.traits, made.population, uses=made.uses, as_of=as_of, history=history
    ).combine_chunks()
    return raw.filter(pc.greater(raw["purchases"], 0)) if asked.spending else raw


def _everybody(
    traits: Mapping[str, Operand], resolver: Resolver, dataset: Dataset, *, as_of: int, history: History
) -> pa.Table:
    return people_of(resolver, dataset, traits, None, uses=(), as_of=as_of, history=history)


def _fresh(
    asked: Asked, file: ScoreFile, resolver: Resolver, dataset: Dataset, *, as_of: int, history: History
) -> None:
    found = _everybody({"latest": asked.latest}, resolver, dataset, as_of=as_of, history=history)
    newest = pc.min(found["latest"]).as_py()
    if newest is None:
        raise HeldBack(
            f"Nobody ever did what the score `{file.score}` is about.", advice="Pull more, or look at the event's name."
        )
    if newest * _HOUR > max(file.within // _SILENT, _HOUR):
        raise HeldBack(
            f"What the score `{file.score}` is about last happened {int(newest)} hours ago: whoever did nothing since "
            f"would be taken for gone, in {in_words(file.within)} of which the end is missing.",
            advice="Run `passerelle pull`; or fit as of the moment to which the data reaches, with --as-of.",
        )


def scores_of(
    names: Iterable[str], resolver: Resolver, dataset: Dataset, *, as_of: int, history: History
) -> dict[str, Scored]:
    """What each of these scores expects of people now; all of them have a model."""
    found: dict[str, Scored] = {}
    for name in names:
        asked, model = resolver.scored(name), dataset.scores.models[name]
        raw = population(asked, resolver, dataset, as_of=as_of, history=history)
        values = expected(model, raw)
        money = asked.outcome.type.sort is Sort.MONEY and model.kind == "will_spend"
        column = pa.array(np.round(values * CENTS).astype(np.int64)) if money else pa.array(values)
        rows = pa.table({"subject_id": raw["subject_id"], "score": column})
        found[name] = Scored(rows, standing(model, raw, values))
    return found
