"""Apache Spark as the engine: it reads the lake's Parquet files by itself, on this machine or a cluster."""

import atexit
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import expressions as sge

from passerelle.privacy.errors import PasserelleError, TryLater
from passerelle.privacy.extras import need
from passerelle.segmentation.compile.portable import Portable
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.engines.dialect import Dialect, call, quotient
from passerelle.segmentation.engines.session import Session, schema_of, shown, small_tables

_LOGGING = Path(__file__).with_name("spark-log4j2.properties")
_RUNTIME: Mapping[str, str] = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # what overflows is an error, not another number
    "spark.sql.caseSensitive": "true",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "true",  # few people, few tasks
}
"""What results rest on, set in each session."""

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


@dataclass(frozen=True, slots=True)
class Spark:
    """A Spark: `master` starts one here or goes to a cluster, which sees the lake under the same paths as we do."""

    master: str = "local[*]"
    memory: str = "2GB"
    scratch: Path | None = None

    @property
    def dialect(self) -> Dialect:
        """See `Engine`."""
        return DIALECT

    @contextmanager
    def open(self, tables: Mapping[str, DatasetTable], dataset: Dataset) -> Iterator[Session]:
        """See `Engine`. Sessions share one application, which ends with this process."""
        spark = _session(self)
        backend = SparkBackend(spark)
        try:
            with _told():
                for name, table in tables.items():
                    self._show(spark, shown(name), table)
                for name, rows in small_tables(dataset).items():
                    spark.createDataFrame(rows).createOrReplaceTempView(name)
            yield Session(backend, DIALECT, tables, dataset)
        finally:
            backend.close()

    def check(self) -> str:
        """See `Engine`."""
        return f"Spark {_session(self).version} computes segments."

    def forget(self) -> None:
        """It keeps no copy."""

    @staticmethod
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
    kept: list[Any] = field(default_factory=list)

    def fetch(self, sql: str) -> pa.Table:
        """See `Backend`."""
        with _told():
            rows: pa.Table = self.spark.sql(sql).toArrow()
            return rows

    def put(self, name: str, rows: pa.Table) -> None:
        """See `Backend`."""
        with _told():
            self.spark.createDataFrame(rows).createOrReplaceTempView(name)

    def store(self, name: str, sql: str) -> None:
        """See `Backend`."""
        with _told():
            frame = self.spark.sql(sql).persist()
            self.kept.append(frame)
            frame.createOrReplaceTempView(name)

    def place(self, name: str) -> str:
        """See `Backend`."""
        return name

    def close(self) -> None:
        """Let go of what was kept."""
        with _told():
            for frame in self.kept:
                frame.unpersist()


@cache
def _application(engine: Spark) -> Any:  # noqa: ANN401 - a SparkSession
    """The application of this process, started once and stopped at its end."""
    need("pyspark.sql", "Spark", "Install it: pip install 'passerelle[spark]'")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("passerelle").master(engine.master)
    for name, value in _startup(engine).items():
        builder = builder.config(name, value)
    with _told(TryLater("Spark cannot be reached or started.", advice="Check `engine:`, and that Java 17 is there.")):
        spark = builder.getOrCreate()
    atexit.register(spark.stop)
    return spark


def _startup(engine: Spark) -> dict[str, str]:
    scratch = str(engine.scratch or "")
    quiet = f"-Dlog4j2.configurationFile=file:{_LOGGING}"  # log lines of queries may hold values
    settings = {
        "spark.driver.memory": engine.memory.removesuffix("B"),
        "spark.driver.extraJavaOptions": quiet,
        "spark.executor.extraJavaOptions": quiet,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.eventLog.enabled": "false",
        "spark.sql.catalogImplementation": "in-memory",
    }
    if engine.master.startswith("local"):
        settings["spark.sql.shuffle.partitions"] = "8"  # of one machine: the default of 200 is a cluster's
    return settings | ({"spark.local.dir": scratch, "spark.sql.warehouse.dir": scratch} if scratch else {})


def _session(engine: Spark) -> Any:  # noqa: ANN401 - a SparkSession
    """A session of its own: what it names is seen by nobody else."""
    spark = _application(engine)
    with _told():
        spark = spark.newSession()
        for name, value in _RUNTIME.items():
            spark.conf.set(name, value)
    return spark


@contextmanager
def _told(otherwise: PasserelleError | None = None) -> Iterator[None]:
    """Spark's messages may quote values, so they are never passed on."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError, OSError, RuntimeError) as problem:
        word = problem.getCondition() if isinstance(problem, PySparkException) else None
        kind = word or type(problem).__name__
    else:
        return
    raise otherwise or PasserelleError(f"Spark could not compute the segments ({kind}).")
