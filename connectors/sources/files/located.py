"""What a workspace says of where files are: on this machine, or in a bucket and with which key."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, model_validator

from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.files.place import Disk, Place


class Located(BaseModel):
    """Base of sources that read files."""

    path: str = Field(
        min_length=1,
        description="A file, or a pattern such as data/contacts*.csv; ** crosses folders. s3://… and gs://… are "
        "in a bucket.",
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

    def place(self, folder: Path) -> Place:
        """Where to look for the files; paths are taken from `folder`."""
        if not self.in_bucket:
            return Disk(folder)
        from passerelle.connectors.sources.files.buckets import bucket

        return bucket(self, folder)

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
