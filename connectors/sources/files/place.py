"""Where files are: on this machine's disks, or in a bucket. Both are read through Arrow's file systems."""

import glob
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

import pyarrow as pa
from pyarrow.fs import FileInfo, FileSystem, LocalFileSystem

from passerelle.connectors.errors import DefinitionError, TryLater

_BUFFER = 1 << 20
_MOMENT = 2_000_000
"""Buckets' times are of whole seconds: what is younger (µs) may be replaced within the same one."""
_CODE = re.compile(r"AWS Error ([A-Z_]+)")
_OURS = frozenset(
    {
        "ACCESS_DENIED",
        "EXPIRED_TOKEN",
        "INCOMPLETE_SIGNATURE",
        "INVALID_ACCESS_KEY_ID",
        "INVALID_CLIENT_TOKEN_ID",
        "INVALID_SIGNATURE",
        "MISSING_AUTHENTICATION_TOKEN",
        "NO_SUCH_BUCKET",
        "SIGNATURE_DOES_NOT_MATCH",
        "UNRECOGNIZED_CLIENT",
    }
)
"""What S3 says where the key, its rights or the bucket's name are wrong."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells whether a file changed without reading it."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, info: FileInfo) -> Self:
        """What the file system says of a file."""
        return cls(info.size, info.mtime_ns)


@dataclass(frozen=True, slots=True)
class File:
    """A file: where it is, and its stamp when it was looked for. `name` is its last part, for messages.

    `known` is what it is known by among the files of its source.
    """

    system: FileSystem = field(repr=False)
    path: str
    stamp: Stamp
    known: str

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    def stream(self, compression: str | None = None) -> pa.NativeFile:
        """Its bytes from the beginning, unpacked where they are packed."""
        return self.system.open_input_stream(self.path, compression=compression, buffer_size=_BUFFER)

    def whole(self) -> pa.NativeFile:
        """The same, where its parts are read in any order."""
        return self.system.open_input_file(self.path)


class Place(Protocol):
    """Where a pattern's files are."""

    def matching(self, pattern: str) -> Mapping[str, File]:
        """Files by the name they are known by, sorted."""
        ...

    def version(self, file: File) -> str:
        """What names the bytes that the file has now; empty where nothing but reading them tells."""
        ...


@dataclass(frozen=True, slots=True)
class Disk(Place):
    """The disks of this machine. Files are known by their path relative to `folder`, where they are in it."""

    folder: Path

    def matching(self, pattern: str) -> Mapping[str, File]:
        """Files that match; patterns may be absolute."""
        names = sorted(glob.glob(pattern, root_dir=self.folder, recursive=True))  # noqa: PTH207 - absolute patterns too
        system = LocalFileSystem()
        infos = system.get_file_info([str(self.folder / name) for name in names])
        pairs = zip(names, infos, strict=True)
        return {name: File(system, info.path, Stamp.of(info), name) for name, info in pairs if info.is_file}

    def version(self, file: File) -> str:  # noqa: ARG002 - of the protocol
        """None: a file on disk may be written to while it is read."""
        return ""


def found(place: Place, pattern: str) -> Mapping[str, File]:
    """The files that match. Raises `DefinitionError` where there is none."""
    files = place.matching(pattern)
    if not files:
        where = "The path is taken from the workspace's folder; is" if isinstance(place, Disk) else "Is"
        raise DefinitionError(f"No file matches {pattern}.", advice=f"{where} the export there?")
    return files


def is_sure(file: File, version: str, now: int) -> bool:
    """Whether the file's stamp tells it from any later one, for one that has this `version` at `now` (µs)."""
    return not version or file.stamp.mtime_ns // 1000 < now - _MOMENT


def unchanged(place: Place, file: File, version: str) -> None:
    """Raises `TryLater` where the file is not of this version any more: what was read of it may be half old."""
    if place.version(file) != version:
        raise TryLater(f"{file.name} changed while it was read.", advice="The next pull reads it again.")


class reading:  # noqa: N801 - reads as a word in a with statement
    """Turns what the system or Arrow says of a file into our errors, which name the file and quote nothing of it."""

    def __init__(self, what: File | str) -> None:
        self._name = what if isinstance(what, str) else what.name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise TryLater(f"{self._name} was there and is not any more.") from None
        if isinstance(error, PermissionError):
            raise DefinitionError(f"{self._name} may not be read by this user.") from None
        if error is not None and _damaged(error):
            raise DefinitionError(
                f"{self._name} cannot be read: it is damaged, or not in the format it should have.",
                advice="Export it again, or set `format:`, `delimiter:` and `quote:`.",
            ) from None
        if isinstance(error, EOFError | OSError):
            code = _CODE.search(str(error))
            if code is not None and code[1] in _OURS:
                raise DefinitionError(
                    f"{self._name} may not be read ({code[1]}).", advice="Check the key, its rights, and the bucket."
                ) from None
            said = type(error).__name__ if code is None else code[1]
            raise TryLater(f"{self._name} cannot be read now ({said}).") from None


def _damaged(error: BaseException) -> bool:
    """Whether Arrow or DuckDB found the content wrong. DuckDB is loaded to ask that: most files need none of it."""
    import duckdb

    return isinstance(error, pa.ArrowException | duckdb.Error)
