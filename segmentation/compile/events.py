"""Events of one table, summed up per person: everything that rules ask of the table in a single scan."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import reduce
from typing import Literal

import ibis

from passerelle.segmentation.compile.instants import AsOf
from passerelle.segmentation.compile.portable import Expr, microseconds, quotient, rounded, whole_division, whole_sum
from passerelle.segmentation.compile.values import condition
from passerelle.segmentation.rules import (
    AllOf,
    AnyOf,
    Called,
    EventField,
    InSegment,
    Not,
    Operand,
    RfmGroup,
    Rule,
    Selection,
    Sequence,
    Sort,
    Top,
    ValueType,
)

MICRO = 1_000_000
GREATEST = 9.0e12
"""No float is greater: in millionths it would not be a whole number of 64 bits. What is, counts as missing."""

Part = Literal["count", "known", "sum", "min", "max", "distinct", "earliest", "latest", "decayed", "periods"]

_HALVINGS = 20
"""After so many nothing is left: less than a millionth."""


def _never(*_: object) -> Expr:
    raise TypeError("a filter on events compares with plain values only")


@dataclass(frozen=True, slots=True)
class Partial:
    """One statistic over one table, before tables are put together. `unit` belongs to `periods` and `decayed`."""

    part: Part
    selection: Selection
    column: str | None = None
    type: ValueType | None = None
    unit: int = 0


def field_value(column: Expr, kind: ValueType) -> Expr:
    """A column in stored units: dates as µs; not-a-number and infinity as missing."""
    if kind.sort is Sort.TIME:
        return microseconds(column.cast("timestamp('UTC')"))
    if not kind.whole:
        return (column.abs() <= GREATEST).ifelse(column, ibis.null("float64"))
    return column


def holds(selection: Selection, events: Expr, as_of: AsOf, *, lower: int | None = None) -> Expr:
    """Whether a row is one of the selected events. `lower`: an earlier bound that holds anyway, in seconds ago."""
    parts = [_named(selection, events), *_bounds(selection, events, as_of, lower)]
    parts += [_filter(rule, events, as_of) for rule in selection.where]
    return reduce(lambda one, other: one & other, parts)


def _named(selection: Selection, events: Expr) -> Expr:
    names = list(selection.events)
    return events.event == names[0] if len(names) == 1 else events.event.isin(names)


def _bounds(selection: Selection, events: Expr, as_of: AsOf, lower: int | None = None) -> list[Expr]:
    within = selection.within if selection.within is not None else lower
    parts = [events.at < as_of.moment(selection.until)]
    if within is not None:
        parts.append(events.at >= as_of.moment(within))
    return parts


def _filter(rule: Rule, events: Expr, as_of: AsOf) -> Expr:
    if isinstance(
        rule, AllOf | AnyOf | Not | Called | Sequence | InSegment | RfmGroup | Top
    ):  # pragma: no cover - not made
        raise TypeError(type(rule).__name__)

    def value_of(operand: Operand) -> Expr:
        if not isinstance(operand, EventField):  # pragma: no cover - not made
            raise TypeError(type(operand).__name__)
        return field_value(events[operand.column], operand.type)

    return condition(rule, value_of, _never, as_of)


@dataclass(slots=True)
class Summary:
    """What is asked of one table: each partial once, under a column's name."""

    events: Expr
    as_of: AsOf
    prefix: str
    """Of its columns' names: another one for each table."""
    partials: dict[Partial, str] = field(default_factory=dict)

    def column(self, partial: Partial) -> str:
        """The column that will hold `partial`."""
        return self.partials.setdefault(partial, f"{self.prefix}_p{len(self.partials)}")

    def grouped(self) -> Expr:
        """One row per person with selected events: `subject_id` and a column per partial."""
        selections = list(dict.fromkeys(partial.selection for partial in self.partials))
        rows = self.events.filter(*self._common(selections))
        one = len(selections) == 1
        parts = {
            name: self._aggregate(
                rows, partial, None if one else self._distinguishing(partial.selection, selections, rows)
            )
            for partial, name in self.partials.items()
        }
        return rows.group_by("subject_id").aggregate(**parts)

    def _common(self, selections: list[Selection]) -> list[Expr]:
        """Conditions that hold for every selection: they keep other rows from being read at all."""
        if len(selections) == 1:
            return [holds(selections[0], self.events, self.as_of)]
        names = sorted({name for selection in selections for name in selection.events})
        found = [self.events.event.isin(names) if len(names) > 1 else self.events.event == names[0]]
        found.append(self.events.at < self.as_of.moment(min(selection.until for selection in selections)))
        windows = [selection.within for selection in selections]
        if all(within is not None for within in windows):
            found.append(self.events.at >= self.as_of.moment(max(within for within in windows if within is not None)))
        return found

    def _distinguishing(self, selection: Selection, selections: list[Selection], rows: Expr) -> Expr | None:
        """What tells this selection's rows from the others' that were read along with them."""
        if len(selections) == 1:
            return None
        parts: list[Expr] = []
        if any(other.events != selection.events for other in selections):
            parts.append(_named(selection, rows))
        if any(other.until != selection.until for other in selections):
            parts.append(rows.at < self.as_of.moment(selection.until))
        if selection.within is not None and any(other.within != selection.within for other in selections):
            parts.append(rows.at >= self.as_of.moment(selection.within))
        parts += [_filter(rule, rows, self.as_of) for rule in selection.where]
        return reduce(lambda one, other: one & other, parts) if parts else None

    def _aggregate(self, rows: Expr, partial: Partial, where: Expr | None) -> Expr:  # noqa: C901, PLR0911 - one per statistic
        value = self._value(rows, partial)
        match partial.part:
            case "count":
                return rows.count(where=where)
            case "known":
                return value.count(where=where)
            case "sum":
                return scaled_sum(value, partial.type, where)
            case "min":
                return value.min(where=where)
            case "max":
                return value.max(where=where)
            case "distinct":
                return value.nunique(where=where)
            case "earliest":
                return microseconds(rows.at.min(where=where))
            case "latest":
                return microseconds(rows.at.max(where=where))
            case "decayed":
                return whole_sum(self._faded(rows, partial.unit), where)
            case "periods":
                elapsed = self.as_of.microseconds - 1 - microseconds(rows.at)
                return whole_division(elapsed, partial.unit * MICRO).nunique(where=where)

    def _faded(self, rows: Expr, half_life: int) -> Expr:
        """What an event still counts, in millionths: half after each half-life, and evenly less in between."""
        age = whole_division(self.as_of.microseconds - microseconds(rows.at), MICRO)
        halvings = whole_division(age, half_life)
        into = age - halvings * half_life
        left = whole_division((2 * half_life - into) * MICRO, 2 * half_life)
        halves = [(halvings == number, ibis.literal(2**number, type="int64")) for number in range(_HALVINGS)]
        return quotient(left, ibis.cases(*halves, else_=ibis.literal(2**_HALVINGS, type="int64")))

    def _value(self, rows: Expr, partial: Partial) -> Expr:
        if partial.column is None or partial.type is None:
            return None
        return field_value(rows[partial.column], partial.type)


def scaled_sum(value: Expr, kind: ValueType | None, where: Expr | None) -> Expr:
    """A sum that does not depend on the order of rows: of floats, in whole millionths (int64)."""
    if kind is not None and not kind.whole:
        value = rounded(value * float(MICRO))
    return whole_sum(value, where)


def first_rows(rows: Iterable[Expr]) -> Expr:
    """One table of several with the same columns."""
    tables = list(rows)
    return tables[0] if len(tables) == 1 else ibis.union(*tables)


def selected(events: Expr, selection: Selection, as_of: AsOf, lower: int | None = None) -> Expr:
    """The selected events: `subject_id`, `t` (µs)."""
    rows = events.filter(holds(selection, events, as_of, lower=lower))
    return rows.select("subject_id", t=microseconds(rows.at))
