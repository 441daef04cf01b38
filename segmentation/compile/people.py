"""One row per person: everything that rules ask, each table scanned once and joined on the population."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce
from typing import Protocol

import ibis

from passerelle.segmentation.compile import derived, moments, seasons, sequence, sessions
from passerelle.segmentation.compile.events import MICRO, Partial, Summary, field_value, holds
from passerelle.segmentation.compile.instants import AsOf
from passerelle.segmentation.compile.portable import Expr, known, whole_division
from passerelle.segmentation.compile.values import literal
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.facts import Coded, Formula, Moments, Passage, Season, Sessions
from passerelle.segmentation.rules import Aggregate, Column, Fact, Selection, Sequence, Sort, ValueType

Parts = Mapping[Aggregate, list[dict[str, str]]]
"""Per trait and table, the column of each part."""

Between = Sessions | Passage | Moments
"""What lies between events, and needs them in order of time."""

_RANKED = frozenset({"first", "last", "favourite"})


class Tables(Protocol):
    """The dataset's tables as Ibis expressions, merges followed."""

    def person(self, name: str, columns: Iterable[str]) -> Expr:
        """A person table, each person once: `subject_id` and these columns."""

    def events(self, name: str) -> Expr:
        """An event table: `subject_id`, `event`, `at` and its attributes."""

    def is_person(self, name: str) -> bool:
        """Whether it holds one row per person."""

    def gone(self) -> Expr | None:
        """People who are nobody any more: `subject_id`; None where there are none."""


