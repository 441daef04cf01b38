"""Files in buckets: Amazon S3 and what speaks like it, and Google Cloud Storage, by Arrow's own clients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pyarrow.fs import FileSelector, FileSystem, GcsFileSystem, S3FileSystem

from passerelle.connectors.authentication import Secret, from_command, from_file
from passerelle.connectors.http import Endpoint
from passerelle.connectors.oauth import JwtBearer, OAuth
from passerelle.connectors.s3 import Key, own_endpoint
from passerelle.connectors.sources.files.located import Located
from passerelle.connectors.sources.files.place import File, Place, Stamp, reading

SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"
TOKENS = "https://oauth2.googleapis.com/token"
_WILD = frozenset("*?[")
_VERSIONS = ("ETag", "generation")
_PATIENCE = timedelta(seconds=30)
_LIFE = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Bucket(Place):
    """A bucket. Files are known by their whole address."""

    system: FileSystem

    def matching(self, pattern: str) -> Mapping[str, File]:
        """Objects that match; only what stands before the first wildcard is listed."""
        scheme, _, path = pattern.partition("://")
        wanted = path.rstrip("/").split("/")
        with reading(pattern):
            infos = self._listed(wanted)
        found = {info.path: info for info in infos if info.is_file and _fits(info.path.split("/"), wanted)}
        files = [File(self.system, path, Stamp.of(found[path]), f"{scheme}://{path}") for path in sorted(found)]
        return {file.known: file for file in files}

    def version(self, file: File) -> str:
        """S3's entity tag, or Google's generation."""
        with reading(file), file.whole() as opened:
            said: Mapping[Any, Any] = opened.metadata()
        named = {name if isinstance(name, str) else name.decode(): value for name, value in said.items()}
        return next((bytes(named[name]).decode().strip('"') for name in _VERSIONS if name in named), "")

    def _listed(self, wanted: Sequence[str]) -> Sequence[Any]:
        plain = next((place for place, part in enumerate(wanted) if _WILD & set(part)), None)
        if plain is None:
            return list(self.system.get_file_info(["/".join(wanted)]))
        selector = FileSelector(
            "/".join(wanted[:plain]), allow_not_found=True, recursive=wanted[plain] == "**" or plain < len(wanted) - 1
        )
        return list(self.system.get_file_info(selector))


def bucket(settings: Located, folder: Path) -> Bucket:
    """The bucket of `path`. Raises `DefinitionError` where the key is none, or the endpoint one that is not for us."""
    where = _endpoint(settings)
    make = _s3 if settings.path.startswith("s3://") else _gcs
    return Bucket(make(settings, folder, where))


def _endpoint(settings: Located) -> dict[str, str]:
    parts = own_endpoint(settings.endpoint, allow_private=settings.allow_private)
    return {} if parts is None else {"scheme": parts.scheme, "endpoint_override": parts.netloc}


def _s3(settings: Located, folder: Path, where: Mapping[str, str]) -> FileSystem:
    key = Key.read(_secret(settings, folder))
    return S3FileSystem(
        access_key=key.id, secret_key=key.secret, session_token=key.token, region=settings.region, **where
    )


def _gcs(settings: Located, folder: Path, where: Mapping[str, str]) -> FileSystem:
    if settings.key_file is not None:
        tokens = TOKENS if settings.endpoint is None else f"{settings.endpoint.rstrip('/')}/token"
        grant = JwtBearer(folder / settings.key_file, TOKENS, SCOPE)
        login = OAuth(Endpoint(tokens, allow_private=settings.allow_private), grant, prefix="")
        token = login.headers()["authorization"]
    else:
        token = _secret(settings, folder)()
    ends = datetime.now(UTC) + _LIFE
    return GcsFileSystem(access_token=token, credential_token_expiration=ends, retry_time_limit=_PATIENCE, **where)


def _secret(settings: Located, folder: Path) -> Secret:
    if settings.key_file is not None:
        return from_file(folder / settings.key_file)
    return from_command(settings.key_command or (), folder)


def _fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether a path has the pattern's form: ** crosses folders, nothing else does, and dots are to be named."""
    if not wanted:
        return not parts
    if wanted[0] == "**" and _fits(parts, wanted[1:]):
        return True
    if not parts or (parts[0].startswith(".") and not wanted[0].startswith(".")):
        return False
    if wanted[0] == "**":
        return len(wanted) == len(parts) == 1 or _fits(parts[1:], wanted)
    return fnmatchcase(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])
