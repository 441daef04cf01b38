"""Segments from definitions and data. The same inputs and the same instant give the same people."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain

from passerelle.segmentation.adapt import remember
from passerelle.segmentation.answers import Answers, drifted, unfit_models, unfitted
from passerelle.segmentation.clusters.assign import Standing
from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.fitted import Fitted
from passerelle.segmentation.history import History, MemoryHistory
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.running import Evaluation, Membership, ModelUsed, opened
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
) -> Iterator[Evaluation]:
    """Check everything, then compute once what `names`, the traits or attributes in `extra`, and `thresholds` rest on.

    `answers`: of all models among that, where they were computed and looked at already. Raises `Misdefined` before any
    data is read.
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
    with opened(resolver, chosen, needs, dataset=dataset, as_of=as_of, history=history, beside=rows) as run:
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
    a model which may not be relied on has nobody, and says so in `held`. Raises `Misdefined` before any data is read.
    """
    kept = history if history is not None else MemoryHistory()
    resolver = Resolver.of(model, segments, dataset)
    held = {name: problem for name in names if (problem := unfit_models(resolver, dataset, name, as_of)) is not None}
    told = {name: traits for name, traits in (values or {}).items() if name not in held}
    extra = sorted({*chain(*told.values())})
    needs = Needs.of(resolver.reached([name for name in names if name not in held]).values())
    answers = Answers.of(needs, resolver, dataset, as_of=as_of, history=kept)
    for name in [name for name in names if name not in held]:
        if (problem := drifted(resolver, dataset, name, answers)) is not None:
            held[name] = problem
    fit = [name for name in names if name not in held]
    told = {name: traits for name, traits in told.items() if name not in held}
    with evaluating(
        fit,
        model=model,
        segments=segments,
        dataset=dataset,
        as_of=as_of,
        history=kept,
        extra=extra,
        answers=answers,
    ) as run:
        found = run.memberships(fit, told)
        remember(kept, [item for items in run.in_force.values() for item in items], as_of)
        if standings is not None:
            standings(answers.standings, as_of)
        nobody = {name: run.nobody(name, problem, (values or {}).get(name, ())) for name, problem in held.items()}
    return {name: nobody[name] if name in held else found[name] for name in names}


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
