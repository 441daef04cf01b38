"""SQLite, by ADBC, opened read-only.

SQLite's columns have no types, and the driver guesses them from the first rows; so each value is asked for as text
behind a letter that tells it from nothing.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, quote, unquote

import adbc_driver_sqlite.dbapi as driver
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.sql.adbc import answering, batches
from passerelle.connectors.sources.sql.server import Column
from passerelle.connectors.sources.sql.statement import column as of_records
from passerelle.connectors.sources.sql.statement import quoted

_END = (1 << 31) - 1
"""Past the end of any value."""


class Sqlite:
    """A file. Nobody else's writing is waited for, and nothing is written."""

    quote = partial(quoted, mark='"')

    def __init__(self, where: SplitResult, folder: Path) -> None:
        path = folder / unquote(where.path.removeprefix("/"))
        if not path.is_file():
            raise DefinitionError(f"There is no database file {path.name}.", advice="Check the path in `url:`.")
        with answering():
            self._connection: Any = driver.connect(f"file:{quote(str(path))}?mode=ro")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def columns(self, table: str) -> list[Column]:
        """Names; types are unknown."""
        with answering(), self._connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} WHERE 0")  # noqa: S608 - quoted names
            return [Column(name, "", native=False) for name in cursor.fetch_arrow_table().column_names]

    def shown(self, column: Column) -> str:
        """`n` for nothing, or `v` and the value."""
        name, shown = self.quote(column.name), of_records(column.name, self.quote)
        return f"COALESCE('v' || {shown}, 'n') AS {name}"

    def place(self, _number: int, column: Column) -> str:
        """Numbers are compared as such."""
        return "CAST(? AS INTEGER)" if column.type == "integer" else "?"

    def rows(self, sql: str, parameters: Sequence[str]) -> Iterator[pa.Table]:
        """Text columns."""
        with answering(), self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "16384"})
            cursor.execute(sql, tuple(parameters) or None)
            for table in batches(cursor):
                yield pa.table({name: _bare(table.column(name)) for name in table.column_names})


def _bare(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Without the letter, which is one byte: bytes are cut faster than characters are counted."""
    text = column.cast(pa.string())
    bare = pc.binary_slice(text.cast(pa.binary()), 1, _END)
    return pc.if_else(pc.starts_with(text, "v"), _decoded(bare), pa.scalar(None, pa.string()))


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """As text. SQLite takes any bytes for such: what is none becomes U+FFFD, and stops nobody else's record."""
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.chunked_array([[one.decode("utf-8", "replace") for one in column.to_pylist()]], pa.string())
