"""Who could be in, whatever the thresholds turn out to be: nobody else has to be kept, or even looked up.

A rule is made wider until it rests on nothing that is computed later. What says no to somebody then says no for good.
"""

from collections.abc import Iterable
from functools import reduce

import ibis

from passerelle.segmentation.compile.portable import Expr, known
from passerelle.segmentation.compile.rules import Compiler
from passerelle.segmentation.compile.walk import Needs
from passerelle.segmentation.rules import (
    AllOf,
    AnyOf,
    Called,
    Compare,
    InSegment,
    Missing,
    Not,
    Operand,
    OperandRef,
    Rfm,
    RfmGroup,
    Rule,
    Score,
    Sequence,
    Threshold,
    ThresholdRef,
    Top,
)


def candidates(rules: Iterable[Rule], needs: Needs, compiler: Compiler) -> Expr | None:
    """Who can fulfil one of `rules` or counts for what they rest on, as a boolean that is never null; None: anybody."""
    wide = [_wide(rule, compiler) for rule in rules]
    later = [each.threshold for label, each in needs.thresholds.items() if label not in compiler.thresholds]
    wide += [_counted(threshold, compiler) for threshold in later]
    wide += [_scored(needs.rfm, compiler)] if needs.rfm is not None else []
    wide += [_valued(rule.operand, compiler) for rule in needs.tops]
    return _any(wide)


def _wide(rule: Rule, compiler: Compiler) -> Expr | None:  # noqa: PLR0911 - one line per kind
    if _settled(rule, compiler):
        return compiler.rule(rule)
    match rule:
        case AllOf():
            return _all(_wide(part, compiler) for part in rule.rules)
        case AnyOf():
            return _any(_wide(part, compiler) for part in rule.rules)
        case Called():
            return _wide(rule.rule, compiler)
        case InSegment():
            return _wide(compiler.segments[rule.name].where, compiler)
        case RfmGroup():
            return _scored(rule.rfm, compiler)
        case Not() | Missing() | Sequence():
            return None
        case _:
            return _valued(rule.operand, compiler)


def _settled(rule: Rule, compiler: Compiler) -> bool:
    """Whether it rests on nothing but the person's own values, and thresholds that are known already."""
    match rule:
        case AllOf() | AnyOf():
            return all(_settled(part, compiler) for part in rule.rules)
        case Called() | Not():
            return _settled(rule.rule, compiler)
        case Sequence():
            return True
        case InSegment() | RfmGroup() | Top():
            return False
        case Compare():
            return not isinstance(rule.operand, Score) and _known(rule.target, compiler)
        case _:
            return not isinstance(rule.operand, Score)


def _known(target: object, compiler: Compiler) -> bool:
    if isinstance(target, ThresholdRef):
        return target.label in compiler.thresholds
    return not (isinstance(target, OperandRef) and isinstance(target.operand, Score))


def _valued(operand: Operand, compiler: Compiler) -> Expr | None:
    """Who has a value: whoever has none is ranked nowhere, and no comparison holds for them."""
    return _scored(operand.rfm, compiler) if isinstance(operand, Score) else compiler.value(operand).notnull()


def _counted(threshold: Threshold, compiler: Compiler) -> Expr | None:
    """Whose values decide on a threshold. Of a daily metric by group, whoever has a group."""
    operands = [operand for operand in (threshold.of, threshold.by) if operand is not None]
    over = [] if threshold.over is None else [_wide(threshold.over, compiler)]
    return _all([*over, *(_valued(operand, compiler) for operand in operands)])


def _scored(rfm: Rfm, compiler: Compiler) -> Expr | None:
    return None if rfm.over is None else _wide(rfm.over, compiler)


def _all(parts: Iterable[Expr | None]) -> Expr | None:
    found = [known(part) for part in parts if part is not None]
    return reduce(lambda one, other: one & other, found) if found else None


def _any(parts: Iterable[Expr | None]) -> Expr | None:
    found = list(parts)
    if any(part is None for part in found):
        return None
    return reduce(lambda one, other: one | other, map(known, found), ibis.literal(False))
