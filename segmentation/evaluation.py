"""One run: rules and data in, people out. The same inputs and the same instant give the same people."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from itertools import chain

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.segmentation.adapt import Adapter, InForce, remember, warnings
from passerelle.segmentation.compile.instants import AsOf
from passerelle.segmentation.compile.people import People
from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.compile.rules import Compiler, drawn
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.engines.session import Session
from passerelle.segmentation.fitted import Fitted
from passerelle.segmentation.history import History, MemoryHistory
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.literals import CENTS
from passerelle.segmentation.refusals import naming_conditions
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.rules import Segment, Sort, ThresholdRef, plain
from passerelle.segmentation.wrong import Misdefined, Place

_EXCLUDED, _HELD_OUT, _MEMBER, _FIRST_SPLIT = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Membership:
    """Who is in a segment, at one instant, by one version of its rules."""

    name: str
    subject_ids: pa.Int64Array
    """Sorted, each once; without the holdout."""
    as_of: int
    """µs since 1970 UTC."""
    version: str
    """SHA-256 of the definition with everything in it that it refers to."""
    population: int
    """How many people there are at all."""
    excluded: int
    """Fulfilled `where`, and were taken out by `exclude`."""
    held_out: int
    """Would be in, and are kept out by the holdout."""
    thresholds: tuple[InForce, ...] = ()
    warnings: tuple[str, ...] = ()
    splits: Mapping[str, pa.Int64Array] = field(default_factory=dict)
    """Members by split, where there are splits; the rest is in none."""
    values: Mapping[str, pa.DoubleArray] = field(default_factory=dict)
    """Traits that were asked for, aligned with `subject_ids`: null where missing; money as euros and cents."""

    @property
    def size(self) -> int:
        """How many are in."""
        return len(self.subject_ids)


@dataclass(slots=True)
class Evaluation:
    """A run with its people and thresholds computed; what is asked of it is cheap. Made by `evaluating`."""

    resolver: Resolver
    segments: dict[str, Segment]
    session: Session
    compiler: Compiler
    in_force: dict[str, list[InForce]]
    references: dict[str, ThresholdRef]
    as_of: int
    population: int

    def memberships(
        self, names: Sequence[str], values: Mapping[str, Sequence[str]] | None = None
    ) -> dict[str, Membership]:
        """The people of these segments, in one pass over the people. `values`: traits to be told of a segment's people.

        The traits were among `extra` when this run was made.
        """
        values = values or {}
        codes = {f"code{index}": self.code(self.segments[name]) for index, name in enumerate(names)}
        traits = {trait: f"value{index}" for index, trait in enumerate(sorted({*chain(*values.values())}))}
        amounts = {column: self._amount(trait) for trait, column in traits.items()}
        table = self.compiler.people.select("subject_id", **codes, **amounts)
        anywhere = reduce(lambda one, other: one | other, (table[column] > 0 for column in codes))
        found = self.session.fetch(table.filter(anywhere)) if codes else None
        return {
            name: self._membership(name, found, column, {trait: traits[trait] for trait in values.get(name, ())})
            for name, column in zip(names, codes, strict=True)
            if found is not None
        }

    def _amount(self, trait: str) -> Expr:
        """A trait as a number: money in euros, as people write it."""
        operand = self.resolver.amount(trait)
        amount = self.compiler.value(operand).cast("float64")
        return amount / float(CENTS) if operand.type.sort is Sort.MONEY else amount

    def _membership(self, name: str, found: pa.Table, column: str, values: Mapping[str, str]) -> Membership:
        segment = self.segments[name]
        ids, codes = found["subject_id"].combine_chunks(), found[column].combine_chunks()
        splits = {
            split: _sorted(ids.filter(pc.equal(codes, _FIRST_SPLIT + index)))
            for index, (split, _) in enumerate(segment.splits)
        }
        members = _sorted(ids.filter(pc.greater_equal(codes, _MEMBER)))
        used = self.needs_of(segment)
        in_force = tuple(item for label in used.thresholds for item in self.in_force[label])
        return Membership(
            name,
            members,
            self.as_of,
            self.version(name),
            self.population,
            _count(codes, _EXCLUDED),
            _count(codes, _HELD_OUT),
            in_force,
            tuple(warnings(list(used.thresholds.values()), in_force)),
            splits,
            {trait: found[where].take(pc.index_in(members, ids)).combine_chunks() for trait, where in values.items()},
        )

    def needs_of(self, segment: Segment) -> Needs:
        """What a segment rests on, with the segments it refers to."""
        needs = Needs()
        for each in (segment, *(self.segments[name] for name in _closure(segment, self.segments))):
            for rule in (each.where, *each.exclude):
                needs.add_rule(rule)
        return needs

    def version(self, name: str) -> str:
        """The digest of a segment's definition and, through them, of those it refers to."""
        segment = self.segments[name]
        parts = {
            "where": plain(segment.where),
            "exclude": plain(segment.exclude),
            "holdout": plain(segment.holdout),
            "splits": plain(segment.splits),
            "uses": {other: self.version(other) for other in segment.uses},
            "guards": {
                label: str(reference.max_change) for label, reference in self.needs_of(segment).thresholds.items()
            },
            "population": list(self.resolver.catalogue.population),
        }
        text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def code(self, segment: Segment) -> Expr:
        """0 out, 1 excluded, 2 held out, 3 in, 4 and more: in a split."""
        person = self.compiler.people.subject_id
        where, excluded = self.compiler.rule(segment.where), self.compiler.any_of(segment.exclude)
        branches: list[tuple[Expr, int]] = [(~where, 0)]
        if segment.exclude:
            branches.append((excluded, _EXCLUDED))
        percent, salt = segment.holdout or (Decimal(0), segment.name)
        if percent:
            branches.append((drawn(person, Decimal(0), percent, salt), _HELD_OUT))
        start = percent
        for index, (_, share) in enumerate(segment.splits):
            branches.append((drawn(person, start, share, salt), _FIRST_SPLIT + index))
            start += share
        return ibis.cases(*branches, else_=_MEMBER)


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
    resolver = Resolver(model, segments, dataset.tables, dataset.fitted)
    chosen = _resolved(resolver, names)
    needs = Needs()
    for segment in chosen.values():
        for rule in (segment.where, *segment.exclude):
            needs.add_rule(rule)
    for word in extra:
        needs.add_operand(resolver.named(word))
    for name in thresholds:
        needs.add_threshold(resolver.threshold(name, Place("")))
    with (
        dataset.engine.open(resolver.catalogue.tables, dataset) as session,
        naming_conditions(session, resolver, chosen, AsOf(as_of)),
    ):
        people = People(session, resolver.catalogue.population, AsOf(as_of))
        stored = session.store("people", people.table(needs))
        compiler = Compiler(stored, people.columns, people.sequences, AsOf(as_of), chosen)
        size = session.fetch(stored.aggregate(n=stored.count())).column("n")[0].as_py()
        adapter = Adapter(session, compiler, history, size)
        if needs.rfm is not None:
            adapter.scores(needs.rfm)
        in_force = {label: adapter.threshold(reference) for label, reference in needs.thresholds.items()}
        yield Evaluation(resolver, chosen, session, compiler, in_force, needs.thresholds, as_of, size)


