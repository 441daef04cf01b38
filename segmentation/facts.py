"""What is known of one person beyond a column and a statistic: sessions, passages, moments, codes, formulas.

Each is a value like `rules.Column` and `rules.Aggregate`: typed, with every name expanded, compared by what it asks.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Union

if TYPE_CHECKING:
    from passerelle.segmentation.rules import Fact, Selection, Stored, ValueType

Measure = Literal["number", "length", "events", "weighted"]
Operator = Literal["+", "-", "*", "/"]


@dataclass(frozen=True, slots=True)
class Sessions:
    """A measure of a person's sessions: events with no pause longer than `gap` seconds between them.

    `number` of sessions; mean `length` in `unit` seconds; mean number of `events`; `weighted`: events, each times the
    length of its session in `unit`. `counted`: the events that the last two count.
    """

    measure: Measure
    selections: tuple["Selection", ...]
    counted: tuple[str, ...]
    gap: int
    type: "ValueType"
    unit: int = 60
    default: "Stored" = None


@dataclass(frozen=True, slots=True)
class Passage:
    """The mean time from the latest event of `start` to the first one of `end` after it, in `unit` seconds."""

    start: tuple["Selection", ...]
    end: tuple["Selection", ...]
    longest: int | None
    type: "ValueType"
    unit: int
    default: "Stored" = None


@dataclass(frozen=True, slots=True)
class Moments:
    """How often all of `parts` (which events, at least how many) happened within a short time; 0 for never.

    With `visit`, the events that visits are made of: so many visits, parted by pauses longer than `length` seconds.
    Without: they lie in `length` seconds, and moments that follow one another by no more than that are one.
    """

    parts: tuple[tuple[tuple["Selection", ...], int], ...]
    visit: tuple["Selection", ...]
    length: int
    type: "ValueType"
    default: "Stored" = 0


@dataclass(frozen=True, slots=True)
class Season:
    """How much of a year's events, everybody's, fall into the last `within` seconds of it, against an even year.

    The same for all people. Years end at the same moment of the calendar (in `timezone`) as now, one to `years` before.
    """

    selections: tuple["Selection", ...]
    within: int
    years: int
    timezone: str
    type: "ValueType"
    default: "Stored" = None


@dataclass(frozen=True, slots=True)
class Coded:
    """A number for each value of `of`; `otherwise` for a known value without one."""

    of: "Fact"
    codes: tuple[tuple["Stored", int], ...]
    otherwise: int | None
    type: "ValueType"
    default: "Stored" = None


@dataclass(frozen=True, slots=True)
class Constant:
    """A number in a formula, in stored units."""

    amount: Decimal


@dataclass(frozen=True, slots=True)
class Operation:
    """Two terms and what is done with them. A division by zero gives nothing."""

    operator: Operator
    left: "Term"
    right: "Term"


@dataclass(frozen=True, slots=True)
class Formula:
    """Arithmetic on a person's values; nothing where one of them is missing."""

    term: "Term"
    type: "ValueType"
    default: "Stored" = None


Term = Union[Constant, Operation, "Fact"]
