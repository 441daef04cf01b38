"""What computes this workspace's segments, as `engine:` of passerelle.yaml says."""

from typing import TYPE_CHECKING, assert_never

from passerelle.privacy.secret_file import read_secret
from passerelle.workflows.settings.engines import DuckDbEngine, PostgresEngine, SparkEngine

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
            from passerelle.segmentation.engines.spark import Spark

            return Spark(wanted.master, wanted.memory, workspace.private_folder("var/engine"))
        case _:
            assert_never(wanted)
