"""Conditions on stored values: comparisons, exact for whole numbers on every engine."""

import math
from collections.abc import Callable
from decimal import Decimal

import ibis

from passerelle.segmentation.compile.instants import AsOf
from passerelle.segmentation.compile.portable import Expr, found_in, known
from passerelle.segmentation.rules import (
    Age,
    Comparator,
    Compare,
    Missing,
    OneOf,
    Operand,
    OperandRef,
    Stored,
    TextMatch,
    ThresholdRef,
)

ValueOf = Callable[[Operand], Expr]
ThresholdOf = Callable[[ThresholdRef, Expr, Comparator], Expr]
Plain = Compare | OneOf | TextMatch | Age | Missing


def number(value: Expr, comparator: Comparator, target: int | Decimal, *, whole: bool) -> Expr:
    """`value` against a number. A whole value is compared with a whole bound, so no rounding can come in."""
    if not whole:
        return compare(value, comparator, ibis.literal(float(target), type="float64"))
    if isinstance(target, int) or target == target.to_integral_value():
        return compare(value, comparator, ibis.literal(int(target), type="int64"))
    match comparator:
        case "is":
            return ibis.literal(False) & value.notnull()
        case "is_not":
            return value.notnull()
        case "at_least" | "less_than":
            return compare(value, comparator, ibis.literal(math.ceil(target), type="int64"))
        case _:
            return compare(value, comparator, ibis.literal(math.floor(target), type="int64"))


def compare(left: Expr, comparator: Comparator, right: Expr) -> Expr:
    """One comparison; unknown where a side is missing."""
    match comparator:
        case "is":
            return left == right
        case "is_not":
            return left != right
        case "at_least":
            return left >= right
        case "at_most":
            return left <= right
        case "more_than":
            return left > right
        case "less_than":
            return left < right


def literal(value: Stored) -> Expr:
    """A literal of a stored value."""
    if isinstance(value, Decimal):
        return ibis.literal(float(value), type="float64")
    return ibis.literal(value, type="int64") if type(value) is int else ibis.literal(value)


def condition(rule: Plain, value_of: ValueOf, threshold_of: ThresholdOf, as_of: AsOf) -> Expr:
    """A rule on one value, as a boolean that is never null."""
    value = value_of(rule.operand)
    match rule:
        case Missing():
            return value.isnull() if rule.missing else value.notnull()
        case OneOf():
            found = _one_of(value, rule)
            return known(~found & value.notnull() if rule.negated else found)
        case TextMatch():
            return known(found_in(value, rule.text, at_start=rule.at_start))
        case Age():
            edge = as_of.ago(rule.length)
            return known((value >= edge) & (value < as_of.microseconds) if rule.newer else value < edge)
        case Compare():
            return known(_compared(rule, value, value_of, threshold_of))


def _one_of(value: Expr, rule: OneOf) -> Expr:
    values = [item for item in rule.values if not (isinstance(item, Decimal) and rule.operand.type.whole)]
    if not values:
        return value.notnull() & ibis.literal(False)
    return value.isin([literal(item if rule.operand.type.whole else _float(item)) for item in values])


def _float(item: Stored) -> Stored:
    return item if isinstance(item, str | bool) or item is None else float(item)


def _compared(rule: Compare, value: Expr, value_of: ValueOf, threshold_of: ThresholdOf) -> Expr:
    target, whole = rule.target, rule.operand.type.whole
    if isinstance(target, ThresholdRef):
        return threshold_of(target, value, rule.comparator)
    if isinstance(target, OperandRef):
        return _against(value, rule.comparator, target, value_of(target.operand), whole=whole)
    if isinstance(target, int | Decimal) and not isinstance(target, bool):
        return number(value, rule.comparator, target, whole=whole)
    return compare(value, rule.comparator, literal(target))


def _against(value: Expr, comparator: Comparator, target: OperandRef, other: Expr, *, whole: bool) -> Expr:
    times = target.times
    if times == 1:
        return compare(value, comparator, other)
    if whole and target.operand.type.whole:
        ratio = times.as_integer_ratio()
        return compare(value * ratio[1], comparator, other * ratio[0])
    return compare(value, comparator, other * float(times))
