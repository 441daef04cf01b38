"""Segments from definitions and data. The same inputs and the same instant give the same people."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain

from passerelle.segmentation.adapt import remember
from passerelle.segmentation.answers import Answers, drifted, drifted_value, unfit_models, unfit_value, unfitted
from passerelle.segmentation.clusters.assign import Standing
from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.fitted import Fitted
from passerelle.segmentation.history import History, MemoryHistory
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.learning.unfit import Unfit
from passerelle.segmentation.membership import Membership, ModelUsed
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.running import Evaluation, opened
from passerelle.segmentation.scores.known import Scores, ScoreStanding
from passerelle.segmentation.wrong import Misdefined, Place

Standings = Callable[[Mapping[str, Standing | ScoreStanding], int], None]
"""Told how each model does, by what rules call it (`cluster.NAME`, `score.NAME`), at which instant."""

__all__ = ["Evaluation", "Membership", "ModelUsed", "check", "evaluate", "evaluating"]


@contextmanager
def evaluating(  # noqa: PLR0913 - what a run is made of
    names: Sequence[str],
    *,
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    dataset: Dataset,
    as_of: int,
    history: History,
    extra: Sequence[str] = (),
    thresholds: Sequence[str] = (),
    answers: Answers | None = None,
    members_only: bool = False,
) -> Iterator[Evaluation]:
    """Check everything, then compute once what `names`, the traits or attributes in `extra`, and `thresholds` rest on.

    `answers`: of all models among that, where they were computed and looked at already. `members_only`: nobody else is
    asked about. Raises `Misdefined` before any data is read.
    """
    resolver = Resolver.of(model, segments, dataset)
    chosen = resolver.reached(names)
    needs = Needs.of(chosen.values())
    for word in extra:
        needs.add_operand(resolver.named(word))
    for name in thresholds:
        needs.add_threshold(resolver.threshold(name, Place("")))
    for name in names:
        if (problem := unfit_models(resolver, dataset, name, as_of)) is not None:
            raise problem.error
    if (missing := unfitted(needs, dataset, as_of)) is not None:
        raise missing.error
    if answers is None:
        answers = Answers.of(needs, resolver, dataset, as_of=as_of, history=history)
        for name in names:
            if (problem := drifted(resolver, dataset, name, answers)) is not None:
                raise problem.error
    rows = {word: answers.rows[word] for word in needs.beside}
    wanted = [chosen[name].where for name in names] if members_only else None
    with opened(
        resolver, chosen, needs, dataset=dataset, as_of=as_of, history=history, beside=rows, chosen_by=wanted
    ) as run:
        yield run


def evaluate(
    names: Sequence[str],
    *,
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    dataset: Dataset,
    as_of: int,
    history: History | None = None,
    values: Mapping[str, Sequence[str]] | None = None,
    standings: Standings | None = None,
) -> dict[str, Membership]:
    """The people of each named segment at the instant `as_of` (µs UTC), all in one scan of each table.

    Threshold values are held against `history` and saved there. `values`: by segment, traits whose value is told of
    each of its people; they must be amounts. `standings` is told how each model does. A segment that rests on
    a model which may not be relied on has nobody, and says so in `held`; so does a value, in `unsaid`. Raises
    `Misdefined` before any data is read.
    """
    kept, told = history if history is not None else MemoryHistory(), values or {}
    resolver = Resolver.of(model, segments, dataset)
    held = _problems(names, lambda name: unfit_models(resolver, dataset, name, as_of))
    words = sorted({*chain(*(told.get(name, ()) for name in names if name not in held))})
    unsaid = _problems(words, lambda word: unfit_value(resolver, dataset, word, as_of))
    needs = Needs.of(resolver.reached([name for name in names if name not in held]).values())
    for word in words:
        if word not in unsaid:
            needs.add_operand(resolver.amount(word))
    answers = Answers.of(needs, resolver, dataset, as_of=as_of, history=kept)
    held |= _problems(names, lambda name: drifted(resolver, dataset, name, answers), held)
    unsaid |= _problems(words, lambda word: drifted_value(resolver, dataset, word, answers), unsaid)
    fit = [name for name in names if name not in held]
    said = {name: [word for word in told.get(name, ()) if word not in unsaid] for name in fit}
    with evaluating(
        fit,
        model=model,
        segments=segments,
        dataset=dataset,
        as_of=as_of,
        history=kept,
        extra=sorted({*chain(*said.values())}),
        answers=answers,
        members_only=True,
    ) as run:
        found = run.memberships(fit, said)
        remember(kept, [item for items in run.in_force.values() for item in items], as_of)
        if standings is not None:
            standings(answers.standings, as_of)
        found |= {name: run.nobody(name, problem, told.get(name, ())) for name, problem in held.items()}
    return {name: _without(found[name], told.get(name, ()), unsaid) for name in names}


def _problems(
    names: Iterable[str], ask: Callable[[str], Unfit | None], known: Collection[str] = ()
) -> dict[str, Unfit]:
    """What may not be relied on, and why, beside what is known to be so."""
    found = {name: ask(name) for name in names if name not in known}
    return {name: problem for name, problem in found.items() if problem is not None}


def _without(found: Membership, traits: Iterable[str], unsaid: Mapping[str, Unfit]) -> Membership:
    if found.held is not None:
        return found
    return replace(found, unsaid={trait: unsaid[trait] for trait in traits if trait in unsaid})


def check(
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    tables: Mapping[str, DatasetTable],
    *,
    amounts: Collection[str] = (),
    fitted: Mapping[str, Fitted] | None = None,
    clusters: Clusters | None = None,
    scores: Scores | None = None,
) -> list[Misdefined]:
    """Everything that is wrong with the definitions: `Misdefined` errors, which know their file and key.

    `amounts`: traits that must be numbers or money. `fitted`: what scaled traits rest on.
    """
    try:
        return Resolver(model, segments, tables, fitted, clusters, scores).all_problems(amounts)
    except Misdefined as problem:  # without its tables the model says nothing else
        return [problem]
