"""Apache Spark as the engine: it reads the lake's Parquet files by itself, on this machine or a cluster."""

import atexit
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from passerelle.privacy.errors import TryLater
from passerelle.privacy.extras import need
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.engines.dialect import Dialect
from passerelle.segmentation.engines.session import Session
from passerelle.segmentation.engines.spark_session import DIALECT, opened, prepared, told

_LOGGING = Path(__file__).with_name("spark-log4j2.properties")


@dataclass(frozen=True, slots=True)
class Spark:
    """A Spark: `master` starts one here or goes to a cluster, which sees the lake under the same paths as we do."""

    master: str = "local[*]"
    memory: str = "2GB"
    scratch: Path | None = None
    learns_above: int | None = None

    @property
    def dialect(self) -> Dialect:
        """See `Engine`."""
        return DIALECT

    @contextmanager
    def open(self, tables: Mapping[str, DatasetTable], dataset: Dataset) -> Iterator[Session]:
        """See `Engine`. Sessions share one application, which ends with this process."""
        with opened(self._session(), tables, dataset, learns_above=self.learns_above) as session:
            yield session

    def check(self) -> str:
        """See `Engine`."""
        return f"Spark {self._session().version} computes segments."

    def forget(self) -> None:
        """It keeps no copy."""

    def _session(self) -> Any:  # noqa: ANN401 - a SparkSession
        """A session of its own: what it names is seen by nobody else."""
        application = _application(self)
        with told():
            session = application.newSession()
        return prepared(session)


@lru_cache(maxsize=1)
def _application(engine: Spark) -> Any:  # noqa: ANN401 - a SparkSession
    """The application of this process: it ends with it, or when one of other settings takes over."""
    need("pyspark.sql", "Spark", "Install it: pip install 'passerelle[spark]'")
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("passerelle").master(engine.master)
    for name, value in _startup(engine).items():
        builder = builder.config(name, value)
    with told(TryLater("Spark cannot be reached or started.", advice="Check `engine:`, and that Java 17 is there.")):
        if (before := SparkSession.getActiveSession()) is not None:
            before.stop()
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
