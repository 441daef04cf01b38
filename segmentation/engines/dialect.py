"""Expressions into the SQL of one engine: Ibis compiles, and the few functions of `compile/portable.py` get their name.

What an engine has no exact word for is refused here, before anything runs.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import ibis.backends.sql.compilers as ibis_compilers
from ibis.common.exceptions import IbisError
from sqlglot import expressions as sge

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation.compile.portable import Expr, Portable

Native = Callable[..., sge.Expression]


class NotExact(DefinitionError):
    """The engine can't compute this exactly. Whoever knows which condition it stands in says so."""


def call(name: str, *arguments: sge.Expression) -> sge.Expression:
    """A call of the engine's own function."""
    return sge.Anonymous(this=name, expressions=list(arguments))


def text(value: str) -> sge.Expression:
    """A text literal."""
    return sge.Literal.string(value)


def quotient(value: sge.Expression, by: sge.Expression) -> sge.Expression:
    """A division of whole numbers, by the operator."""
    return sge.IntDiv(this=sge.paren(value), expression=by)


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """One engine's SQL."""

    engine: str
    """As people call it."""
    compiler: str
    """Ibis's compiler for it."""
    functions: Mapping[Portable, Native] = field(repr=False)
    """Its words for the portable functions. One that is not here is refused."""
    holds_nul: bool = True
    """Whether a text may contain the character U+0000."""
    decimal: str | None = None
    """Its type for exact numbers, where Ibis would take one that is too narrow for squares and sums."""

    def sql(self, expression: Expr) -> str:
        """The expression as a query. Raises `NotExact`."""
        compiler = _compiler(self)
        try:
            tree = compiler.to_sqlglot(expression)
        except IbisError as problem:  # what it has no word for
            missing = type(problem).__name__
        else:
            return str(tree.sql(compiler.dialect))
        raise self.refused(f"what this rule asks ({missing})")

    def native(self, name: str, arguments: Iterable[sge.Expression]) -> sge.Expression:
        """A portable function in the engine's own words."""
        word = Portable(name)
        if word not in self.functions:
            raise self.refused(word.removeprefix("passerelle_"))
        return self.functions[word](*arguments)

    def refused(self, what: str) -> NotExact:
        """The error to raise."""
        return NotExact(
            f"{self.engine} has no exact way for {what}.",
            advice="Change the rule, or compute segments by DuckDB: `engine: {kind: duckdb}` in passerelle.yaml.",
        )


@cache
def _compiler(dialect: Dialect) -> Any:  # noqa: ANN401 - Ibis has no types
    """Ibis's compiler, that asks `dialect` for the portable functions, and writes floats as floats."""
    parent: Any = getattr(ibis_compilers, dialect.compiler)

    class Compiler(parent):  # type: ignore[misc]
        SIMPLE_OPS: Mapping[type, str] = {}  # or Ibis would put them before what the parent says
        UNSUPPORTED_OPS: tuple[type, ...] = ()

        def visit_ScalarUDF(self, op: Any, **arguments: Any) -> Any:  # noqa: ANN401, N802 - Ibis's name
            return dialect.native(self.__sql_name__(op), arguments.values())

        def visit_Cast(self, op: Any, *, arg: Any, to: Any) -> Any:  # noqa: ANN401, N802 - Ibis's name
            if dialect.decimal is not None and to.is_decimal():
                return sge.cast(arg, dialect.decimal, dialect=self.dialect)
            return super().visit_Cast(op, arg=arg, to=to)

        def visit_NonNullLiteral(self, op: Any, *, value: Any, dtype: Any) -> Any:  # noqa: ANN401, N802 - Ibis's name
            if isinstance(value, str) and "\x00" in value and not dialect.holds_nul:
                raise dialect.refused("a text with the character U+0000")
            found = super().visit_NonNullLiteral(op, value=value, dtype=dtype)
            if not dtype.is_floating():
                return found
            # A bare number with a point is a decimal to most engines.
            bare = self.visit_DefaultLiteral(op, value=value, dtype=dtype) if found is None else found
            return self.cast(bare, dtype)

    return Compiler()
