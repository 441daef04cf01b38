"""What a workspace says of a source of files."""

from typing import Literal

from pydantic import Field, field_validator

from passerelle.connectors.contract.declared import RecordSettings
from passerelle.connectors.contract.durations import DURATION
from passerelle.connectors.sources.files.located import Located

Format = Literal["csv", "jsonl", "parquet"]
Encoding = Literal["utf-8", "cp1252", "latin-1", "iso-8859-15", "utf-16", "utf-16-le", "utf-16-be"]


class FilesSettings(Located, RecordSettings):
    """`kind: files`."""

    kind: Literal["files"]
    format: Format | None = Field(None, description="By default what the file's name says.")
    delimiter: str | None = Field(None, description="Between a CSV's columns; by default found in its first line.")
    quote: str = Field('"', min_length=1, max_length=1, description="Around a CSV's values that need it.")
    encoding: Encoding | None = Field(None, description="Of a text file; by default found by reading it.")
    overlap: str = Field(
        "1h", pattern=DURATION, description="How far behind a file's last cursor value a changed file is read again."
    )

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        if value is not None and len(value) != 1:
            raise ValueError("must be one character, such as ';' or \"\\t\"")
        return value
