"""Segments from definitions and data. The same inputs and the same instant give the same people."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain

from passerelle.segmentation.adapt import remember
from passerelle.segmentation.clusters.assign import Standing
from passerelle.segmentation.clusters.known import Clusters, Unfit, unfit
from passerelle.segmentation.clusters.people import groups_of
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.fitted import Fitted
from passerelle.segmentation.history import History, MemoryHistory
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.running import Evaluation, Membership, ModelUsed, opened
from passerelle.segmentation.wrong import Misdefined, Place

Standings = Callable[[Mapping[str, Standing], int], None]
"""Told how each cluster's model does, at which instant."""

__all__ = ["Evaluation", "Membership", "ModelUsed", "check", "evaluate", "evaluating"]


@contextmanager
def evaluating(
    names: Sequence[str],
    *,
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    dataset: Dataset,
    as_of: int,
    history: History,
    extra: Sequence[str] = (),
    thresholds: Sequence[str] = (),
) -> Iterator[Evaluation]:
    """Check everything, then compute once what `names`, the traits or attributes in `extra`, and `thresholds` rest on.

    Raises `Misdefined` before any data is read.
    """
    resolver = Resolver.of(model, segments, dataset)
    chosen = resolver.reached(names)
    needs = Needs.of(chosen.values())
    for word in extra:
        needs.add_operand(resolver.named(word))
    for name in thresholds:
        needs.add_threshold(resolver.threshold(name, Place("")))
    for name in names:
        if (problem := _unfit(resolver, dataset.clusters, name, as_of)) is not None:
            raise problem.error
    for name in needs.clusters.keys() - dataset.clusters.models.keys():
        missing = unfit(dataset.clusters, name, set(), None, as_of)
        if missing is not None:
            raise missing.error
    grouped = groups_of(sorted(needs.clusters), resolver, dataset, as_of=as_of, history=history)
    rows = {name: each.rows for name, each in grouped.items()}
    with opened(resolver, chosen, needs, dataset=dataset, as_of=as_of, history=history, groups=rows) as run:
        run.standings = {name: each.standing for name, each in grouped.items()}
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
    each of its people; they must be amounts. `standings` is told how each cluster's model does. A segment that rests on
    a model which may not be relied on has nobody, and says so in `held`. Raises `Misdefined` before any data is read.
    """
    kept = history if history is not None else MemoryHistory()
    resolver = Resolver.of(model, segments, dataset)
    held = {name: problem for name in names if (problem := _unfit(resolver, dataset.clusters, name, as_of)) is not None}
    fit = [name for name in names if name not in held]
    told = {name: traits for name, traits in (values or {}).items() if name not in held}
    extra = sorted({*chain(*told.values())})
    with evaluating(
        fit, model=model, segments=segments, dataset=dataset, as_of=as_of, history=kept, extra=extra
    ) as run:
        found = run.memberships(fit, told)
        remember(kept, [item for items in run.in_force.values() for item in items], as_of)
        if standings is not None:
            standings(run.standings, as_of)
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
) -> list[Misdefined]:
    """Everything that is wrong with the definitions: `Misdefined` errors, which know their file and key.

    `amounts`: traits that must be numbers or money. `fitted`: what scaled traits rest on.
    """
    try:
        return Resolver(model, segments, tables, fitted, clusters).all_problems(amounts)
    except Misdefined as problem:  # without its tables the model says nothing else
        return [problem]


def _unfit(resolver: Resolver, known: Clusters, name: str, as_of: int) -> Unfit | None:
    """Why a segment, or one that it refers to, may not be computed; None where nothing speaks against it."""
    for segment in resolver.reached([name]).values():
        for cluster, groups in Needs.of([segment]).clusters.items():
            problem = unfit(known, cluster, groups, segment.require, as_of)
            if problem is not None:
                return problem
    return None
