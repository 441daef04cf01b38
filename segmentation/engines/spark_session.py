"""What every Spark has in common, in this process, on a cluster or behind Spark Connect: its SQL and its tables."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from sqlglot import expressions as sge

from passerelle.privacy.errors import DefinitionError, PasserelleError, TryLater
from passerelle.segmentation.compile.portable import Portable
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.engines import spark_learning
from passerelle.segmentation.engines.dialect import Dialect, call, quotient
from passerelle.segmentation.engines.session import Session, schema_of, shown, small_tables

DIALECT = Dialect(
    "Spark",
    "DatabricksCompiler",  # Ibis's own for PySpark asks for a session of Ibis
    {
        Portable.EPOCH_US: lambda at: call("unix_micros", at),
        Portable.SHA256: lambda text: call("sha2", text, sge.Literal.number(256)),
        Portable.MATCHES: lambda text, pattern: call("rlike", text, pattern),
        Portable.QUOTIENT: quotient,
    },
)
_RUNTIME: Mapping[str, str] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # what overflows is an error, not another number
    "spark.sql.caseSensitive": "true",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "true",  # few people, few tasks
}
"""What results rest on, set in each session."""

_SMALL = 64_000_000
"""Bytes of the lake's files. Stored rows are columns above, which take less room and are made anew if lost."""


def prepared(spark: Any) -> Any:  # noqa: ANN401 - a SparkSession
    """A new session, in which results mean what they mean everywhere."""
    with told():
        for name, value in _RUNTIME.items():
            spark.conf.set(name, value)
    return spark


@contextmanager
def opened(
    spark: Any,  # noqa: ANN401 - a SparkSession
    tables: Mapping[str, DatasetTable],
    dataset: Dataset,
    *,
    learns_above: int | None,
) -> Iterator[Session]:
    """The lake's files and the small tables, by name, in this session; what is kept is let go of at the end."""
    read = sum(file.stat().st_size for table in tables.values() for file in table.files if file.exists())
    backend = SparkBackend(spark, learns_above, small=read < _SMALL)
    try:
        with told():
            for name, table in tables.items():
                _show(spark, shown(name), table)
            for name, rows in small_tables(dataset).items():
                spark.createDataFrame(rows).createOrReplaceTempView(name)
        yield Session(backend, DIALECT, tables, dataset)
    finally:
        backend.close()


def _show(spark: Any, name: str, table: DatasetTable) -> None:  # noqa: ANN401 - a SparkSession
    if table.files:
        columns = [f"`{column}`" for column in table.columns]
        frame = spark.read.parquet(*(str(file) for file in table.files)).select(*columns)
    else:
        frame = spark.createDataFrame(schema_of(table).empty_table())
    frame.createOrReplaceTempView(name)


@dataclass(slots=True)
class SparkBackend:
    """One evaluation's session."""

    spark: Any
    learns_above: int | None = None
    """See `Learns`."""
    small: bool = False
    """Whether planning takes longer than computing: then what is stored is rows, without the plan that led to them."""
    kept: list[Any] = field(default_factory=list)

    def fetch(self, sql: str) -> pa.Table:
        """See `Backend`."""
        with told():
            rows: pa.Table = self.spark.sql(sql).toArrow()
            return rows

    def put(self, name: str, rows: pa.Table) -> None:
        """See `Backend`."""
        with told():
            self.spark.createDataFrame(rows).createOrReplaceTempView(name)

    def store(self, name: str, sql: str) -> None:
        """See `Backend`."""
        with told():
            frame = self.spark.sql(sql)
            if self.small:
                frame = frame.localCheckpoint()
            else:
                frame = frame.persist()
                self.kept.append(frame)
            frame.createOrReplaceTempView(name)

    def place(self, name: str) -> str:
        """See `Backend`."""
        return name

    def directions(self, name: str, columns: Sequence[str]) -> list[tuple[float, list[float]]]:
        """See `Learns`."""
        with told():
            return spark_learning.directions(self.spark.table(name), columns)

    def middles(self, name: str, columns: Sequence[str], groups: int, seed: int) -> list[tuple[int, list[float]]]:
        """See `Learns`."""
        with told():
            return spark_learning.middles(self.spark.table(name), columns, groups, seed)

    def close(self) -> None:
        """Let go of what was kept."""
        with told():
            for frame in self.kept:
                frame.unpersist()


@contextmanager
def told(otherwise: PasserelleError | None = None) -> Iterator[None]:
    """Spark's messages may quote values, so they are never passed on. `otherwise`: the error in place of all others."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, OSError, RuntimeError) as problem:
        word = problem.getCondition() if isinstance(problem, PySparkException) else None
        status = getattr(getattr(problem, "getGrpcStatusCode", lambda: None)(), "name", "")
        found = _known(word, status) or otherwise
        kind = word or type(problem).__name__
    else:
        return
    raise found or PasserelleError(f"Spark could not compute the segments ({kind}).") from None


def _known(word: str | None, status: str) -> PasserelleError | None:
    """The error that says what to do about a condition of Spark's or a status of gRPC's."""
    if word == "PATH_NOT_FOUND":
        return DefinitionError(
            "Spark does not see the lake's files.",
            advice="Mount the workspace's lake under the same path wherever Spark runs, or compute by another engine.",
        )
    if status in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        return DefinitionError("Spark Connect does not take this token.", advice="Check `token_file` of `engine:`.")
    if status in {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"} or word == "RETRIES_EXCEEDED":
        return TryLater(
            "Spark Connect cannot be reached or is busy.",
            advice="Check that it runs, `remote` of `engine:`, and whether it wants TLS (`/;use_ssl=true`).",
        )
    return None
