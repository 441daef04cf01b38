"""`engine:` of `passerelle.yaml`: what computes segments. Rules stay as they are, whatever stands here."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from passerelle.workflows.settings.closed import Closed

_SIZE = r"^[1-9][0-9]{0,4}(MB|GB)$"
_IDENTIFIER = r"^[a-z_][a-z0-9_]{0,62}$"


class DuckDbEngine(Closed):
    """DuckDB runs inside this program; nothing to set up."""

    kind: Literal["duckdb"] = Field("duckdb", description="DuckDB runs inside this program; nothing to set up.")
    memory: str = Field("2GB", pattern=_SIZE, description="How much memory it may use, such as 2GB or 512MB.")
    threads: int | None = Field(None, ge=1, le=256, description="How many processor cores; by default all.")


class PostgresEngine(Closed):
    """A PostgreSQL server: the pseudonymous tables are copied there, and segments are computed there."""

    kind: Literal["postgres"] = Field(description="A PostgreSQL server, version 14 or newer.")
    url_file: Path = Field(description="File that holds its address, such as postgresql://… ; mode 0400 or 0600.")
    schema_: str = Field(
        "passerelle_lake",
        alias="schema",
        pattern=_IDENTIFIER,
        description="The schema that holds the copies; made where it is not there.",
    )


class SparkEngine(Closed):
    """Apache Spark, here, on a cluster or behind Spark Connect: it reads the lake's files by itself."""

    kind: Literal["spark"] = Field(
        description="Apache Spark: the extra `spark` and Java 17 or newer; for Spark Connect the extra `spark-connect`."
    )
    master: str = Field(
        "local[*]",
        pattern=r"^(local\[([1-9][0-9]{0,2}|\*)\]|spark://[^\s@]+|yarn|k8s://[^\s@]+)$",
        description="Where it runs, such as local[4] or spark://host:7077; by default here, on all processor cores.",
    )
    memory: str = Field("2GB", pattern=_SIZE, description="How much memory a local Spark may use, such as 4GB.")
    remote: str | None = Field(
        None,
        pattern=r"^sc://[^\s/@;?#]+/?(;use_ssl=true)?$",
        description="A server of Spark Connect, such as sc://host:15002 or, under TLS, sc://host:443/;use_ssl=true.",
    )
    token_file: Path | None = Field(
        None, description="File with the token that Spark Connect asks for; mode 0400 or 0600. TLS is used then."
    )

    mllib_above: int | None = Field(
        None,
        ge=1_000,
        description="K-means and main directions of more people than this are found in all of them, by MLlib; "
        "without it, in a sample, here.",
    )

    @model_validator(mode="after")
    def _fitting(self) -> "SparkEngine":
        if self.remote is None and self.token_file is not None:
            raise PydanticCustomError("engine", "has a `token_file`, which goes with `remote`")
        if self.remote is not None and self.model_fields_set & {"master", "memory"}:
            raise PydanticCustomError(
                "engine", "has `remote`: a server of Spark Connect knows `master` and `memory` itself"
            )
        return self


class BigQueryEngine(Closed):
    """Google BigQuery: the pseudonymous tables are loaded into a dataset, and segments are computed there."""

    kind: Literal["bigquery"] = Field(description="Google BigQuery; the extra `bigquery` brings its client.")
    url: str = Field(
        pattern=r"^bigquery://[^/?@\s]+/[A-Za-z_][A-Za-z0-9_]*(\?\S*)?$",
        description="bigquery://project/dataset?location=EU; the dataset holds the copies, and nothing else.",
    )
    key_file: Path | None = Field(None, description="A service account's key (JSON); mode 0400 or 0600.")
    most_billed: str = Field(
        "100GB",
        pattern=r"^[1-9][0-9]{0,5}(MB|GB|TB)$",
        description="A statement that would bill more bytes is not run.",
    )


class SnowflakeEngine(Closed):
    """Snowflake: the pseudonymous tables are loaded into a schema, and segments are computed there."""

    kind: Literal["snowflake"] = Field(description="Snowflake; the extra `snowflake` brings its connector.")
    url: str = Field(
        pattern=r"^snowflake://[^/?@:\s]+@[^/?@\s]+/[^/?\s]+(/[^/?\s]+)?(\?\S*)?$",
        description="snowflake://user@account/database/schema?warehouse=name&role=name; the schema holds the copies,"
        " and nothing else; PASSERELLE_LAKE by default.",
    )
    key_file: Path | None = Field(None, description="The user's private key (PKCS#8, PEM); mode 0400 or 0600.")


def _kind(value: Any) -> str:  # noqa: ANN401 - what stands in the file, or a model
    found = value.get("kind", "duckdb") if isinstance(value, dict) else getattr(value, "kind", "duckdb")
    return found if isinstance(found, str) else ""


Engine = Annotated[
    Annotated[DuckDbEngine, Tag("duckdb")]
    | Annotated[PostgresEngine, Tag("postgres")]
    | Annotated[SparkEngine, Tag("spark")]
    | Annotated[BigQueryEngine, Tag("bigquery")]
    | Annotated[SnowflakeEngine, Tag("snowflake")],
    Discriminator(
        _kind,
        custom_error_type="engine_kind",
        custom_error_message="has no such `kind`; there are `duckdb`, `postgres`, `spark`, `bigquery` and `snowflake`",
    ),
]
