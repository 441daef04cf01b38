"""One run: rules and data in, people out. The same inputs and the same instant give the same people."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce

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
from passerelle.segmentation.duck import DuckSession, open_session
from passerelle.segmentation.history import History, MemoryHistory
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.rules import Segment, ThresholdRef, plain
from passerelle.segmentation.wrong import Misdefined

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

    @property
    def size(self) -> int:
        """How many are in."""
        return len(self.subject_ids)


@dataclass(slots=True)
class Evaluation:
    """A run with its people and thresholds computed; what is asked of it is cheap. Made by `evaluating`."""

    resolver: Resolver
    segments: dict[str, Segment]
    session: DuckSession
    compiler: Compiler
    in_force: dict[str, list[InForce]]
    references: dict[str, ThresholdRef]
    as_of: int
    population: int

    def memberships(self, names: Sequence[str]) -> dict[str, Membership]:
        """The people of these segments, in one pass over the people."""
        codes = {f"code{index}": self.code(self.segments[name]) for index, name in enumerate(names)}
        table = self.compiler.people.select("subject_id", **codes)
        anywhere = reduce(lambda one, other: one | other, (table[column] > 0 for column in codes))
        found = self.session.fetch(table.filter(anywhere)) if codes else None
        return {
            name: self._membership(name, found.column("subject_id"), found.column(column))
            for name, column in zip(names, codes, strict=True)
            if found is not None
        }

    def _membership(self, name: str, people: pa.ChunkedArray, coded: pa.ChunkedArray) -> Membership:
        segment = self.segments[name]
        ids, codes = people.combine_chunks(), coded.combine_chunks()
        splits = {
            split: _sorted(ids.filter(pc.equal(codes, _FIRST_SPLIT + index)))
            for index, (split, _) in enumerate(segment.splits)
        }
        used = self.needs_of(segment)
        in_force = tuple(item for label in used.thresholds for item in self.in_force[label])
        return Membership(
            name,
            _sorted(ids.filter(pc.greater_equal(codes, _MEMBER))),
            self.as_of,
            self.version(name),
            self.population,
            _count(codes, _EXCLUDED),
            _count(codes, _HELD_OUT),
            in_force,
            tuple(warnings(list(used.thresholds.values()), in_force)),
            splits,
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
) -> Iterator[Evaluation]:
    """Check everything, then compute what `names` and the traits or attributes in `extra` rest on, once.

    Raises `Misdefined` before any data is read.
    """
    resolver = Resolver(model, segments, dataset.tables)
    chosen = _resolved(resolver, names)
    needs = Needs()
    for segment in chosen.values():
        for rule in (segment.where, *segment.exclude):
            needs.add_rule(rule)
    for word in extra:
        needs.add_operand(resolver.named(word))
    with open_session(resolver.catalogue.tables, dataset) as session:
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
) -> dict[str, Membership]:
    """The people of each named segment at the instant `as_of` (µs UTC), all in one scan of each table.

    Threshold values are held against `history` and saved there. Raises `Misdefined` before any data is read.
    """
    kept = history if history is not None else MemoryHistory()
    with evaluating(names, model=model, segments=segments, dataset=dataset, as_of=as_of, history=kept) as run:
        found = run.memberships(names)
        remember(kept, [item for items in run.in_force.values() for item in items], as_of)
        return found


def check(
    model: ModelFile, segments: Mapping[str, SegmentFile], tables: Mapping[str, DatasetTable]
) -> list[Misdefined]:
    """Everything that is wrong with the definitions: `Misdefined` errors, which know their file and key."""
    try:
        return Resolver(model, segments, tables).all_problems()
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
