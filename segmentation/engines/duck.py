"""DuckDB as the engine: in memory, closed to the outside once its files are known, and no identifier in sight."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from passerelle.privacy.errors import DefinitionError, IntegrityError, PasserelleError
from passerelle.segmentation.compile.portable import Portable
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.engines.dialect import Dialect, call, quotient
from passerelle.segmentation.engines.session import Session, schema_of, shown, small_tables

DIALECT = Dialect(
    "DuckDB",
    "DuckDBCompiler",
    {
        Portable.EPOCH_US: lambda at: call("epoch_us", at),
        Portable.SHA256: lambda text: call("sha256", text),
        Portable.MATCHES: lambda text, pattern: call("regexp_matches", text, pattern),
        Portable.QUOTIENT: quotient,
    },
)


@dataclass(frozen=True, slots=True)
class DuckDb:
    """Inside this process. `scratch`: where what does not fit in memory may go, made with mode 0700; None: nowhere."""

    memory: str = "1GB"
    threads: int | None = None
    scratch: Path | None = None

    @property
    def dialect(self) -> Dialect:
        """See `Engine`."""
        return DIALECT

    @contextmanager
    def open(self, tables: Mapping[str, DatasetTable], dataset: Dataset) -> Iterator[Session]:
        """See `Engine`. It reads the tables' files and nothing else."""
        with duckdb.connect(":memory:") as connection:
            self._limit(connection)
            with _told():
                for name, table in tables.items():
                    _show(connection, shown(name), table)
            for name, rows in small_tables(dataset).items():
                connection.register(name, rows)
            self._close_off(connection, [str(file) for table in tables.values() for file in table.files])
            once = [
                name for name, table in tables.items() if table.grain == "person" and _once(connection, shown(name))
            ]
            yield Session(DuckBackend(connection), DIALECT, tables, dataset, once=once)

    def check(self) -> str:
        """See `Engine`."""
        with duckdb.connect(":memory:") as connection:
            self._limit(connection)
        return f"DuckDB {duckdb.__version__} computes segments in this program, with {self.memory} of memory."

    def forget(self) -> None:
        """It keeps no copy."""

    def _limit(self, connection: duckdb.DuckDBPyConnection) -> None:
        _set(connection, "TimeZone", "UTC")
        _set(connection, "memory_limit", self.memory)
        _set(connection, "preserve_insertion_order", False)
        _set(connection, "autoinstall_known_extensions", False)
        _set(connection, "autoload_known_extensions", False)
        _set(connection, "enable_progress_bar", False)
        if self.threads is not None:
            _set(connection, "threads", self.threads)
        if self.scratch is not None:
            self.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        _set(connection, "temp_directory", str(self.scratch or ""))

    def _close_off(self, connection: duckdb.DuckDBPyConnection, files: list[str]) -> None:
        _set(connection, "allowed_paths", files)
        if self.scratch is not None:
            _set(connection, "allowed_directories", [str(self.scratch)])
        _set(connection, "enable_external_access", False)
        _set(connection, "lock_configuration", True)


@dataclass(frozen=True, slots=True)
class DuckBackend:
    """One evaluation's database."""

    connection: duckdb.DuckDBPyConnection

    def fetch(self, sql: str) -> pa.Table:
        """See `Backend`."""
        with _told():
            return self.connection.sql(sql).to_arrow_table()

    def put(self, name: str, rows: pa.Table) -> None:
        """See `Backend`."""
        with _told():
            self.connection.register(name, rows)

    def store(self, name: str, sql: str) -> None:
        """See `Backend`."""
        with _told():
            self.connection.execute(f'CREATE TEMP TABLE "{name}" AS {sql}')

    def place(self, name: str) -> str:
        """See `Backend`."""
        return name


@contextmanager
def _told() -> Iterator[None]:
    """DuckDB's messages may quote values, so they are never passed on."""
    try:
        yield
    except duckdb.OutOfMemoryException:
        raise DefinitionError(
            "The engine's memory is too small for these segments.", advice="Raise `engine.memory` in passerelle.yaml."
        ) from None
    except duckdb.IOException:
        raise IntegrityError(
            "A file of the lake cannot be read.", advice="Pull again; if it stays so, check the disk."
        ) from None
    except duckdb.Error as problem:
        raise PasserelleError(
            f"The engine could not compute the segments ({type(problem).__name__}).",
            advice="If it stays so, a file of the lake is damaged: delete the lake's folder, and pull again.",
        ) from None


def _show(connection: duckdb.DuckDBPyConnection, name: str, table: DatasetTable) -> None:
    if table.files:
        columns = ", ".join(f'"{column}"' for column in table.columns)
        connection.read_parquet([str(file) for file in table.files]).project(columns).create_view(name)
        return
    connection.register(name, schema_of(table).empty_table())


def _once(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether a table holds nobody twice. Ids are given one after the other, so a bit for each takes little room."""
    bits = f"SELECT bit_or(1::UBIGINT << (subject_id & 63)::UBIGINT) AS b, count(*) AS n FROM {name} GROUP BY subject_id >> 6"  # noqa: S608, E501 - our own name
    with _told():
        rows = connection.execute(f"SELECT coalesce(sum(n) = sum(bit_count(b)), true) FROM ({bits})").fetchall()  # noqa: S608
    return bool(rows[0][0])


def _set(connection: duckdb.DuckDBPyConnection, name: str, value: Any) -> None:  # noqa: ANN401 - a setting's value
    try:
        connection.execute(f"SET {name} = {_quoted(value)}")
    except duckdb.Error:
        raise DefinitionError(
            f"The engine does not take this value for {name}.", advice="Check `engine:` in passerelle.yaml."
        ) from None


def _quoted(value: Any) -> str:  # noqa: ANN401 - a setting's value
    if isinstance(value, bool | int):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_quoted(item) for item in value) + "]"
    return "'" + str(value).replace("'", "''") + "'"
