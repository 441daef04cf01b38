"""Rules as boolean columns of the people table; never null, so that NOT is the complement."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce

import ibis

from passerelle.segmentation.compile.instants import AsOf
from passerelle.segmentation.compile.portable import Expr, known, sha256_hex
from passerelle.segmentation.compile.values import condition, number
from passerelle.segmentation.rfm import cells
from passerelle.segmentation.rules import (
    AllOf,
    AnyOf,
    Assigned,
    Called,
    Comparator,
    EventField,
    Fact,
    InSegment,
    Not,
    Operand,
    Rfm,
    RfmGroup,
    Rule,
    Score,
    Scored,
    Segment,
    Sequence,
    ThresholdRef,
    Top,
)

Group = str | bool | int | None
Values = Mapping[Group, Decimal | None]
"""A threshold's value per group; the group None is everybody's where it has no groups."""

_SHARES = 1 << 32
_PER_CENT = 100


@dataclass(slots=True)
class Compiler:
    """Compiles rules over `people`, a table with the named columns."""

    people: Expr
    columns: Mapping[Fact, str]
    sequences: Mapping[Sequence, str]
    as_of: AsOf
    segments: Mapping[str, Segment]
    thresholds: dict[str, Values] = field(default_factory=dict)
    """By label."""
    scores: dict[str, list[Decimal]] = field(default_factory=dict)
    """Edges of the RFM scores: r, f, m."""
    tops: dict[Top, Decimal | None] = field(default_factory=dict)
    """Of those whose equals are not drawn, the least value that is still among the greatest; None: nobody has one."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """Of each model, by what rules call it, how its columns begin."""

    def segment(self, segment: Segment) -> Expr:
        """Who is in, before the holdout."""
        return self.rule(segment.where) & ~self.any_of(segment.exclude)

    def any_of(self, rules: tuple[Rule, ...]) -> Expr:
        """Who fulfils at least one of `rules`."""
        return reduce(lambda one, other: one | other, (self.rule(rule) for rule in rules), _false())

    def rule(self, rule: Rule) -> Expr:  # noqa: PLR0911 - one line per kind
        """Who fulfils `rule`."""
        match rule:
            case AllOf():
                return reduce(lambda one, other: one & other, (self.rule(part) for part in rule.rules))
            case AnyOf():
                return self.any_of(rule.rules)
            case Not():
                return ~self.rule(rule.rule)
            case Called():
                return self.rule(rule.rule)
            case InSegment():
                return self.segment(self.segments[rule.name])
            case Sequence():
                return self.people[self.sequences[rule]]
            case RfmGroup():
                return self._group(rule)
            case Top():
                return self._top(rule)
            case _:
                return condition(rule, self.value, self._against, self.as_of)

    def value(self, operand: Operand) -> Expr:
        """The person's value, in stored units."""
        match operand:
            case Score():
                return self.score(operand.part, operand.rfm)
            case Assigned() | Scored():
                return self.people[f"{self.beside[operand.word]}_{operand.part}"]
            case EventField():
                raise TypeError("a column of events stands only inside `where`")
            case _:
                return self.people[self.columns[operand]]

    def score(self, part: str, rfm: Rfm) -> Expr:
        """1 + how many edges lie strictly below the value; turned round for recency. Null outside `over`."""
        operand = {"r": rfm.recency, "f": rfm.frequency, "m": rfm.monetary}[part]
        value = self.value(operand)
        above = (number(value, "more_than", edge, whole=operand.type.whole) for edge in self.scores[part])
        steps = [holds.ifelse(ibis.literal(1, type="int64"), ibis.literal(0, type="int64")) for holds in above]
        score = reduce(lambda one, other: one + other, steps, ibis.literal(1, type="int64"))
        score = rfm.bins + 1 - score if part == "r" else score
        return (self._scored(rfm) & value.notnull()).ifelse(score, ibis.null("int64"))

    def _scored(self, rfm: Rfm) -> Expr:
        return _true() if rfm.over is None else self.rule(rfm.over)

    def _group(self, rule: RfmGroup) -> Expr:
        recency, frequency, monetary = (self.score(part, rule.rfm) for part in ("r", "f", "m"))
        doubled = frequency + monetary  # FM is half of it, rounded up
        found = [(recency == r) & doubled.isin([2 * fm - 1, 2 * fm]) for r, fm in cells(rule.name)]
        return known(reduce(lambda one, other: one | other, found))

    def _against(self, reference: ThresholdRef, value: Expr, comparator: Comparator) -> Expr:
        values, by = self.thresholds[reference.label], reference.threshold.by
        whole = value.type().is_integer()
        found = _false()
        for group, bound in values.items():
            if bound is None:
                continue
            times = bound * reference.times
            holds = number(value, comparator, times, whole=whole)
            found = found | known(holds if by is None else (self.value(by) == ibis.literal(group)) & holds)
        return found

    def _top(self, rule: Top) -> Expr:
        value = self.value(rule.operand)
        if not rule.draw:
            least = self.tops[rule]
            return _false() if least is None else known(number(value, "at_least", least, whole=rule.operand.type.whole))
        # Nobody without a value takes a place: they are ranked apart.
        order = [value.desc(), salted(self.people.subject_id, rule.salt).asc()]
        place = ibis.row_number().over(ibis.window(group_by=value.isnull(), order_by=order))
        if rule.percent is None:
            return value.notnull() & (place < (rule.n or 0))
        part, whole = (rule.percent / _PER_CENT).as_integer_ratio()
        return value.notnull() & (place * whole < value.count().over(ibis.window()) * part)


def prefixes(words: Iterable[str]) -> dict[str, str]:
    """How the columns of each model begin: `g0_group`, `g0_distance`. Short, since engines cut long names off."""
    return {word: f"g{index}" for index, word in enumerate(sorted(words))}


def salted(subject_id: Expr, salt: str) -> Expr:
    """A hash that stays while the salt stays: hex of SHA-256(salt ":" subject_id)."""
    return sha256_hex(ibis.literal(f"{salt}:") + subject_id.cast("string"))


def drawn(subject_id: Expr, start: Decimal, percent: Decimal, salt: str) -> Expr:
    """Whether a person's hash falls into [start, start + percent) of a hundred. Text against text: no integer cast."""
    hexed = salted(subject_id, salt)
    low, high = edge(start), edge(start + percent)
    return (_true() if low is None else hexed >= low) & (_true() if high is None else hexed < high)


def edge(percent: Decimal) -> str | None:
    """The first eight hex digits at which this share of all hashes ends; None at the ends of the line."""
    share = percent / _PER_CENT
    part, whole = share.as_integer_ratio()
    position = -(-part * _SHARES // whole)  # rounded up
    return None if position <= 0 or position >= _SHARES else f"{position:08x}"


def _true() -> Expr:
    return ibis.literal(True)


def _false() -> Expr:
    return ibis.literal(False)