class People:
    """Compiles `needs` into one table; `columns` and `sequences` say where each thing stands in it."""

    def __init__(self, tables: Tables, population: tuple[str, ...], as_of: AsOf) -> None:
        self._tables = tables
        self._population = population
        self._as_of = as_of
        self._summaries: dict[str, Summary] = {}
        self._attributes: dict[tuple[str, str], str] = {}
        self._between: dict[Between, dict[str, str]] = {}
        self.columns: dict[Fact, str] = {}
        self.sequences: dict[Sequence, str] = {}

    def everybody(self) -> Expr:
        """`subject_id` of each person of the population."""
        return self._everybody([])

    def table(self, needs: Needs) -> Expr:
        """`subject_id` and one column per operand and sequence."""
        aggregates = [item for item in needs.operands if isinstance(item, Aggregate)]
        parts = {item: self._partials(item) for item in aggregates if item.statistic not in _RANKED}
        base = self._everybody([item for item in needs.operands if isinstance(item, Column)])
        base = reduce(_joined, self._behaviour(needs, aggregates), base)
        made = {name: known(base[f"{name}_raw"]) for name in self.sequences.values()}
        read = [item for item in needs.operands if not isinstance(item, Coded | Formula)]
        made |= {self._name(item): _defaulted(self._value(item, parts, base), item) for item in read}
        table = base.select("subject_id", **made)
        for item in needs.operands:
            if isinstance(item, Coded | Formula):
                table = table.mutate(**{self._name(item): _defaulted(self._derived(item, table), item)})
        return table

    def _derived(self, item: Coded | Formula, table: Expr) -> Expr:
        def column_of(fact: Fact) -> Expr:
            return table[self._name(fact)]

        return derived.coded(item, column_of) if isinstance(item, Coded) else derived.formula(item, column_of)

    def _behaviour(self, needs: Needs, aggregates: list[Aggregate]) -> Iterator[Expr]:
        """What is to be joined: per table of events, ranked trait and sequence."""
        for summary in self._summaries.values():
            yield summary.grouped()
        for item in aggregates:
            if item.statistic in _RANKED:
                yield self._ranked(item).rename({f"{self._name(item)}_raw": "value"})
        yield from self._betweens(needs)
        for index, rule in enumerate(needs.sequences):
            name = self.sequences.setdefault(rule, f"s{index}")
            found = sequence.members(rule, self._tables.events, self._as_of)
            yield found.select("subject_id", **{f"{name}_raw": ibis.literal(True)})

    def _betweens(self, needs: Needs) -> Iterator[Expr]:
        """Sessions, once for all their measures, passages and moments."""
        found: dict[Between, dict[str, str]] = {}
        for item in needs.operands:
            if not isinstance(item, Between):
                continue
            asked = (
                replace(item, measure="number", type=_ANY, unit=1, default=None) if isinstance(item, Sessions) else item
            )
            if asked not in found:
                table = self._between_events(asked)
                columns = [name for name in table.columns if name != "subject_id"]
                found[asked] = {name: f"b{len(found)}_{name}" for name in columns}
                yield table.rename({new: old for old, new in found[asked].items()})
            self._between[item] = found[asked]

    def _between_events(self, item: Between) -> Expr:
        match item:
            case Sessions():
                return sessions.sessions(item, self._tables.events, self._as_of)
            case Passage():
                return sessions.passages(item, self._tables.events, self._as_of)
            case Moments():
                return moments.moments(item, self._tables.events, self._as_of)

    def _value(  # noqa: PLR0911 - one per kind
        self, item: Fact, parts: Parts, base: Expr
    ) -> Expr:
        if isinstance(item, Column):
            return field_value(base[self._attribute(item.table, item.column)], item.type)
        if isinstance(item, Sessions):
            return sessions.measured(item, base, self._between[item])
        if isinstance(item, Moments):
            return base[self._between[item]["number"]].cast("int64").fill_null(0)
        if isinstance(item, Season):
            return seasons.index(item, self._tables.events, self._as_of).as_scalar()
        if isinstance(item, Passage):
            number, length = (base[self._between[item][name]].cast("float64") for name in ("number", "length"))
            return length / number / float(item.unit * MICRO)
        if isinstance(item, Coded | Formula):  # pragma: no cover - made of others, later
            raise TypeError(type(item).__name__)
        if item.statistic in _RANKED:
            return base[f"{self._name(item)}_raw"]
        return self._formula(item, parts[item], base)

    def _name(self, item: Fact) -> str:
        return self.columns.setdefault(item, f"c{len(self.columns)}")

    # --- who
    def _everybody(self, columns: list[Column]) -> Expr:
        wanted: dict[str, list[str]] = {}
        for item in columns:
            wanted.setdefault(item.table, []).append(item.column)
        lead = self._population[0]
        if len(self._population) == 1 and self._tables.is_person(lead):
            base = self._person(lead, wanted.pop(lead, []))
        else:
            base = ibis.union(*(self._members(name) for name in self._population), distinct=True)
        gone = self._tables.gone()
        if gone is not None:
            base = base.anti_join(gone, "subject_id")
        return reduce(_joined, (self._person(name, names) for name, names in wanted.items()), base)

    def _person(self, name: str, columns: list[str]) -> Expr:
        names = list(dict.fromkeys(columns))
        table = self._tables.person(name, names)
        return table.select("subject_id", **{self._attribute(name, column): table[column] for column in names})

    def _attribute(self, table: str, column: str) -> str:
        """A column's name beside those of other tables; short, since engines cut long names off."""
        return self._attributes.setdefault((table, column), f"a{len(self._attributes)}")

    def _members(self, name: str) -> Expr:
        if self._tables.is_person(name):
            return self._tables.person(name, ()).select("subject_id")
        events = self._tables.events(name)
        return events.filter(events.at < self._as_of.moment()).select("subject_id")

    # --- what they did
    def _partials(self, item: Aggregate) -> list[dict[str, str]]:
        return [self._partial_columns(item, selection) for selection in item.selections]

    def _partial_columns(self, item: Aggregate, selection: Selection) -> dict[str, str]:
        summary = self._summaries.setdefault(
            selection.table,
            Summary(self._tables.events(selection.table), self._as_of, f"e{len(self._summaries)}"),
        )

        def column(part: str) -> str:
            about = (item.column, item.column_type) if part in _OF_COLUMN else (None, None)
            unit = item.unit if part in _OF_UNIT else 0
            return summary.column(Partial(part, selection, *about, unit))  # type: ignore[arg-type]

        return {part: column(part) for part in _PARTS[item.statistic]}

    def _formula(  # noqa: C901 - one per statistic
        self, item: Aggregate, parts: list[dict[str, str]], base: Expr
    ) -> Expr:
        def column(part: str) -> list[Expr]:
            return [base[names[part]] for names in parts]

        match item.statistic:
            case "count" | "distinct" | "periods":
                made = _total(column(item.statistic))
            case "sum":
                made = self._amount(_total(column("sum"), empty=None), item)
            case "avg":
                made = _total(column("sum")).cast("float64") / _total(column("known")).nullif(0)
                made = made if item.column_type is None or item.column_type.whole else made / float(MICRO)
            case "min":
                made = _extreme(column("min"), greatest=False)
            case "max":
                made = _extreme(column("max"), greatest=True)
            case "since_last":
                made = self._elapsed(_extreme(column("latest"), greatest=True), item.unit)
            case "since_first":
                made = self._elapsed(_extreme(column("earliest"), greatest=False), item.unit)
            case "decayed":
                made = _total(column("decayed")).cast("float64") / float(MICRO)
            case "own_gaps":
                latest = _extreme(column("latest"), greatest=True)
                span = latest - _extreme(column("earliest"), greatest=False)
                elapsed = (self._as_of.microseconds - latest).cast("float64")
                made = elapsed * (_total(column("count")) - 1).cast("float64") / span.nullif(0).cast("float64")
            case _:
                span = _extreme(column("latest"), greatest=True) - _extreme(column("earliest"), greatest=False)
                gaps = _total(column("count")) - 1
                made = span.cast("float64") / (gaps > 0).ifelse(gaps, ibis.null("int64")) / float(item.unit * MICRO)
        return _defaulted(made, item)

    @staticmethod
    def _amount(total: Expr, item: Aggregate) -> Expr:
        if item.column_type is None or item.column_type.whole:
            return total
        return total.cast("float64") / float(MICRO)

    def _elapsed(self, moment: Expr, unit: int) -> Expr:
        return whole_division(self._as_of.microseconds - moment, unit * MICRO)

    def _ranked(self, item: Aggregate) -> Expr:
        """`subject_id` and one `value` per person, the same whatever the order of rows."""
        selection = item.selections[0]
        events = self._tables.events(selection.table)
        rows = events.filter(holds(selection, events, self._as_of))
        kind = item.column_type or item.type
        rows = rows.select("subject_id", "at", value=field_value(rows[item.column], kind))
        rows = rows.filter(rows.value.notnull())
        if item.statistic == "favourite":
            rows = rows.group_by(["subject_id", "value"]).aggregate(n=rows.count())
            order = [rows.n.desc(), rows.value.asc()]
        else:
            order = [rows.at.asc() if item.statistic == "first" else rows.at.desc(), rows.value.asc()]
        place = ibis.row_number().over(ibis.window(group_by=rows.subject_id, order_by=order))
        placed = rows.mutate(place=place)
        return placed.filter(placed.place == 0).select("subject_id", "value")


