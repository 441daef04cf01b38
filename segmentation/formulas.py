"""Formulas of model.yaml, read: names, numbers, + - * / and brackets, each with the sort of value that it gives."""

import ast
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from passerelle.segmentation.facts import Coded, Constant, Formula, Operation, Operator, Term
from passerelle.segmentation.literals import CENTS
from passerelle.segmentation.rules import Fact, Sort, ValueType
from passerelle.segmentation.wrong import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_OPERANDS = 12
"""Values between a millionth and 10^19 cannot leave the range of a float in so many steps, so no engine meets one that
another would take for an error."""

_OPERATORS: "Mapping[type[ast.operator], Operator]" = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


@dataclass(frozen=True, slots=True)
class _Typed:
    """A term and its sort; a bare number takes the sort of what it is added to."""

    term: Term
    sort: Sort
    bare: bool = False


def formula(text: str, named: Callable[[str], Fact], place: Place) -> tuple[Term, ValueType]:
    """The term that `text` says and its type; `named` resolves a trait. Raises `Misdefined`."""
    try:
        tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is None:
        raise place.wrong("This is no formula.", "Use traits and numbers with + - * / and brackets.")
    found = _Reader(named, place).read(tree)
    if _size(found.term) > MOST_OPERANDS:
        raise place.wrong(f"A formula has at most {MOST_OPERANDS} traits and numbers, those of its traits included.")
    return found.term, ValueType(found.sort, whole=False)


@dataclass(frozen=True, slots=True)
class _Reader:
    named: Callable[[str], Fact]
    place: Place

    def read(self, node: ast.expr) -> _Typed:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return _Typed(Constant(Decimal(str(number))), Sort.NUMBER, bare=True)
            case ast.Name(id=name):
                return self._trait(name)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                right = self.read(inner)
                return _Typed(Operation("-", Constant(Decimal(0)), right.term), right.sort)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                return self._operation(_OPERATORS[type(operator)], self.read(left), self.read(right))
            case _:
                raise self.place.wrong(
                    "A formula knows traits, numbers, + - * / and brackets.", f"Leave out `{ast.unparse(node)}`."
                )

    def _trait(self, name: str) -> _Typed:
        fact = self.named(name)
        if fact.type.sort not in {Sort.NUMBER, Sort.MONEY}:
            raise self.place.wrong(
                f"`{name}` is a {fact.type.sort}: there is no arithmetic with it.",
                "A trait with `one_hot` or `ordinal` makes it a number.",
            )
        return _Typed(fact, fact.type.sort)

    def _operation(self, operator: Operator, left: _Typed, right: _Typed) -> _Typed:
        if operator in "+-":
            left, right = _in_cents(left, right), _in_cents(right, left)
            if left.sort is not right.sort:
                raise self.place.wrong(f"`{operator}` stands between a {left.sort} and a {right.sort}.")
            sort = left.sort
        elif left.sort is right.sort is Sort.MONEY:
            if operator == "*":
                raise self.place.wrong("Money cannot be multiplied by money.")
            sort = Sort.NUMBER
        elif operator == "/" and right.sort is Sort.MONEY:
            raise self.place.wrong("A number cannot be divided by money.", "Divide the money by the number.")
        else:
            sort = Sort.MONEY if Sort.MONEY in {left.sort, right.sort} else Sort.NUMBER
        return _Typed(Operation(operator, left.term, right.term), sort)


def _in_cents(one: _Typed, other: _Typed) -> _Typed:
    """A bare number beside money is an amount."""
    if one.bare and other.sort is Sort.MONEY and isinstance(one.term, Constant):
        return _Typed(Constant(one.term.amount * CENTS), Sort.MONEY)
    return one


def _size(term: Term) -> int:
    match term:
        case Operation():
            return _size(term.left) + _size(term.right)
        case Formula():
            return _size(term.term)
        case Coded():
            return _size(term.of)
        case _:
            return 1
