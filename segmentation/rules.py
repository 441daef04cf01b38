"""Rules once they are checked: typed, with every name expanded. What is compiled, described and versioned.

Windows stay lengths of time here, so that a rule is the same rule whenever it runs.
"""

import hashlib
import json
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Literal

from passerelle.segmentation.facts import Coded, Formula, Moments, Passage, Season, Sessions
from passerelle.segmentation.language.comparisons import Ordering
from passerelle.segmentation.language.documents import RequiredModel


class Sort(StrEnum):
    """What kind of value something is. Only like is compared with like."""

    BOOLEAN = "yes or no"
    NUMBER = "number"
    MONEY = "money"
    TEXT = "text"
    TIME = "date"


@dataclass(frozen=True, slots=True)
class ValueType:
    """A value's sort, and how it is stored: whole (int64; money in cents, dates in µs UTC) or float64.

    `unit`: of a number that counts time, its unit in seconds; of a date, a day's when it is a plain day without a time.
    """

    sort: Sort
    whole: bool = True
    unit: int = 0


# --- where a person's value comes from
@dataclass(frozen=True, slots=True)
class Column:
    """A column of a person table."""

    table: str
    column: str
    type: ValueType
    default: "Stored" = None


@dataclass(frozen=True, slots=True)
class EventField:
    """A column of an event table, inside a `where`."""

    column: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events of one table, and which part of the past: [T - within, T - until)."""

    table: str
    events: tuple[str, ...]
    within: int | None = None
    until: int = 0
    where: tuple["Rule", ...] = ()


Statistic = Literal[
    "count", "sum", "avg", "min", "max", "first", "last", "favourite",
    "distinct", "since_last", "since_first", "mean_gap", "own_gaps", "decayed", "periods",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A statistic of a person's events, over one or more tables that hold them."""

    statistic: Statistic
    selections: tuple[Selection, ...]
    type: ValueType
    column: str | None = None
    column_type: ValueType | None = None
    unit: int = 86_400
    default: "Stored" = None


Fact = Column | Aggregate | Sessions | Passage | Moments | Season | Coded | Formula
"""What is known of one person before anything is compared: what a trait is."""


@dataclass(frozen=True, slots=True)
class Rfm:
    """Where the three scores come from."""

    recency: Fact
    frequency: Fact
    monetary: Fact
    bins: int
    over: "Rule | None"


@dataclass(frozen=True, slots=True)
class Score:
    """One RFM score, 1 to `bins`."""

    part: Literal["r", "f", "m"]
    rfm: Rfm
    type: ValueType = ValueType(Sort.NUMBER)


@dataclass(frozen=True, slots=True)
class Assigned:
    """What a fitted model says of a person: the name of their group (missing: none), or how far they are from it."""

    cluster: str
    part: Literal["group", "distance"]
    version: str
    """Of the model; empty where there is none yet."""
    names: tuple[tuple[int, str], ...]
    """What the groups are called, by label."""
    type: ValueType

    @property
    def word(self) -> str:
        """What rules call its model."""
        return f"cluster.{self.cluster}"


@dataclass(frozen=True, slots=True)
class Scored:
    """What a fitted model expects of a person: a probability, or an amount. Missing outside its population."""

    score: str
    version: str
    """Of the model; empty where there is none yet."""
    type: ValueType

    part: ClassVar[str] = "score"

    @property
    def word(self) -> str:
        """What rules call its model."""
        return f"score.{self.score}"


Operand = Fact | Score | Assigned | Scored | EventField

