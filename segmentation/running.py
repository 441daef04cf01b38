"""A run that is open: people and thresholds are computed, and what is asked of it is cheap."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from itertools import chain

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.segmentation.adapt import Adapter, InForce, warnings
from passerelle.segmentation.compile.candidates import candidates
from passerelle.segmentation.compile.instants import AsOf
from passerelle.segmentation.compile.people import People
from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.compile.rules import Compiler, drawn, prefixes
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.engines.session import Session
from passerelle.segmentation.history import History
from passerelle.segmentation.learning.unfit import Unfit
from passerelle.segmentation.literals import CENTS
from passerelle.segmentation.membership import Membership, ModelUsed
from passerelle.segmentation.refusals import naming_conditions
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.rules import Rule, Segment, Sort, ThresholdRef, plain

_EXCLUDED, _HELD_OUT, _MEMBER, _FIRST_SPLIT = 1, 2, 3, 4


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
    dataset: Dataset

    def memberships(
        self, names: Sequence[str], values: Mapping[str, Sequence[str]] | None = None
    ) -> dict[str, Membership]:
        """The people of these segments, in one pass over the people. `values`: traits to be told of a segment's people.

        The traits were among `extra` when this run was made.
        """
        if not names:
            return {}
        values = values or {}
        codes = {f"code{index}": self.code(self.segments[name]) for index, name in enumerate(names)}
        traits = {trait: f"value{index}" for index, trait in enumerate(sorted({*chain(*values.values())}))}
        amounts = {column: self._amount(trait) for trait, column in traits.items()}
        table = self.compiler.people.select("subject_id", **codes, **amounts)
        anywhere = reduce(lambda one, other: one | other, (table[column] > 0 for column in codes))
        found = self.session.fetch(table.filter(anywhere))
        return {
            name: self._membership(name, found, column, {trait: traits[trait] for trait in values.get(name, ())})
            for name, column in zip(names, codes, strict=True)
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
            _sorted(ids.filter(pc.equal(codes, _HELD_OUT))),
            in_force,
            tuple(warnings(list(used.thresholds.values()), in_force)),
            splits,
            self.models_of(used),
            None,
            {trait: found[where].take(pc.index_in(members, ids)).combine_chunks() for trait, where in values.items()},
        )

    def models_of(self, used: Needs) -> tuple[ModelUsed, ...]:
        """The fitted models among what a segment rests on."""
        models = self.dataset.clusters.models
        groups = [(name, models[name]) for name in sorted(used.clusters)]
        scores = [(name, self.dataset.scores.models[name]) for name in sorted(used.scores)]
        return (
            *(ModelUsed("cluster", name, each.version, each.as_of, each.stability) for name, each in groups),
            *(ModelUsed("score", name, each.version, each.as_of, each.quality.auc) for name, each in scores),
        )

    def nobody(self, name: str, held: Unfit, traits: Sequence[str]) -> Membership:
        """The segment `name` without anybody, since a model that it rests on may not be relied on."""
        none = pa.array([], pa.int64())
        return Membership(name, none, self.as_of, "", self.population, 0, none).held_back(held, traits)

    def needs_of(self, segment: Segment) -> Needs:
        """What a segment rests on, with the segments it refers to."""
        return Needs.of([segment, *(self.segments[name] for name in _closure(segment, self.segments))])

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
def opened(
    resolver: Resolver,
    chosen: dict[str, Segment],
    needs: Needs,
    *,
    dataset: Dataset,
    as_of: int,
    history: History,
    beside: Mapping[str, pa.Table] | None = None,
    chosen_by: Sequence[Rule] | None = None,
) -> Iterator[Evaluation]:
    """Compute what `needs` says, once.

    `beside`: of each model in it, by what rules call it, `subject_id` and a column for each of its answers.
    `chosen_by`: nobody is asked about but people who fulfil one of these rules; None: people of any kind.
    """
    beside = beside or {}
    with (
        dataset.engine.open(resolver.catalogue.tables, dataset) as session,
        naming_conditions(session, resolver, chosen, AsOf(as_of)),
    ):
        people = People(session, resolver.catalogue.population, AsOf(as_of))
        everybody = _joined(session, people.table(needs), beside)
        compiler = Compiler(everybody, people.columns, people.sequences, AsOf(as_of), chosen)
        compiler.beside = prefixes(beside)
        if chosen_by is None:
            compiler.people = session.store("people", everybody)
        counted = compiler.people if chosen_by is None else people.everybody()
        size = session.fetch(counted.aggregate(n=counted.count())).column("n")[0].as_py()
        adapter = Adapter(session, compiler, history, size)
        in_force = {each.label: adapter.threshold(each) for each in needs.thresholds.values() if each.threshold.apart}
        if chosen_by is not None:
            wanted = candidates(chosen_by, needs, compiler)
            compiler.people = session.store("people", everybody if wanted is None else everybody.filter(wanted))
        if needs.rfm is not None:
            adapter.scores(needs.rfm)
        for rule in needs.tops:
            if not rule.draw:
                adapter.top(rule)
        in_force |= {
            each.label: adapter.threshold(each) for each in needs.thresholds.values() if not each.threshold.apart
        }
        in_force = {label: in_force[label] for label in needs.thresholds}
        yield Evaluation(resolver, chosen, session, compiler, in_force, needs.thresholds, as_of, size, dataset)


def _joined(session: Session, people: Expr, beside: Mapping[str, pa.Table]) -> Expr:
    """People with the answers of models beside them."""
    for word, prefix in prefixes(beside).items():
        rows = beside[word]
        joined = people.join(session.put(f"{prefix}_rows", rows), "subject_id", how="left")
        answers = {f"{prefix}_{part}": joined[part] for part in rows.column_names if part != "subject_id"}
        people = joined.select(*people.columns, **answers)
    return people


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