def evaluate(
    names: Sequence[str],
    *,
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    dataset: Dataset,
    as_of: int,
    history: History | None = None,
    values: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Membership]:
    """The people of each named segment at the instant `as_of` (µs UTC), all in one scan of each table.

    Threshold values are held against `history` and saved there. `values`: by segment, traits whose value is told of
    each of its people; they must be amounts. Raises `Misdefined` before any data is read.
    """
    kept = history if history is not None else MemoryHistory()
    extra = sorted({*chain(*(values or {}).values())})
    with evaluating(
        names, model=model, segments=segments, dataset=dataset, as_of=as_of, history=kept, extra=extra
    ) as run:
        found = run.memberships(names, values)
        remember(kept, [item for items in run.in_force.values() for item in items], as_of)
        return found


def check(
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    tables: Mapping[str, DatasetTable],
    *,
    amounts: Collection[str] = (),
    fitted: Mapping[str, Fitted] | None = None,
) -> list[Misdefined]:
    """Everything that is wrong with the definitions: `Misdefined` errors, which know their file and key.

    `amounts`: traits that must be numbers or money. `fitted`: what scaled traits rest on.
    """
    try:
        return Resolver(model, segments, tables, fitted).all_problems(amounts)
    except Misdefined as problem:  # without its tables the model says nothing else
        return [problem]


def _resolved(resolver: Resolver, names: Sequence[str]) -> dict[str, Segment]:
    found: dict[str, Segment] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop(0)
        if name not in found:
            found[name] = resolver.segment(name)
            waiting += found[name].uses
    return found


def _closure(segment: Segment, segments: Mapping[str, Segment]) -> list[str]:
    found: dict[str, None] = {}
    waiting = list(segment.uses)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.setdefault(name)
            waiting += segments[name].uses
    return list(found)


def _sorted(ids: pa.Int64Array) -> pa.Int64Array:
    return ids.take(pc.sort_indices(ids))


def _count(codes: pa.Array, code: int) -> int:
    return int(pc.sum(pc.equal(codes, code)).as_py() or 0)