# --- what it is compared with
Stored = bool | int | float | Decimal | str | None
"""In stored units. Decimal where a whole number is compared with a fraction."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number per calendar day."""

    statistic: Literal["count", "sum", "people"]
    selections: tuple[Selection, ...]
    column: str | None
    per: Literal["", "person", "active_person"]
    type: ValueType


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a value must reach. `amount`: the fixed value, the quantile, or the number of deviations or groups."""

    kind: Literal["fixed", "quantile", "z_score", "natural_breaks", "moving_average"]
    type: ValueType
    amount: Decimal
    of: Operand | None = None
    over: "Rule | None" = None
    by: Operand | None = None
    metric: Metric | None = None
    days: int = 0
    timezone: str = "UTC"
    reach: int = 0
    """So many of the natural groups reach it."""

    @property
    def apart(self) -> bool:
        """Whether it is known before people's own values are: it is fixed, or read off everybody's events."""
        return self.kind == "fixed" or (self.kind == "moving_average" and self.by is None)


@dataclass(frozen=True, slots=True)
class ThresholdRef:
    """A threshold, multiplied. `name` is empty for one that stands inside a comparison."""

    threshold: Threshold
    name: str
    max_change: Decimal | None = None
    times: Decimal = Decimal(1)

    @property
    def label(self) -> str:
        """Its name in results and in the history."""
        return self.name or f"inline_{digest(self.threshold)[:12]}"


@dataclass(frozen=True, slots=True)
class OperandRef:
    """Another value of the same person, multiplied."""

    operand: Operand
    times: Decimal = Decimal(1)


Target = Stored | ThresholdRef | OperandRef
Comparator = Ordering | Literal["is", "is_not"]


# --- rules
@dataclass(frozen=True, slots=True)
class Compare:
    """False where either side is missing."""

    operand: Operand
    comparator: Comparator
    target: Target


@dataclass(frozen=True, slots=True)
class OneOf:
    """False where the value is missing, negated or not."""

    operand: Operand
    values: tuple[Stored, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class TextMatch:
    """Part of a text, without regard to case."""

    operand: Operand
    text: str
    at_start: bool


@dataclass(frozen=True, slots=True)
class Age:
    """A date newer ([T - length, T)) or older (before T - length) than a length of time."""

    operand: Operand
    length: int
    newer: bool


@dataclass(frozen=True, slots=True)
class Missing:
    """Whether there is no value."""

    operand: Operand
    missing: bool


@dataclass(frozen=True, slots=True)
class SequenceStep:
    """One step; several selections are several tables that hold such events."""

    selections: tuple[Selection, ...]
    within: int | None = None
    immediately: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """Steps in strict order of time, then nothing of `absent` within `absent.within`."""

    steps: tuple[SequenceStep, ...]
    absent: SequenceStep | None
    longest: int | None
    event_tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InSegment:
    """Membership of another segment, before its holdout."""

    name: str


@dataclass(frozen=True, slots=True)
class RfmGroup:
    """One of the eleven groups."""

    name: str
    rfm: Rfm


@dataclass(frozen=True, slots=True)
class Top:
    """The greatest by a value. `salt` decides between equals where `draw` says so."""

    operand: Operand
    n: int | None
    percent: Decimal | None
    draw: bool
    salt: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one."""

    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one."""

    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The rest of the population."""

    rule: "Rule"


@dataclass(frozen=True, slots=True)
class Called:
    """A rule by the words that people know it by; they change nothing."""

    words: str
    rule: "Rule"


Rule = (
    Compare | OneOf | TextMatch | Age | Missing | Sequence | InSegment | RfmGroup | Top | AllOf | AnyOf | Not | Called
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment, checked."""

    name: str
    where: Rule
    exclude: tuple[Rule, ...]
    holdout: tuple[Decimal, str] | None
    splits: tuple[tuple[str, Decimal], ...]
    uses: tuple[str, ...]
    """Segments that it refers to."""
    require: RequiredModel | None = None
    """What models that it rests on must be."""


def plain(value: Any) -> Any:  # noqa: ANN401 - any part of a rule
    """A rule as JSON values; equal rules give equal values, whatever they are called."""
    if isinstance(value, Called):
        return plain(value.rule)
    if is_dataclass(value) and not isinstance(value, type):
        parts = {item.name: plain(getattr(value, item.name)) for item in fields(value)}
        return {"kind": type(value).__name__, **parts}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value


def digest(value: Any) -> str:  # noqa: ANN401 - any part of a rule
    """SHA-256 of a rule's canonical JSON, in hex."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
