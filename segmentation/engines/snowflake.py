"""Snowflake as the engine: the lake's tables are loaded into a schema of its own, and queried there.

A copy is named by what it is a copy of. It is loaded under another name, by one `COPY` of Parquet files that were `PUT`
into a stage of the session's own, and gets its name at the end: so it is whole and right or not there. Copies are
transient and kept for no time travel: what is dropped is gone. A session reads clones of its own, which cost nothing
and end with it, so an older copy is dropped by the first run that finds it, whoever may be reading it.
"""

import re
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import expressions as sge

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation.compile.portable import Portable
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.engines.copies import COPY_NAME, batches, copy_name
from passerelle.segmentation.engines.dialect import Dialect, call
from passerelle.segmentation.engines.session import Session, schema_of, shown, small_tables
from passerelle.segmentation.quoting import quoted_name

_STAGE = "PASSERELLE_LOADING"
_PART = 8
"""So many batches stand in one file: Snowflake loads many files at once, and this machine holds one at a time."""
_UNFINISHED = r"^load_[0-9a-f]{16}$"
_TYPES: Mapping[pa.DataType, str] = {
    pa.string(): "VARCHAR",
    pa.int64(): "NUMBER(38, 0)",
    pa.float64(): "FLOAT",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMP_TZ(6)",
}


def _quotient(value: sge.Expression, by: sge.Expression) -> sge.Expression:
    """What is left over is taken away first: a division of Snowflake's is rounded to six digits."""
    whole = sge.Div(this=sge.paren(sge.Sub(this=sge.paren(value), expression=call("mod", value, by))), expression=by)
    return sge.Cast(this=whole, to=sge.DataType.build("DECIMAL(38, 0)"))


DIALECT = Dialect(
    "Snowflake",
    "SnowflakeCompiler",
    {
        Portable.EPOCH_US: lambda at: call("date_part", sge.Var(this="epoch_microsecond"), at),
        Portable.SHA256: lambda text: call("sha2_hex", text, sge.Literal.number(256)),
        # REGEXP_LIKE asks whether the whole text is like the pattern.
        Portable.MATCHES: lambda text, pattern: sge.GT(
            this=call("regexp_instr", text, pattern), expression=sge.Literal.number(0)
        ),
        Portable.QUOTIENT: _quotient,
    },
    holds_nul=False,  # not known of its own
)


class Reached(Protocol):
    """A connection to the account. Its errors are `PasserelleError`s that quote no value."""

    def answer(self, sql: str) -> pa.Table:
        """The rows of a query."""

    def run(self, sql: str, file: IO[bytes] | None = None) -> None:
        """Carry out a statement; `file` is what a `PUT` sends."""


