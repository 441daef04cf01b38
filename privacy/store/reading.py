"""Rows of the control store as Arrow columns."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, Integer, LargeBinary, Select
from sqlalchemy.exc import OperationalError
from sqlalchemy.types import TypeEngine

from passerelle.privacy.errors import IntegrityError

_ROWS = 100_000
"""Rows that are turned into columns at a time."""

_UNREADABLE = "Could not decode to UTF-8"
"""How SQLite's driver begins to say that a text is none; it goes on to quote the cell."""


def table(connection: Connection, statement: Select[Any]) -> pa.Table:
    """The rows of `statement` as an Arrow table with the types of its columns.

    Raises `IntegrityError` where a column holds a value of another type, as SQLite lets it.
    """
    parts: list[pa.Table] = []
    with legible():
        cursor = connection.execute(statement).cursor
        while rows := cursor.fetchmany(_ROWS):  # a million tuples weigh several times what their columns do
            parts.append(_columnar(rows, statement))
    return pa.concat_tables(parts).combine_chunks() if parts else _columnar((), statement)


def tables(connection: Connection, statement: Select[Any], *, rows: int) -> Iterator[pa.Table]:
    """The same in parts of at most so many rows, of which one is in memory at a time. No part is empty."""
    with legible():
        plain = connection.dialect.name == "sqlite"  # which hands out one row at a time by itself
        result = connection.execute(statement, execution_options={} if plain else {"yield_per": rows})
        fetch = result.cursor.fetchmany if plain else result.fetchmany
        while part := fetch(rows):
            yield _columnar(part, statement)


def arrow_type(kind: TypeEngine[Any]) -> pa.DataType:
    """The type of a column's values in Arrow."""
    if isinstance(kind, LargeBinary):
        return pa.binary()
    return pa.int64() if isinstance(kind, Integer) else pa.string()


@contextmanager
def legible() -> Iterator[None]:
    """Turn a text that is no text into an `IntegrityError`, for as long as the block lasts."""
    import sqlite3

    try:
        yield
    except (OperationalError, sqlite3.OperationalError) as problem:
        if _UNREADABLE not in str(getattr(problem, "orig", problem)):
            raise
        raise _mistyped() from None


def _columnar(rows: Sequence[Sequence[object]], statement: Select[Any]) -> pa.Table:
    columns: list[Any] = list(zip(*rows, strict=True)) if rows else [[] for _ in statement.selected_columns]
    schema = pa.schema([(column.name, arrow_type(column.type)) for column in statement.selected_columns])
    try:
        arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # their text quotes the value
        raise _mistyped() from None
    return pa.table(arrays, schema=schema)


def _mistyped() -> IntegrityError:
    return IntegrityError(
        "A column of the store holds a value of another type.",
        advice="Someone changed the store by hand; `passerelle audit verify` says where.",
    )
