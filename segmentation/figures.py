"""How big a segment is and why: size, share, thresholds in force, what each condition lets through, a breakdown."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import ibis

from passerelle.segmentation import wording
from passerelle.segmentation.adapt import InForce
from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.evaluation import Evaluation, ModelUsed, evaluating
from passerelle.segmentation.history import History, MemoryHistory
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.literals import in_words
from passerelle.segmentation.rules import AllOf, Rule, Segment

_SHOWN = 50
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Condition:
    """One of the segment's topmost conditions. `exclude`: it takes people out."""

    words: str
    alone: int
    """People who fulfil it, whatever else."""
    left: int
    """People who are left after it and every condition before it."""
    exclude: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Members with one value of the column asked for."""

    value: str
    members: int
    population: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A segment at one instant; nothing is saved."""

    name: str
    as_of: int
    version: str
    size: int
    population: int
    excluded: int
    held_out: int
    conditions: tuple[Condition, ...]
    thresholds: tuple[InForce, ...]
    warnings: tuple[str, ...]
    breakdown: tuple[Part, ...]
    """Greatest first; groups smaller than `minimum` are put together as `…`."""
    splits: Mapping[str, int]
    models: tuple[ModelUsed, ...] = ()
    """That it rests on."""


def preview(
    name: str,
    *,
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    dataset: Dataset,
    as_of: int,
    history: History | None = None,
    by: str | None = None,
    minimum: int = 0,
) -> Preview:
    """Look at a segment at the instant `as_of` (µs UTC), broken down by a trait or attribute `by` where asked."""
    with evaluating(
        [name],
        model=model,
        segments=segments,
        dataset=dataset,
        as_of=as_of,
        history=history if history is not None else MemoryHistory(),
        extra=[] if by is None else [by],
    ) as run:
        membership = run.memberships([name])[name]
        return Preview(
            name,
            as_of,
            membership.version,
            membership.size,
            run.population,
            membership.excluded,
            membership.held_out,
            conditions(run, run.segments[name]),
            membership.thresholds,
            membership.warnings,
            () if by is None else _breakdown(run, run.segments[name], by, minimum),
            {split: len(ids) for split, ids in membership.splits.items()},
            membership.models,
        )


def conditions(run: Evaluation, segment: Segment) -> tuple[Condition, ...]:
    """How the segment's topmost conditions narrow it down, one after the other."""
    parts: list[tuple[Rule, bool]] = [(rule, False) for rule in topmost(segment.where)]
    parts += [(rule, True) for rule in segment.exclude]
    flags = {f"f{index}": run.compiler.rule(rule) for index, (rule, _) in enumerate(parts)}
    table = run.compiler.people.select("subject_id", **flags)
    wanted: dict[str, Expr] = {}
    for index in range(len(parts)):
        kept = [~table[f"f{i}"] if parts[i][1] else table[f"f{i}"] for i in range(index + 1)]
        wanted[f"alone{index}"] = table[f"f{index}"].sum()
        wanted[f"left{index}"] = reduce(lambda one, other: one & other, kept).sum()
    row = run.session.fetch(table.aggregate(**wanted)).to_pylist()[0]
    names = run.resolver.catalogue.names()
    return tuple(
        Condition(wording.rule(rule, names), int(row[f"alone{i}"] or 0), int(row[f"left{i}"] or 0), exclude)
        for i, (rule, exclude) in enumerate(parts)
    )


def topmost(rule: Rule) -> tuple[Rule, ...]:
    """The conditions that a reader sees as the segment's own."""
    return rule.rules if isinstance(rule, AllOf) else (rule,)


def _breakdown(run: Evaluation, segment: Segment, by: str, minimum: int) -> tuple[Part, ...]:
    operand = run.resolver.named(by)
    member = run.compiler.segment(segment)
    table = run.compiler.people.select(value=run.compiler.value(operand), member=member)
    grouped = table.group_by("value").aggregate(members=table.member.sum(), population=table.count())
    grouped = grouped.order_by(ibis.desc("members")).limit(_MOST)
    parts = [
        Part(in_words(row["value"], operand.type), int(row["members"]), int(row["population"]))
        for row in run.session.fetch(grouped).to_pylist()
    ]
    parts.sort(key=lambda part: (-part.members, -part.population, part.value))
    shown = [part for part in parts if part.members >= minimum][:_SHOWN]
    rest = [part for part in parts if part not in shown]
    if rest:
        shown.append(Part("…", sum(part.members for part in rest), sum(part.population for part in rest)))
    return tuple(shown)
