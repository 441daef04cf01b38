"""PostgreSQL as the engine: the lake's tables are copied into a schema of its own, and queried there.

A copy is named by what it is a copy of (table, columns, files), and a file of the lake never changes, so a copy is
whole and right or not there. It is made in one transaction; copies of older files are dropped once nobody reads them.
Text has the collation "C", so that it is compared as it stands, whatever the database's own language.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import expressions as sge

from passerelle.privacy.errors import DefinitionError, PasserelleError, TryLater
from passerelle.segmentation.compile.portable import Portable
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.engines.copies import COPY_NAME, batches, copy_name
from passerelle.segmentation.engines.dialect import Dialect, call, text
from passerelle.segmentation.engines.session import Session, shown, small_tables
from passerelle.segmentation.quoting import quoted_name

_OLDEST = 140_000
_LONGEST_NAME = 63
_SQL_TYPES: Mapping[str, str] = {
    "string": 'text COLLATE "C"',
    "integer": "bigint",
    "number": "double precision",
    "money": "bigint",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamptz",
}


def _c(value: sge.Expression) -> sge.Expression:
    """A text that is compared by code point."""
    return sge.Collate(this=value, expression=sge.to_identifier("C", quoted=True))


def _epoch_us(at: sge.Expression) -> sge.Expression:
    seconds = sge.Extract(this=sge.Var(this="epoch"), expression=at)  # exact: numeric since version 14
    return sge.cast(sge.Mul(this=seconds, expression=sge.Literal.number(1_000_000)), "bigint")


DIALECT = Dialect(
    "PostgreSQL",
    "PostgresCompiler",
    {
        Portable.EPOCH_US: _epoch_us,
        Portable.SHA256: lambda value: _c(
            call("encode", call("sha256", call("convert_to", value, text("UTF8"))), text("hex"))
        ),
        Portable.MATCHES: lambda value, pattern: sge.RegexpLike(this=value, expression=pattern),
        Portable.QUOTIENT: lambda value, by: call("div", value, by),
    },
    holds_nul=False,
)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server. `schema` holds the copies."""

    url: str = field(repr=False)
    schema: str = "passerelle_lake"

    @property
    def dialect(self) -> Dialect:
        """See `Engine`."""
        return DIALECT

    @contextmanager
    def open(self, tables: Mapping[str, DatasetTable], dataset: Dataset) -> Iterator[Session]:
        """See `Engine`. The session is one transaction, so nobody drops what it reads."""
        with self._connected() as connection:
            copies = {name: self._copied(connection, table) for name, table in tables.items()}
            self._drop_older(connection, set(copies.values()))
            self._begin(connection, sorted(set(copies.values())))
            with _told(), connection.cursor() as cursor:
                for name, rows in small_tables(dataset).items():
                    cursor.adbc_ingest(name, rows, mode="create", temporary=True)
                    cursor.execute(f'ANALYZE "{name}"')
            places = {shown(name): copy for name, copy in copies.items()}
            yield Session(PostgresBackend(connection, places), DIALECT, tables, dataset)

    def check(self) -> str:
        """See `Engine`."""
        with self._connected() as connection:
            version = _value(connection, "SELECT current_setting('server_version')")
        return f"PostgreSQL {str(version).split(' ')[0]} computes segments."

    def forget(self) -> None:
        """See `Engine`. Waits for runs that still read them."""
        with self._connected() as connection, _told(), connection.cursor() as cursor:
            for name in self._copies(connection):
                cursor.execute(f'DROP TABLE IF EXISTS "{self.schema}"."{name}"')
            connection.commit()

    # --- connections
    @contextmanager
    def _connected(self) -> Iterator[Any]:
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import dbapi

        try:
            connection = dbapi.connect(self.url)
        except Error:
            connection = None
        if connection is None:
            raise TryLater(
                "The engine's PostgreSQL cannot be reached.",
                advice="Check that it runs, and the address in the `url_file` of `engine:`.",
            )
        try:
            self._fitting(connection)
            yield connection
        finally:
            connection.close()

    @staticmethod
    def _fitting(connection: Any) -> None:  # noqa: ANN401 - ADBC's connection
        if int(_value(connection, "SELECT current_setting('server_version_num')")) < _OLDEST:
            raise DefinitionError("The engine's PostgreSQL is too old.", advice="Use version 14 or newer.")
        if _value(connection, "SELECT current_setting('server_encoding')") != "UTF8":
            raise DefinitionError("The engine's PostgreSQL database is not in UTF-8.", advice="Use one that is.")

    def _begin(self, connection: Any, copies: list[str]) -> None:  # noqa: ANN401 - ADBC's connection
        with _told(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL TIME ZONE 'UTC'")
            cursor.execute("SET LOCAL standard_conforming_strings = on")
            cursor.execute(f'SET LOCAL search_path = "{self.schema}"')
            if copies:
                names = ", ".join(f'"{name}"' for name in copies)
                cursor.execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE")

    # --- copies
    def _copied(self, connection: Any, table: DatasetTable) -> str:  # noqa: ANN401 - ADBC's connection
        """The name of the table's copy, which is made where it is not there."""
        name = copy_name(table)
        long = next((c for c in table.columns if len(c.encode()) > _LONGEST_NAME), None)
        if long is not None:
            raise DefinitionError(
                f"The name of a column of `{table.name}` is too long for PostgreSQL.",
                advice=f"Give it a shorter one in passerelle.yaml: {long}",
            )
        with _told(), connection.cursor() as cursor:
            # One at a time: two runs would copy the same table, and the second fail.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('passerelle ' || $1, 0))", (self.schema,))
            cursor.fetchall()
            cursor.execute(f'CREATE SCHEMA IF NOT EXISTS "{self.schema}"')
            cursor.execute("SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = $2", (self.schema, name))
            if not cursor.fetchall():
                self._copy(cursor, name, table)
            connection.commit()
        return name

    def _copy(self, cursor: Any, name: str, table: DatasetTable) -> None:  # noqa: ANN401 - ADBC's cursor
        columns = ", ".join(f"{quoted_name(column)} {_SQL_TYPES[kind]}" for column, kind in table.columns.items())
        cursor.execute(f'CREATE TABLE "{self.schema}"."{name}" ({columns})')
        for batch in batches(table):
            _refuse_nul(batch, table.name)
            cursor.adbc_ingest(name, batch, mode="append", db_schema_name=self.schema)
        cursor.execute(f'ANALYZE "{self.schema}"."{name}"')

    def _drop_older(self, connection: Any, current: set[str]) -> None:  # noqa: ANN401 - ADBC's connection
        """Drop copies that are not of today's files. Those that somebody still reads are dropped another time."""
        for name in self._copies(connection):
            if name not in current:
                self._drop(connection, name)

    def _copies(self, connection: Any) -> list[str]:  # noqa: ANN401 - ADBC's connection
        """Every copy that is there."""
        sql = "SELECT tablename FROM pg_tables WHERE schemaname = $1 AND tablename ~ $2 ORDER BY 1"
        with _told(), connection.cursor() as cursor:
            cursor.execute(sql, (self.schema, COPY_NAME))
            names = [str(name) for (name,) in cursor.fetchall()]
            connection.commit()
            return names

    def _drop(self, connection: Any, name: str) -> None:  # noqa: ANN401 - ADBC's connection
        from adbc_driver_manager import Error

        with connection.cursor() as cursor:
            try:
                cursor.execute("SET LOCAL lock_timeout = '50ms'")
                cursor.execute(f'DROP TABLE IF EXISTS "{self.schema}".{quoted_name(name)}')
                connection.commit()
            except Error:
                connection.rollback()


@dataclass(frozen=True, slots=True)
class PostgresBackend:
    """One evaluation's transaction."""

    connection: Any
    places: Mapping[str, str]

    def fetch(self, sql: str) -> pa.Table:
        """See `Backend`."""
        with _told(), self.connection.cursor() as cursor:
            cursor.execute(sql)
            rows: pa.Table = cursor.fetch_arrow_table()
            return _plain(rows)

    def put(self, name: str, rows: pa.Table) -> None:
        """See `Backend`."""
        with _told(), self.connection.cursor() as cursor:
            cursor.adbc_ingest(name, rows, mode="create", temporary=True)
            cursor.execute(f'ANALYZE "{name}"')

    def store(self, name: str, sql: str) -> None:
        """See `Backend`."""
        with _told(), self.connection.cursor() as cursor:
            cursor.execute(f'CREATE TEMP TABLE "{name}" ON COMMIT DROP AS {sql}')
            cursor.execute(f'ANALYZE "{name}"')

    def place(self, name: str) -> str:
        """See `Backend`."""
        return self.places.get(name, name)


def _plain(rows: pa.Table) -> pa.Table:
    """Numerics as text: the driver marks them with a type of its own."""
    for index, column in enumerate(rows.schema):
        if isinstance(column.type, pa.BaseExtensionType):
            rows = rows.set_column(index, column.name, rows.column(index).cast(column.type.storage_type))
    return rows


def _refuse_nul(batch: pa.RecordBatch, table: str) -> None:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if pa.types.is_string(column.type) and pc.any(pc.match_substring(column, "\x00")).as_py():
            raise DefinitionError(
                f"A text in `{name}` of `{table}` has the character U+0000, which PostgreSQL cannot hold.",
                advice="Clean it at its source, or compute segments by DuckDB: `engine: {kind: duckdb}`.",
            )


def _value(connection: Any, sql: str) -> Any:  # noqa: ANN401 - ADBC's connection, one value
    with _told(), connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@contextmanager
def _told() -> Iterator[None]:
    """PostgreSQL's messages may quote values, so they are never passed on."""
    from adbc_driver_manager import Error

    try:
        yield
    except Error as problem:
        state = problem.sqlstate or ""
    else:
        return
    if state.startswith(("08", "57P", "40", "55P")):
        raise TryLater("The engine's PostgreSQL went away or is busy.", advice="Run it again.") from None
    if state.startswith("53"):
        raise TryLater(
            "The engine's PostgreSQL has no memory, disk or connection left.", advice="Make room there."
        ) from None
    if state == "42501":
        raise DefinitionError(
            "The engine's PostgreSQL user may not do this.",
            advice="It needs the rights CREATE and TEMPORARY on the database.",
        ) from None
    raise PasserelleError(
        f"The engine's PostgreSQL could not compute the segments (state {state or 'unknown'})."
    ) from None
