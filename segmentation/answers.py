"""What fitted models say of people in one run, and which of them may not be relied on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain

import pyarrow as pa

from passerelle.segmentation.clusters import known as clusters
from passerelle.segmentation.clusters.assign import Standing
from passerelle.segmentation.clusters.people import Grouped, groups_of
from passerelle.segmentation.clusters.sequences import strayed
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.history import History
from passerelle.segmentation.language.documents import RequiredModel
from passerelle.segmentation.learning.unfit import Unfit
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.scores import known as scores
from passerelle.segmentation.scores.people import Scored, scores_of


@dataclass(frozen=True, slots=True)
class Answers:
    """Of each model, by what rules call it: `subject_id` and a column for each answer; and how it does."""

    rows: Mapping[str, pa.Table] = field(default_factory=dict)
    standings: Mapping[str, Standing | scores.ScoreStanding] = field(default_factory=dict)

    @classmethod
    def of(cls, needs: Needs, resolver: Resolver, dataset: Dataset, *, as_of: int, history: History) -> "Answers":
        """Those of all models in `needs`, each of which was fitted."""
        groups = groups_of(sorted(needs.clusters), resolver, dataset, as_of=as_of, history=history)
        found = scores_of(sorted(needs.scores), resolver, dataset, as_of=as_of, history=history)
        by_word: dict[str, Grouped | Scored] = {
            **{f"cluster.{name}": each for name, each in groups.items()},
            **{f"score.{name}": each for name, each in found.items()},
        }
        return cls(
            {word: each.rows for word, each in by_word.items()}, {word: each.standing for word, each in by_word.items()}
        )


def unfit_models(resolver: Resolver, dataset: Dataset, name: str, as_of: int) -> Unfit | None:
    """Why a segment, or one that it refers to, may not be computed; None where nothing speaks against it yet."""
    for segment in resolver.reached([name]).values():
        if (found := _unfit(Needs.of([segment]), resolver, dataset, segment.require, as_of)) is not None:
            return found
    return None


def unfit_value(resolver: Resolver, dataset: Dataset, word: str, as_of: int) -> Unfit | None:
    """Why a trait may be told of nobody as their value: the score that it is may not be relied on, by its own gates."""
    return _unfit(_of_value(resolver, word), resolver, dataset, None, as_of)


def _of_value(resolver: Resolver, word: str) -> Needs:
    needs = Needs()
    needs.add_operand(resolver.amount(word))
    return needs


def _unfit(
    needs: Needs, resolver: Resolver, dataset: Dataset, require: RequiredModel | None, as_of: int
) -> Unfit | None:
    groups = (clusters.unfit(dataset.clusters, each, named, require, as_of) for each, named in needs.clusters.items())
    found = (scores.unfit(dataset.scores, each, require, as_of) for each in needs.scores)
    ways = (strayed(resolver, dataset.clusters.models[each]) for each in needs.clusters)  # all are there by then
    return next((each for each in chain(groups, found, ways) if each is not None), None)


def unfitted(needs: Needs, dataset: Dataset, as_of: int) -> Unfit | None:
    """Which model of `needs` there is none of yet."""
    for name in needs.clusters.keys() - dataset.clusters.models.keys():
        return clusters.unfit(dataset.clusters, name, set(), None, as_of)
    for name in needs.scores.keys() - dataset.scores.models.keys():
        return scores.unfit(dataset.scores, name, None, as_of)
    return None


def drifted(resolver: Resolver, dataset: Dataset, name: str, answers: Answers) -> Unfit | None:
    """Why a segment, or one that it refers to, may not be relied on, now that people were looked at."""
    for segment in resolver.reached([name]).values():
        if (found := _drifted(Needs.of([segment]), dataset, segment.require, answers)) is not None:
            return found
    return None


def drifted_value(resolver: Resolver, dataset: Dataset, word: str, answers: Answers) -> Unfit | None:
    """Why a trait may be told of nobody as their value, now that people were looked at."""
    return _drifted(_of_value(resolver, word), dataset, None, answers)


def _drifted(needs: Needs, dataset: Dataset, require: RequiredModel | None, answers: Answers) -> Unfit | None:
    for score in needs.scores:
        standing = answers.standings[f"score.{score}"]
        if isinstance(standing, scores.ScoreStanding):
            problem = scores.drifted(dataset.scores, score, standing, require)
            if problem is not None:
                return problem
    return None