@dataclass(frozen=True, slots=True, eq=False)
class Snowflake:
    """A schema that holds the copies, made where it is not there. `scratch`: where a file stands while it is sent."""

    connect: Callable[[], AbstractContextManager[Reached]] = field(repr=False)
    schema: str = "PASSERELLE_LAKE"
    scratch: Path | None = None

    @property
    def dialect(self) -> Dialect:
        """See `Engine`."""
        return DIALECT

    @contextmanager
    def open(self, tables: Mapping[str, DatasetTable], dataset: Dataset) -> Iterator[Session]:
        """See `Engine`."""
        with self._there() as there:
            backend = SnowflakeBackend(self, there)
            copies = {name: copy_name(table) for name, table in tables.items()}
            held = set(self._tables(there, COPY_NAME))
            try:
                for name, table in tables.items():
                    if copies[name] not in held:
                        self._copy(there, copies[name], table)
                    backend.read(shown(name), copies[name])
                left = self._tables(there, _UNFINISHED, since_yesterday=False)
                for older in (*sorted(held - set(copies.values())), *left):
                    there.run(f"DROP TABLE IF EXISTS {quoted_name(older)}")
                for name, rows in small_tables(dataset).items():
                    backend.put(name, rows)
                yield Session(backend, DIALECT, tables, dataset)
            finally:
                backend.close()

    def check(self) -> str:
        """See `Engine`."""
        with self.connect() as there:
            version = there.answer('SELECT CURRENT_VERSION() AS "version"')["version"][0].as_py()
        return f"Snowflake {version} computes segments, in the schema {self.schema}."

    def forget(self) -> None:
        """See `Engine`. A run that began before reads its own clones to its end."""
        with self._there() as there:
            for name in (*self._tables(there, COPY_NAME), *self._tables(there, _UNFINISHED)):
                there.run(f"DROP TABLE IF EXISTS {quoted_name(name)}")

    @contextmanager
    def _there(self) -> Iterator[Reached]:
        with self.connect() as there:
            there.run(f"CREATE SCHEMA IF NOT EXISTS {quoted_name(self.schema)}")
            there.run(f"USE SCHEMA {quoted_name(self.schema)}")
            yield there

    def _tables(self, there: Reached, pattern: str, *, since_yesterday: bool = True) -> list[str]:
        schema = self.schema.replace("'", "''")
        when = "" if since_yesterday else " AND CREATED < DATEADD(day, -1, CURRENT_TIMESTAMP())"
        sql = f"""SELECT TABLE_NAME AS "name" FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = '{schema}'{when}"""  # noqa: S608
        return sorted(name for name in there.answer(sql)["name"].to_pylist() if re.match(pattern, name))

    # --- copies
    def _copy(self, there: Reached, name: str, table: DatasetTable) -> None:
        """Load a table whole, then give it its name. Another run may do the same meanwhile: then its copy is it."""
        with self.loaded(there, schema_of(table), batches(table)) as loading:
            try:
                there.run(f"ALTER TABLE {quoted_name(loading)} RENAME TO {quoted_name(name)}")
            except DefinitionError:
                if name not in self._tables(there, COPY_NAME):
                    raise

    @contextmanager
    def loaded(self, there: Reached, schema: pa.Schema, rows: Iterable[pa.RecordBatch]) -> Iterator[str]:
        """The name of a table of these rows, that is dropped unless it gets another one."""
        name = f"load_{secrets.token_hex(8)}"
        try:
            self._load(there, name, schema, rows)
            yield name
        finally:
            there.run(f"DROP TABLE IF EXISTS {quoted_name(name)}")

    def _load(self, there: Reached, name: str, schema: pa.Schema, rows: Iterable[pa.RecordBatch]) -> None:
        """Columns get their names last: while it loads, Snowflake may take `é` and `É` for one."""
        columns = ", ".join(f"C{at} {_TYPES[column.type]}" for at, column in enumerate(schema))
        there.run(f"CREATE TEMPORARY STAGE IF NOT EXISTS {_STAGE}")
        there.run(f"CREATE TRANSIENT TABLE {quoted_name(name)} ({columns}) DATA_RETENTION_TIME_IN_DAYS = 0")
        for number, file in enumerate(self._files(schema, rows)):
            there.run(
                f"PUT 'file://part{number}.parquet' @{_STAGE}/{name} AUTO_COMPRESS = FALSE OVERWRITE = TRUE", file
            )
        there.run(
            f"COPY INTO {quoted_name(name)} FROM @{_STAGE}/{name}/ PURGE = TRUE MATCH_BY_COLUMN_NAME = CASE_SENSITIVE "
            "FILE_FORMAT = (TYPE = PARQUET USE_LOGICAL_TYPE = TRUE)"
        )
        for at, column in enumerate(schema.names):
            there.run(f"ALTER TABLE {quoted_name(name)} RENAME COLUMN C{at} TO {quoted_name(column)}")

    def _files(self, schema: pa.Schema, rows: Iterable[pa.RecordBatch]) -> Iterator[IO[bytes]]:
        left = iter(rows)
        plain = pa.schema([(f"C{at}", column.type) for at, column in enumerate(schema)])
        for first in left:
            with tempfile.TemporaryFile(dir=self.scratch) as file:
                with pq.ParquetWriter(file, plain) as writer:
                    for batch in chain([first], islice(left, _PART - 1)):
                        writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=plain))
                file.seek(0)
                yield file


@dataclass(slots=True)
class SnowflakeBackend:
    """One evaluation. What it makes for itself is temporary, and named after it."""

    engine: Snowflake
    there: Reached
    places: dict[str, str] = field(default_factory=dict)
    run: str = field(default_factory=lambda: f"run_{secrets.token_hex(8)}")

    def read(self, name: str, copy: str) -> None:
        """Have `name` be a copy as it is now, whoever drops it meanwhile."""
        place = self._called(name)
        self.there.run(f"CREATE TEMPORARY TABLE {quoted_name(place)} CLONE {quoted_name(copy)}")

    def fetch(self, sql: str) -> pa.Table:
        """See `Backend`."""
        return self.there.answer(sql)

    def put(self, name: str, rows: pa.Table) -> None:
        """See `Backend`."""
        with self.engine.loaded(self.there, rows.schema, rows.to_batches()) as loading:
            self.read(name, loading)

    def store(self, name: str, sql: str) -> None:
        """See `Backend`."""
        self.there.run(f"CREATE TEMPORARY TABLE {quoted_name(self._called(name))} AS {sql}")

    def place(self, name: str) -> str:
        """See `Backend`."""
        return self.places.get(name, name)

    def close(self) -> None:
        """Drop what the evaluation made for itself: the session's end does so, too."""
        for place in self.places.values():
            self.there.run(f"DROP TABLE IF EXISTS {quoted_name(place)}")

    def _called(self, name: str) -> str:
        self.places[name] = f"{self.run}_{name}"
        return self.places[name]