_PARTS: Mapping[str, tuple[str, ...]] = {
    "count": ("count",),
    "sum": ("sum",),
    "avg": ("sum", "known"),
    "min": ("min",),
    "max": ("max",),
    "distinct": ("distinct",),
    "periods": ("periods",),
    "since_last": ("latest",),
    "since_first": ("earliest",),
    "mean_gap": ("latest", "earliest", "count"),
    "own_gaps": ("latest", "earliest", "count"),
    "decayed": ("decayed",),
}
_OF_COLUMN = frozenset({"sum", "known", "min", "max", "distinct"})
_OF_UNIT = frozenset({"periods", "decayed"})
_ANY = ValueType(Sort.NUMBER)


def _joined(base: Expr, other: Expr) -> Expr:
    """`base` with what `other` knows of each person."""
    joined = base.join(other, "subject_id", how="left")
    return joined.select(*base.columns, *(name for name in other.columns if name != "subject_id"))


def _total(columns: list[Expr], empty: int | None = 0) -> Expr:
    """The sum over tables; `empty` where no table has any."""
    if empty is None:
        any_known = reduce(lambda one, other: one | other, (column.notnull() for column in columns))
        return any_known.ifelse(_total(columns), ibis.null("int64"))
    return reduce(lambda one, other: one + other, (column.fill_null(empty) for column in columns))


def _extreme(columns: list[Expr], *, greatest: bool) -> Expr:
    """The smallest or greatest over tables. Engines differ on least and greatest with nulls, so these are spelt out."""

    def either(one: Expr, other: Expr) -> Expr:
        first = one >= other if greatest else one <= other
        return ibis.cases((one.isnull(), other), (other.isnull(), one), (first, one), else_=other)

    return reduce(either, columns)


def _defaulted(value: Expr, item: Fact) -> Expr:
    if item.default is None:
        return value
    return value.fill_null(literal(item.default))
