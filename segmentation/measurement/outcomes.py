"""What groups did from the day on which each person was drawn, and before: computed by the engine, counted by group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import ibis
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.segmentation.compile.events import MICRO, field_value, first_rows, holds, scaled_sum
from passerelle.segmentation.compile.instants import AsOf, timestamp
from passerelle.segmentation.compile.portable import Expr, microseconds, squared_sum, whole_sum
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.engines.session import Session
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.literals import CENTS
from passerelle.segmentation.measurement.statistics import Mean, Share
from passerelle.segmentation.resolve import Resolver
from passerelle.segmentation.rules import Aggregate, Selection, Sort, ValueType
from passerelle.segmentation.wrong import model_place

GROUPS = pa.schema([("subject_id", pa.int64()), ("arm", pa.string()), ("since", pa.int64())])
"""Who was drawn into which group, and when (µs UTC); each person once."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the people of one group did: how many did it at all, the whole of it in stored units, and the mean.

    The mean and its variance are as people write them: euros, where it is money.
    """

    share: Share
    total: int | float
    mean: Mean


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure, by group, in the time after each person's first day and in as much time before it."""

    measure: str
    type: ValueType
    after: Mapping[str, Outcome]
    before: Mapping[str, Outcome]


def measured(
    groups: pa.Table,
    measures: Sequence[str],
    *,
    length: int,
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    dataset: Dataset,
    as_of: int,
) -> list[Measured]:
    """Each measure in the `length` µs from each person's `since` on, and in as many before. `groups`: see `GROUPS`.

    A measure is a trait of model.yaml that counts or adds up events; its own window is left aside. Events at `as_of`
    and later are not seen. Without anybody in `groups` no data is read. Raises `Misdefined` before any data is read.
    """
    resolver = Resolver.of(model, segments, dataset)
    facts = {name: measure_of(resolver, name) for name in dict.fromkeys(measures)}
    if not groups.num_rows:
        return [Measured(name, fact.type, {}, {}) for name, fact in facts.items()]
    with dataset.engine.open(resolver.catalogue.tables, dataset) as session:
        drawn = _Drawn.of(session, groups.cast(GROUPS), length, as_of)
        return [_measured(session, drawn, name, fact) for name, fact in facts.items()]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The people of the groups as a table of the engine, and between which instants (µs UTC) any of their days lie."""

    arms: Expr
    length: int
    begins: int
    ends: int

    @classmethod
    def of(cls, session: Session, groups: pa.Table, length: int, as_of: int) -> Self:
        first, last = (int(each) for each in pc.min_max(groups["since"]).as_py().values())
        return cls(session.put("arms", groups), length, first - length, min(last + length, as_of))


_PARTS = ("did", "total", "squares")
_MEASURES = frozenset({"count", "sum"})


def is_measure(resolver: Resolver, name: str) -> bool:
    """Whether the trait `name` counts or adds up events."""
    fact = resolver.catalogue.trait(name, model_place() / "traits")
    return isinstance(fact, Aggregate) and fact.statistic in _MEASURES


def measure_of(resolver: Resolver, name: str) -> Aggregate:
    """The trait `name`, which must count or add up events. Raises `Misdefined`."""
    place = model_place() / "traits"
    fact = resolver.catalogue.trait(name, place)
    if not isinstance(fact, Aggregate) or fact.statistic not in _MEASURES:
        raise (place / name).wrong(
            f"`{name}` is no measure: it neither counts nor adds up events.",
            "Name a trait with `count` or `sum`. What nobody has who did nothing (a mean, a favourite) would compare "
            "only those who did something, and they were not drawn.",
        )
    return fact


def _measured(session: Session, drawn: _Drawn, name: str, fact: Aggregate) -> Measured:
    rows = first_rows(_rows(session, drawn, fact, each) for each in fact.selections)
    sides = {"after": rows.after, "before": ~rows.after}
    each = rows.group_by("subject_id").aggregate(
        **{f"{side}_n": rows.count(where=where) for side, where in sides.items()},
        **{f"{side}_whole": _whole(rows, fact, where) for side, where in sides.items()},
    )
    joined = drawn.arms.join(each, "subject_id", how="left")
    columns = {f"{side}_did": _one(joined[f"{side}_n"].fill_null(0) > 0) for side in sides}
    columns |= {f"{side}_whole": joined[f"{side}_whole"].fill_null(0) for side in sides}
    people = joined.select("arm", **columns)
    scale = _scale(fact)
    found = people.group_by("arm").aggregate(
        people=people.count(),
        **{f"{side}_did": people[f"{side}_did"].sum() for side in sides},
        **{f"{side}_total": whole_sum(people[f"{side}_whole"]) for side in sides},
        **{f"{side}_squares": squared_sum(people[f"{side}_whole"]) for side in sides},
    )
    counted = {row["arm"]: row for row in session.fetch(found.order_by("arm")).to_pylist()}
    after, before = ({arm: _outcome(row, side, fact, scale) for arm, row in counted.items()} for side in sides)
    return Measured(name, fact.type, after, before)


def _rows(session: Session, drawn: _Drawn, fact: Aggregate, selection: Selection) -> Expr:
    """The selected events near each person's first day: `subject_id`, `after`, and `value` where there is a column."""
    events = session.events(selection.table)
    ever = replace(selection, within=None, until=0)
    events = events.filter(holds(ever, events, AsOf(drawn.ends)), events.at >= timestamp(drawn.begins))
    columns = {} if fact.column is None else {"value": field_value(events[fact.column], fact.column_type or fact.type)}
    rows = events.select("subject_id", t=microseconds(events.at), **columns)
    joined = rows.join(drawn.arms, "subject_id")
    near = joined.filter(joined.t >= joined.since - drawn.length, joined.t < joined.since + drawn.length)
    return near.select("subject_id", *columns, after=near.t >= near.since)


def _whole(rows: Expr, fact: Aggregate, where: Expr) -> Expr:
    """The measure of one person, in stored units."""
    return rows.count(where=where) if fact.statistic == "count" else scaled_sum(rows.value, fact.column_type, where)


def _one(holds: Expr) -> Expr:
    """1 where it holds, 0 elsewhere: not every engine casts."""
    return holds.ifelse(ibis.literal(1, type="int64"), ibis.literal(0, type="int64"))


def _scale(fact: Aggregate) -> int:
    """How many stored units one of what people write is."""
    if fact.statistic == "count":
        return 1
    if fact.column_type is not None and not fact.column_type.whole:
        return MICRO
    return CENTS if fact.type.sort is Sort.MONEY else 1


def _outcome(row: Mapping[str, int | float | None], side: str, fact: Aggregate, scale: int) -> Outcome:
    people, did, total, squares = (int(row[name] or 0) for name in ("people", *(f"{side}_{part}" for part in _PARTS)))
    stored = total / MICRO if fact.statistic == "sum" and scale == MICRO else total
    return Outcome(Share(did, people), stored, Mean.of_sums(people, total, squares, scale))
