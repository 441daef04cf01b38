"""Spark Connect as the engine: a Spark elsewhere, reached by gRPC, that reads the lake's files by itself."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from passerelle.privacy.extras import need
from passerelle.segmentation.dataset import Dataset, DatasetTable
from passerelle.segmentation.engines.dialect import Dialect
from passerelle.segmentation.engines.session import Session
from passerelle.segmentation.engines.spark_session import DIALECT, opened, prepared, told

_TRIES = 5
"""Calls that fail for a moment are tried again for seventeen seconds, not for ten minutes: a schedule does the rest."""


@dataclass(frozen=True, slots=True)
class SparkConnect:
    """A server of Spark Connect at `remote` (`sc://host:port`), which sees the lake under the same paths as we do.

    With a `token` the connection is under TLS, but to this machine itself.
    """

    remote: str
    token: str | None = field(default=None, repr=False)
    learns_above: int | None = None

    @property
    def dialect(self) -> Dialect:
        """See `Engine`."""
        return DIALECT

    @contextmanager
    def open(self, tables: Mapping[str, DatasetTable], dataset: Dataset) -> Iterator[Session]:
        """See `Engine`. A session at the server, that nobody else sees; it ends with this one."""
        with (
            self._session() as spark,
            opened(spark, tables, dataset, learns_above=self.learns_above) as session,
        ):
            yield session

    def check(self) -> str:
        """See `Engine`."""
        with self._session() as spark, told():
            return f"Spark {spark.version} computes segments, by Spark Connect."

    def forget(self) -> None:
        """It keeps no copy."""

    @contextmanager
    def _session(self) -> Iterator[Any]:
        need("pyspark.sql", "Spark", "Install it: pip install 'passerelle[spark-connect]'")
        need("zstandard", "Spark Connect's client", "Install it: pip install 'passerelle[spark-connect]'")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it tried often enough is an error, and told as one
            spark = self._begun()
            try:
                yield prepared(spark)
            finally:
                spark.stop()

    def _begun(self) -> Any:  # noqa: ANN401 - a SparkSession
        from pyspark.sql.connect.client import DefaultChannelBuilder
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession

        logging.getLogger("pyspark.sql.connect.logging").disabled = True  # its lines may quote values
        with told():
            channel = DefaultChannelBuilder(self.remote)
            if self.token is not None:
                channel.set(channel.PARAM_TOKEN, self.token)
            spark = SparkSession.builder.channelBuilder(channel).create()
        spark.client.set_retry_policies([DefaultPolicy(max_retries=_TRIES)])
        return spark
