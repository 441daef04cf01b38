"""What a workspace says of a source in a database."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from passerelle.connectors.contract.declared import RecordSettings
from passerelle.connectors.contract.durations import DURATION
from passerelle.connectors.errors import DefinitionError

SIZE = r"^[1-9][0-9]{0,5}(MB|GB|TB)$"
_BYTES = {"MB": 10**6, "GB": 10**9, "TB": 10**12}


def bytes_of(size: str) -> int:
    """A size such as 10GB as a number."""
    return int(size[:-2]) * _BYTES[size[-2:]]


class SqlSettings(RecordSettings):
    """`kind: sql`."""

    kind: Literal["sql"]
    url: str | None = Field(
        None,
        description="sqlite:///data/shop.db, postgresql://user@host/db, mysql://user@host/db, "
        "bigquery://project/dataset, snowflake://user@account/db/schema?warehouse=name; without a password.",
    )
    url_file: Path | None = Field(None, description="A file (mode 0600) that holds the address, password and all.")
    key_file: Path | None = Field(
        None,
        description="BigQuery: a service account's key (JSON); Snowflake: the user's private key (PEM). Mode 0600.",
    )
    most_billed: str = Field(
        "10GB", pattern=SIZE, description="BigQuery: a statement that would bill more bytes is not run."
    )
    table: str | None = Field(None, min_length=1, description="A table or view, or schema.table.")
    query: str | None = Field(None, min_length=1, description="One SELECT, instead of a table.")
    overlap: str = Field(
        "1h", pattern=DURATION, description="How far behind the last cursor value to read again, for late commits."
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.url is None) == (self.url_file is None):
            raise DefinitionError("A database needs either `url` or `url_file`.", path=("url",))
        if (self.table is None) == (self.query is None):
            raise DefinitionError("Give either `table` or `query`.", path=("table",))
        if self.query is not None and ";" in self.query.strip().rstrip(";"):
            raise DefinitionError("`query` must be one SELECT.", path=("query",))
        return self
