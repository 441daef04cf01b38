"""The few functions that engines name differently. Everything else is plain Ibis."""

from typing import Any

import ibis

Expr = Any
"""An Ibis expression: Ibis has no types that a checker could follow."""

_TIMESTAMP = "timestamp('UTC')"


@ibis.udf.scalar.builtin(name="epoch_us", signature=((_TIMESTAMP,), "int64"))
def _epoch_us(at):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - a declaration
    """DuckDB."""


@ibis.udf.scalar.builtin(name="sha256", signature=(("string",), "string"))
def _sha256(text):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202 - a declaration
    """DuckDB."""


def microseconds(at: Expr) -> Expr:
    """A UTC timestamp as µs since 1970, int64."""
    return _epoch_us(at)


def sha256_hex(text: Expr) -> Expr:
    """The SHA-256 of a text's UTF-8, in lower hex."""
    return _sha256(text)


def whole_division(value: Expr, by: int) -> Expr:
    """Value // by for values of zero and more, exactly: engines disagree on what / and // give for integers."""
    return ((value - value % by) / by).cast("int64")


def known(value: Expr) -> Expr:
    """False where a condition is unknown: a comparison with nothing never holds."""
    return value.fill_null(False)


def whole_sum(value: Expr, where: Expr | None = None) -> Expr:
    """A sum of whole numbers as int64. Engines widen it; Ibis believes int64 and would leave a plain cast out."""
    return value.sum(where=where).cast("decimal(38, 0)").cast("int64")
