"""What a workspace says of a source of files."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from passerelle.connectors.contract.declared import RecordSettings
from passerelle.connectors.contract.durations import DURATION
from passerelle.connectors.errors import DefinitionError

Format = Literal["csv", "jsonl", "parquet"]
Encoding = Literal["utf-8", "cp1252", "latin-1", "iso-8859-15", "utf-16", "utf-16-le", "utf-16-be"]


class FilesSettings(RecordSettings):
    """`kind: files`."""

    kind: Literal["files"]
    path: str = Field(
        min_length=1,
        description="A file, or a pattern such as data/contacts*.csv; ** crosses folders. s3://… and gs://… are "
        "in a bucket.",
    )
    format: Format | None = Field(None, description="By default what the file's name says.")
    delimiter: str | None = Field(None, description="Between a CSV's columns; by default found in its first line.")
    quote: str = Field('"', min_length=1, max_length=1, description="Around a CSV's values that need it.")
    encoding: Encoding | None = Field(None, description="Of a text file; by default found by reading it.")
    overlap: str = Field(
        "1h", pattern=DURATION, description="How far behind a file's last cursor value a changed file is read again."
    )

    key_file: Path | None = Field(
        None,
        description="For a bucket: a file of mode 0600. S3: JSON with AccessKeyId and SecretAccessKey. Google: a "
        "service account's key file, as it is downloaded.",
    )
    key_command: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Instead: a command and its arguments; run without a shell. S3: prints such JSON. Google: a token.",
    )
    region: str | None = Field(None, description="S3: where the bucket is, such as eu-west-3.")
    endpoint: str | None = Field(
        None, pattern=r"^https?://[^\s@/]+/?$", description="Of a store that speaks like S3, such as your own MinIO."
    )
    allow_private: bool = Field(False, description="The endpoint stands inside the house, and is meant to.")

    @property
    def in_bucket(self) -> bool:
        """Whether the files are in a bucket."""
        return self.path.startswith(("s3://", "gs://"))

    @model_validator(mode="after")
    def _reached(self) -> Self:
        keys = [self.key_file, self.key_command]
        if self.in_bucket and sum(key is not None for key in keys) != 1:
            raise DefinitionError("A bucket needs either `key_file` or `key_command`.", path=("key_file",))
        if self.path.startswith("s3://") and self.region is None:
            raise DefinitionError("In which region is the bucket?", advice="Set `region:`.", path=("region",))
        if not self.in_bucket and "://" in self.path:
            raise DefinitionError("Files are on this machine, or in a bucket: s3://… or gs://….", path=("path",))
        alone = {"key_file", "key_command", "region", "endpoint", "allow_private"} & self.model_fields_set
        if not self.in_bucket and alone:
            raise DefinitionError(f"`{min(alone)}` is for files in a bucket.", path=(min(alone),))
        return self

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str | None) -> str | None:
        if value is not None and len(value) != 1:
            raise ValueError("must be one character, such as ';' or \"\\t\"")
        return value
