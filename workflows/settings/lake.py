"""`lake:` of `passerelle.yaml`: where the pseudonymous tables lie, a folder or a bucket of S3."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from passerelle.workflows.settings.closed import Closed


class BucketLake(Closed):
    """A bucket of Amazon S3, or of what speaks like it, for several machines or for one without a disk of its own."""

    path: str = Field(
        pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\s?#]*[^\s?#/]/?$",
        description="s3://bucket/prefix; what stands under the prefix is the lake, and nothing else.",
    )
    region: str = Field(min_length=1, description="Where the bucket is, such as eu-west-3.")
    key_file: Path | None = Field(
        None, description="JSON with AccessKeyId and SecretAccessKey; a file of mode 0400 or 0600."
    )
    key_command: tuple[str, ...] | None = Field(
        None, min_length=1, description="Instead: a command and its arguments that prints such JSON; without a shell."
    )
    endpoint: str | None = Field(
        None, pattern=r"^https?://[^\s@/]+/?$", description="Of a store that speaks like S3, such as your own MinIO."
    )
    allow_private: bool = Field(False, description="The endpoint stands inside the house, and is meant to.")

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if (self.key_file is None) == (self.key_command is None):
            raise ValueError("must hold either `key_file` or `key_command`")
        return self


def _folder(path: Path) -> Path:
    if path.parts and path.parts[0].endswith(":") and len(path.parts[0]) > len("C:"):
        raise ValueError("is a folder; for a bucket write `lake: {path: s3://…, region: …, key_file: …}`")
    return path


def _place(value: Any) -> str:  # noqa: ANN401 - what stands in the file, or a model
    return "bucket" if isinstance(value, dict | BucketLake) else "folder"


Lake = Annotated[
    Annotated[Path, AfterValidator(_folder), Tag("folder")] | Annotated[BucketLake, Tag("bucket")],
    Discriminator(_place),
]
