"""PostgreSQL, by ADBC, in a read-only session: Arrow from the server's binary COPY."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Self
from urllib.parse import SplitResult, urlunsplit

import adbc_driver_postgresql.dbapi as driver
import pyarrow as pa

from passerelle.connectors.sources.sql.adbc import answering, batches
from passerelle.connectors.sources.sql.server import Column
from passerelle.connectors.sources.sql.statement import column as of_records
from passerelle.connectors.sources.sql.statement import quoted

_NATIVE = ("int2", "int4", "int8", "float4", "float8", "bool", "date", "timestamp", "timestamptz", "text", "varchar")
_COMPARED = (*_NATIVE, "numeric")


class Postgres:
    """A server. Types that Arrow does not carry are asked for as text."""

    quote = partial(quoted, mark='"')

    def __init__(self, where: SplitResult) -> None:
        with answering():
            self._connection: Any = driver.connect(urlunsplit(where._replace(scheme="postgresql")))
            with self._connection.cursor() as cursor:
                cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
            self._connection.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def columns(self, table: str) -> list[Column]:
        """Names and types."""
        with answering(), self._connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} WHERE false")  # noqa: S608 - quoted names
            return [_column(field) for field in cursor.fetch_arrow_table().schema]

    def shown(self, column: Column) -> str:
        """As it is, or as text."""
        name, shown = self.quote(column.name), of_records(column.name, self.quote)
        return shown if column.native else f"CAST({shown} AS text) AS {name}"

    def place(self, number: int, column: Column) -> str:
        """Text, cast to the column's type."""
        return f"${number}::text::{column.type if column.type in _COMPARED else 'text'}"

    def rows(self, sql: str, parameters: Sequence[str]) -> Iterator[pa.Table]:
        """Columns in Arrow's types."""
        with answering(), self._connection.cursor() as cursor:
            cursor.execute(sql, tuple(parameters) or None)
            yield from batches(cursor)


def _column(field: pa.Field) -> Column:
    kind = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    return Column(field.name, kind, native=kind in _NATIVE)
