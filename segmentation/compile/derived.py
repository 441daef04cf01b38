"""Values made of a person's other values: arithmetic that every engine does alike, and codes."""

from collections.abc import Callable

import ibis

from passerelle.segmentation.compile.events import GREATEST, MICRO
from passerelle.segmentation.compile.portable import Expr, rounded
from passerelle.segmentation.compile.values import literal
from passerelle.segmentation.facts import Coded, Constant, Formula, Operation, Term
from passerelle.segmentation.rules import Fact

ColumnOf = Callable[[Fact], Expr]

_SMALLEST = 1e-6


def formula(item: Formula, column_of: ColumnOf) -> Expr:
    """The value, to a millionth; null where a part is missing, something is divided by zero, or it is beyond 9·10¹².

    Floats are added, multiplied and divided alike by every engine as long as none is too great or too small: so what
    comes in is at least a millionth or zero, and `formulas.MOST_OPERANDS` does the rest.
    """
    exact = _term(item.term, column_of)
    bounded = (exact.abs() <= GREATEST).ifelse(exact, ibis.null("float64"))
    return rounded(bounded * float(MICRO)).cast("float64") / float(MICRO)


def _term(term: Term, column_of: ColumnOf) -> Expr:
    match term:
        case Constant():
            return ibis.literal(float(term.amount), type="float64")
        case Operation():
            left, right = _term(term.left, column_of), _term(term.right, column_of)
            return _done(term, left, right)
        case _:
            value = column_of(term).cast("float64")
            return (value.abs() < _SMALLEST).ifelse(0.0, value)


def _done(term: Operation, left: Expr, right: Expr) -> Expr:
    match term.operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/":
            return left / (right.abs() < _SMALLEST).ifelse(ibis.null("float64"), right)


def coded(item: Coded, column_of: ColumnOf) -> Expr:
    """The number of a value; null where the value is missing, and where it has none and there is no other number."""
    value = column_of(item.of)
    branches = [(value == literal(stored), ibis.literal(code, type="int64")) for stored, code in item.codes]
    rest = ibis.null("int64") if item.otherwise is None else ibis.literal(item.otherwise, type="int64")
    return value.isnull().ifelse(ibis.null("int64"), ibis.cases(*branches, else_=rest))
