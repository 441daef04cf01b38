"""BigQuery as the engine: the lake's tables are loaded into a dataset of its own, and queried there.

A copy is named by what it is a copy of, and loaded by one job, so it is whole and right or not there. Copies of older
files are given a few hours, since somebody may be reading them, and then dropped by BigQuery itself. What a session
keeps for itself has a name that only it knows; it is dropped at its end, or by BigQuery a day later.
"""

import re
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import expressions as sge

from passerelle.segmentation.compile.portable import Portable
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.engines.copies import COPY_NAME, batches, copy_name
from passerelle.segmentation.engines.dialect import Dialect, call
from passerelle.segmentation.engines.session import Session, schema_of, shown, small_tables

_STILL_READ = timedelta(hours=6)
_FORGOTTEN = timedelta(days=1)
_RUN_NAME = r"^run_[0-9a-f]{16}_"
"""What a run keeps for itself, and what one that was killed left behind."""

DIALECT = Dialect(
    "BigQuery",
    "BigQueryCompiler",
    {
        Portable.EPOCH_US: lambda at: call("unix_micros", at),
        Portable.SHA256: lambda text: call("to_hex", call("sha256", text)),
        Portable.MATCHES: lambda text, pattern: call("regexp_contains", text, pattern),
        Portable.QUOTIENT: lambda value, by: call("div", sge.paren(value), by),
    },
    holds_nul=False,  # not known of its own
    decimal="BIGNUMERIC",
)


class Reached(Protocol):
    """A connection to the warehouse. Its errors are `PasserelleError`s that quote no value."""

    def rows(self, sql: str, parameters: tuple[str, ...] = ()) -> Iterator[pa.Table]:
        """The answer of a query, streamed."""

    def run(self, sql: str) -> None:
        """Carry out a statement."""

    def load(self, table: str, rows: IO[bytes], schema: pa.Schema) -> None:
        """Make a table of a Parquet file by one job; a table of that name that is there stays as it is."""

    def tables(self, dataset: str) -> list[str]:
        """The names of a dataset's tables."""

    def expires(self, dataset: str, table: str, at: datetime | None) -> None:
        """Have a table dropped at that time, or kept."""


@dataclass(frozen=True, slots=True, eq=False)
class BigQuery:
    """A dataset that holds the copies, made where it is not there. `scratch`: where a table stands while it is sent."""

    connect: Callable[[], AbstractContextManager[Reached]] = field(repr=False)
    dataset: str = "passerelle_lake"
    scratch: Path | None = None
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)

    @property
    def dialect(self) -> Dialect:
        """See `Engine`."""
        return DIALECT

    @contextmanager
    def open(self, tables: Mapping[str, DatasetTable], dataset: Dataset) -> Iterator[Session]:
        """See `Engine`."""
        with self.connect() as there:
            self._make(there)
            held = {name for name in there.tables(self.dataset) if re.match(COPY_NAME, name)}
            copies = {name: copy_name(table) for name, table in tables.items()}
            for name, table in tables.items():
                if copies[name] in held:
                    there.expires(self.dataset, copies[name], None)
                else:
                    self.load(there, copies[name], schema_of(table), batches(table))
            for older in held - set(copies.values()):
                there.expires(self.dataset, older, self.now() + _STILL_READ)
            backend = BigQueryBackend(self, there, {shown(name): copy for name, copy in copies.items()})
            try:
                for name, rows in small_tables(dataset).items():
                    backend.put(name, rows)
                yield Session(backend, DIALECT, tables, dataset)
            finally:
                backend.close()

    def check(self) -> str:
        """See `Engine`."""
        with self.connect() as there:
            for _ in there.rows("SELECT 1 AS one"):
                pass
        return f"BigQuery computes segments, in the dataset {self.dataset}."

    def forget(self) -> None:
        """See `Engine`. A run that reads them fails, and may be tried again."""
        with self.connect() as there:
            self._make(there)
            for name in there.tables(self.dataset):
                if re.match(COPY_NAME, name) or re.match(_RUN_NAME, name):
                    there.run(f"DROP TABLE IF EXISTS `{self.dataset}`.`{name}`")

    def _make(self, there: Reached) -> None:
        there.run(f"CREATE SCHEMA IF NOT EXISTS `{self.dataset}`")

    def load(self, there: Reached, name: str, schema: pa.Schema, rows: Iterator[pa.RecordBatch]) -> None:
        """Make a table of these rows, where there is none of that name."""
        with tempfile.TemporaryFile(dir=self.scratch) as file:
            with pq.ParquetWriter(file, schema) as writer:
                for batch in rows:
                    writer.write_batch(batch)
            file.seek(0)
            there.load(f"{self.dataset}.{name}", file, schema)


@dataclass(slots=True)
class BigQueryBackend:
    """One evaluation. What it makes is named after it."""

    engine: BigQuery
    there: Reached
    places: dict[str, str]
    run: str = field(default_factory=lambda: f"run_{secrets.token_hex(8)}")

    def fetch(self, sql: str) -> pa.Table:
        """See `Backend`."""
        return pa.concat_tables(list(self.there.rows(sql)))

    def put(self, name: str, rows: pa.Table) -> None:
        """See `Backend`."""
        self.places[name] = f"{self.run}_{name}"
        self.engine.load(self.there, self.places[name], rows.schema, iter(rows.to_batches()))
        self.there.expires(self.engine.dataset, self.places[name], self.engine.now() + _FORGOTTEN)

    def store(self, name: str, sql: str) -> None:
        """See `Backend`."""
        self.places[name] = f"{self.run}_{name}"
        self.there.run(f"CREATE TABLE `{self.engine.dataset}`.`{self.places[name]}` AS {sql}")
        self.there.expires(self.engine.dataset, self.places[name], self.engine.now() + _FORGOTTEN)

    def place(self, name: str) -> str:
        """See `Backend`."""
        return self.places.get(name, name)

    def close(self) -> None:
        """Drop what the evaluation made for itself."""
        for place in self.places.values():
            if place.startswith(self.run):
                self.there.run(f"DROP TABLE IF EXISTS `{self.engine.dataset}`.`{place}`")
