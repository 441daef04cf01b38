"""A bucket of Amazon S3, or of what speaks like it, by Amazon's client: whole objects, on a condition, in all versions.

Sources read files in buckets by Arrow's client (`sources/files/buckets.py`), which can neither write on a condition nor
see versions. Errors are ours, and quote no key, no answer and no object.
"""

import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

from pydantic_core import from_json

from passerelle.connectors.authentication import Secret
from passerelle.connectors.errors import DefinitionError, Refused
from passerelle.connectors.http import refuse_private
from passerelle.connectors.s3_answers import MISSING, Missing, Unmet, answering
from passerelle.privacy.extras import need

_CONNECT, _READ, _TRIES = 10, 60, 3
_IN_PARTS = 256 << 20
"""What is longer is sent in parts of this size: one PUT takes 5 GiB at most."""
_AT_ONCE = 1_000
"""So many objects one request may delete."""


@dataclass(frozen=True, slots=True)
class Key:
    """What lets us in."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, secret: Secret) -> Self:
        """In the form that `aws configure export-credentials` prints. Raises `DefinitionError` where it is another."""
        try:
            said = from_json(secret())
        except ValueError:
            said = None
        names = ("AccessKeyId", "SecretAccessKey")
        if not isinstance(said, dict) or not all(isinstance(said.get(name), str) and said[name] for name in names):
            raise DefinitionError(
                "The key for S3 is no JSON with AccessKeyId and SecretAccessKey.",
                advice="It has the form that `aws configure export-credentials` prints.",
                path=("key_file",),
            )
        return cls(said[names[0]], said[names[1]], said.get("SessionToken"))


def own_endpoint(written: str | None, *, allow_private: bool) -> SplitResult | None:
    """Another address than Amazon's. Raises `DefinitionError` where it is one that is not for us."""
    if written is None:
        return None
    parts = urlsplit(written)
    if not allow_private:
        if parts.scheme != "https":
            raise DefinitionError("The endpoint must be https, unless it stands inside the house.", path=("endpoint",))
        refuse_private(parts.hostname or "")
    return parts


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or the word that it was deleted. `newest`: who names the object alone gets this one."""

    key: str
    id: str
    newest: bool


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An object that is being sent in parts, or was when its sender died."""

    key: str
    id: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket. Every method asks the store; nothing is remembered."""

    name: str
    client: Any = field(repr=False)

    @classmethod
    def open(cls, name: str, region: str, key: Key, endpoint: SplitResult | None) -> Self:
        """Nothing is asked yet. Raises `DefinitionError` where Amazon's client is not installed."""
        need("boto3", "Amazon's client for S3", "pip install 'passerelle[s3]'")
        from boto3.session import Session
        from botocore.config import Config

        session = Session(
            aws_access_key_id=key.id, aws_secret_access_key=key.secret, aws_session_token=key.token, region_name=region
        )
        how = Config(
            connect_timeout=_CONNECT,
            read_timeout=_READ,
            retries={"mode": "standard", "total_max_attempts": _TRIES},
            s3={"addressing_style": "auto" if endpoint is None else "path"},
        )
        return cls(name, session.client("s3", config=how, endpoint_url=endpoint.geturl() if endpoint else None))

    def close(self) -> None:
        """Give back the connections."""
        self.client.close()

    def read(self, key: str) -> tuple[bytes, str] | None:
        """An object's bytes, and the tag that it is known by now; None where there is none."""
        with suppress(Missing), answering():
            answer = self.client.get_object(Bucket=self.name, Key=key)
            return answer["Body"].read(), str(answer["ETag"])
        return None

    def put(self, key: str, content: bytes, tag: str) -> bool:
        """Write an object where the one that is there has this tag; where `tag` is empty, where there is none.

        False where it is not so: nothing is written then.
        """
        condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
        try:
            with answering():
                self.client.put_object(Bucket=self.name, Key=key, Body=content, **condition)
        except (Missing, Unmet):
            there = self.read(key)  # an answer that was lost on its way had us ask twice
            return there is not None and there[0] == content
        return True

    def send(self, file: Path, key: str) -> None:
        """Write an object: all of it or nothing."""
        from boto3.s3.transfer import TransferConfig

        parts = TransferConfig(multipart_threshold=_IN_PARTS, multipart_chunksize=_IN_PARTS, max_concurrency=2)
        with answering(), file.open("rb") as stream:
            self.client.upload_fileobj(stream, self.name, key, Config=parts)

    def fetch(self, key: str, file: Path) -> bool:
        """Have an object's bytes in a file, all of them or none; False where there is no such object."""
        partial = file.with_name(f"{file.name}.{secrets.token_hex(4)}.partial")
        with suppress(Missing), answering():
            with partial.open("wb") as stream:
                self.client.download_fileobj(self.name, key, stream)
            partial.replace(file)
            return True
        partial.unlink(missing_ok=True)
        return False

    def folders(self, prefix: str) -> list[str]:
        """What stands between `prefix` and the next slash, sorted."""
        with answering():
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=prefix, Delimiter="/"
            )
            found = [one["Prefix"] for page in pages for one in page.get("CommonPrefixes", ())]
        return sorted(name[len(prefix) : -1] for name in found)

    def names(self, prefix: str) -> set[str]:
        """The objects whose name begins so, without that beginning."""
        with answering():
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            return {one["Key"].removeprefix(prefix) for page in pages for one in page.get("Contents", ())}

    def versions(self, prefix: str) -> list[Version]:
        """Every version of the objects whose name begins so, deleted ones too."""
        with answering():
            pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=prefix)
            return [
                Version(one["Key"], one["VersionId"], bool(one["IsLatest"]))
                for page in pages
                for kind in ("Versions", "DeleteMarkers")
                for one in page.get(kind, ())
            ]

    def unfinished(self, prefix: str) -> list[Unfinished]:
        """What was begun to be sent in parts under names that begin so."""
        with answering():
            pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self.name, Prefix=prefix)
            return [Unfinished(one["Key"], one["UploadId"]) for page in pages for one in page.get("Uploads", ())]

    def destroy(self, gone: Collection[Version | Unfinished]) -> None:
        """Have these versions nowhere any more. Raises `Refused` where one is kept all the same."""
        for one in (one for one in gone if isinstance(one, Unfinished)):
            with suppress(Missing), answering():
                self.client.abort_multipart_upload(Bucket=self.name, Key=one.key, UploadId=one.id)
        versions = [{"Key": one.key, "VersionId": one.id} for one in gone if isinstance(one, Version)]
        for start in range(0, len(versions), _AT_ONCE):
            with answering():
                asked = {"Objects": versions[start : start + _AT_ONCE], "Quiet": True}
                answer = self.client.delete_objects(Bucket=self.name, Delete=asked)
            kept = [one for one in answer.get("Errors", ()) if one.get("Code") not in MISSING]
            if kept:
                raise Refused(
                    f"The bucket keeps {len(kept)} versions of objects that are to be deleted ({kept[0].get('Code')}).",
                    advice="The key needs the right s3:DeleteObjectVersion, and Object Lock must not hold them.",
                )

    def versioning(self) -> str:
        """`on`, `off`, or `suspended`: then there may be old versions all the same."""
        with answering():
            answer = self.client.get_bucket_versioning(Bucket=self.name)
        return {"Enabled": "on", "Suspended": "suspended"}.get(answer.get("Status", ""), "off")

    def may_write(self, key: str) -> bool:
        """Whether objects may be written, found out by a write whose condition cannot hold.

        Raises `DefinitionError` where the store writes it all the same: then it is no store for what several write to.
        """
        try:
            with answering():
                self.client.put_object(Bucket=self.name, Key=key, Body=b"", IfMatch='"0"')
        except (Missing, Unmet):
            return True
        except Refused:
            return False
        self.destroy(self.versions(key))
        raise DefinitionError(
            "The store writes an object although the condition does not hold.",
            advice="It must know If-Match and If-None-Match: two writers would overwrite each other's work.",
        )


def addressed(path: str) -> tuple[str, str]:
    """Bucket and prefix of `s3://bucket/prefix`; the prefix ends with a slash, where there is one."""
    bucket, _, prefix = path.removeprefix("s3://").partition("/")
    trimmed = prefix.strip("/")
    return bucket, f"{trimmed}/" if trimmed else ""
