"""What computes this workspace's segments, as `engine:` of passerelle.yaml says."""

from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.secret_file import read_secret
from passerelle.workflows.settings.engines import (
    BigQueryEngine,
    DuckDbEngine,
    PostgresEngine,
    SnowflakeEngine,
    SparkEngine,
)

if TYPE_CHECKING:
    from passerelle.segmentation.engines.contract import Engine
    from passerelle.workflows.workspace import Workspace


def engine_of(workspace: "Workspace") -> "Engine":
    """The engine with its settings and secrets; only its own driver is imported, when it is opened."""
    wanted = workspace.settings.engine
    match wanted:
        case DuckDbEngine():
            from passerelle.segmentation.engines.duck import DuckDb

            return DuckDb(wanted.memory, wanted.threads, workspace.private_folder("var/engine"))
        case PostgresEngine():
            from passerelle.segmentation.engines.postgres import Postgres

            return Postgres(read_secret(workspace.path(wanted.url_file)), wanted.schema_)
        case SparkEngine():
            return _spark(workspace, wanted)
        case BigQueryEngine():
            return _bigquery(workspace, wanted)
        case SnowflakeEngine():
            return _snowflake(workspace, wanted)
        case _:
            assert_never(wanted)


def _spark(workspace: "Workspace", wanted: SparkEngine) -> "Engine":
    _readable(workspace, wanted)
    if wanted.remote is not None:
        from passerelle.segmentation.engines.spark_connect import SparkConnect

        token = None if wanted.token_file is None else read_secret(workspace.path(wanted.token_file))
        return SparkConnect(wanted.remote, token, wanted.mllib_above)
    from passerelle.segmentation.engines.spark import Spark

    return Spark(wanted.master, wanted.memory, workspace.private_folder("var/engine"), wanted.mllib_above)


def _readable(workspace: "Workspace", wanted: SparkEngine) -> None:
    """A cluster or a server reads the lake's files by itself: it must see them."""
    elsewhere = wanted.remote is not None or not wanted.master.startswith("local")
    if elsewhere and not isinstance(workspace.settings.lake, Path):
        raise DefinitionError(
            "A Spark elsewhere cannot read a lake in a bucket: its files are brought to this machine alone.",
            advice="Compute on this machine (`master: local[*]`), by PostgreSQL or a warehouse; or keep the lake on a"
            " disk that the cluster shares.",
        )


def _bigquery(workspace: "Workspace", wanted: BigQueryEngine) -> "Engine":
    from functools import partial
    from urllib.parse import urlsplit

    from passerelle.connectors.sources.sql.bigquery import BigQuery as Server
    from passerelle.connectors.sources.sql.settings import bytes_of
    from passerelle.connectors.sources.sql.warehouse import folders
    from passerelle.segmentation.engines.bigquery import BigQuery

    where = urlsplit(wanted.url)
    key = None if wanted.key_file is None else workspace.path(wanted.key_file)
    connect = partial(Server, where, key, bytes_of(wanted.most_billed))
    return BigQuery(connect, folders(where)[0], workspace.private_folder("var/engine"))


def _snowflake(workspace: "Workspace", wanted: SnowflakeEngine) -> "Engine":
    from functools import partial
    from urllib.parse import quote, urlsplit

    from passerelle.connectors.sources.sql.snowflake import Snowflake as Server
    from passerelle.connectors.sources.sql.snowflake import folded
    from passerelle.connectors.sources.sql.warehouse import folders
    from passerelle.segmentation.engines.snowflake import Snowflake

    where = urlsplit(wanted.url)
    database, *schema = folders(where)
    key = None if wanted.key_file is None else workspace.path(wanted.key_file)
    connect = partial(Server, where._replace(path=f"/{quote(database)}"), key)
    return Snowflake(connect, folded((schema or ["passerelle_lake"])[0]), workspace.private_folder("var/engine"))
