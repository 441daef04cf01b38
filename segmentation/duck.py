"""DuckDB as the engine: in memory, closed to the outside once its files are known, and no identifier in sight."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa

from passerelle.privacy.errors import DefinitionError, IntegrityError, PasserelleError
from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.dataset import Dataset, DatasetTable

_IBIS_TYPES: Mapping[str, str] = {
    "string": "string",
    "integer": "int64",
    "number": "float64",
    "money": "int64",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp('UTC')",
}
_ARROW_TYPES: Mapping[str, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "money": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


class DuckSession:
    """One evaluation's database. Tables go by the names of model.yaml."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, tables: Mapping[str, DatasetTable], dataset: Dataset
    ) -> None:
        self.connection = connection
        self._tables = tables
        self._merging = dataset.merges is not None and dataset.merges.num_rows > 0
        self._without = dataset.gone is not None and len(dataset.gone) > 0

    # --- tables, as Ibis expressions
    def person(self, name: str, columns: Iterable[str]) -> Expr:
        """A person table, each person once. Of people who were merged, the surviving record's value goes first."""
        names = list(columns)
        table = self._table(name, ["subject_id", *names])
        if self._merging:
            merged = self._merged(table)
            own = ~merged.moved
            best = {c: merged[c].max(where=own).fill_null(merged[c].max()) for c in names}
            return merged.group_by("subject_id").aggregate(**best)
        return table.group_by("subject_id").aggregate(**{column: table[column].max() for column in names})

    def events(self, name: str) -> Expr:
        """An event table."""
        table = self._table(name, list(self._tables[name].columns))
        return self._merged(table).drop("moved") if self._merging else table

    def is_person(self, name: str) -> bool:
        """Whether it holds one row per person."""
        return self._tables[name].grain == "person"

    def gone(self) -> Expr | None:
        """People who are nobody any more."""
        return ibis.table({"subject_id": "int64"}, name="gone") if self._without else None

    def _table(self, name: str, columns: list[str]) -> Expr:
        types = self._tables[name].columns
        return ibis.table({column: _IBIS_TYPES[types[column]] for column in columns}, name=f"t_{name}")

    @staticmethod
    def _merged(table: Expr) -> Expr:
        merges = ibis.table({"subject_id": "int64", "merged_into": "int64"}, name="merges")
        joined = table.join(merges, "subject_id", how="left")
        final = joined.merged_into.fill_null(joined.subject_id)
        rest = [name for name in table.columns if name != "subject_id"]
        return joined.select(*rest, subject_id=final, moved=joined.merged_into.notnull())

    # --- running
    def store(self, name: str, expression: Expr) -> Expr:
        """Compute `expression` once and keep it as a table for this session."""
        self._run(f'CREATE TEMP TABLE "{name}" AS {_sql(expression)}')
        return ibis.table(expression.schema(), name=name)

    def fetch(self, expression: Expr) -> pa.Table:
        """The rows of `expression`."""
        with _told():
            return self.connection.sql(_sql(expression)).to_arrow_table()

    def _run(self, sql: str) -> None:
        with _told():
            self.connection.execute(sql)


def _sql(expression: Expr) -> str:
    return str(ibis.to_sql(expression, dialect="duckdb"))


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


@contextmanager
def open_session(tables: Mapping[str, DatasetTable], dataset: Dataset) -> Iterator[DuckSession]:
    """A session on these tables (by the names of model.yaml). It reads their files and nothing else."""
    with duckdb.connect(":memory:") as connection:
        _limit(connection, dataset)
        with _told():
            for name, table in tables.items():
                _show(connection, f"t_{name}", table)
        if dataset.merges is not None and dataset.merges.num_rows:
            connection.register("merges", dataset.merges.select(["subject_id", "merged_into"]))
        if dataset.gone is not None and len(dataset.gone):
            connection.register("gone", pa.table({"subject_id": dataset.gone.cast(pa.int64())}))
        _close_off(connection, [str(file) for table in tables.values() for file in table.files], dataset.scratch)
        yield DuckSession(connection, tables, dataset)


def _show(connection: duckdb.DuckDBPyConnection, name: str, table: DatasetTable) -> None:
    if table.files:
        connection.read_parquet([str(file) for file in table.files]).create_view(name)
        return
    schema = pa.schema([(column, _ARROW_TYPES[kind]) for column, kind in table.columns.items()])
    connection.register(name, schema.empty_table())


def _limit(connection: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    _set(connection, "TimeZone", "UTC")
    _set(connection, "memory_limit", dataset.memory)
    _set(connection, "preserve_insertion_order", False)
    _set(connection, "autoinstall_known_extensions", False)
    _set(connection, "autoload_known_extensions", False)
    _set(connection, "enable_progress_bar", False)
    if dataset.threads is not None:
        _set(connection, "threads", dataset.threads)
    if dataset.scratch is not None:
        dataset.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    _set(connection, "temp_directory", str(dataset.scratch or ""))


def _close_off(connection: duckdb.DuckDBPyConnection, files: list[str], scratch: Path | None) -> None:
    _set(connection, "allowed_paths", files)
    if scratch is not None:
        _set(connection, "allowed_directories", [str(scratch)])
    _set(connection, "enable_external_access", False)
    _set(connection, "lock_configuration", True)


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
