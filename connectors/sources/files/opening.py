"""Opening files: which ones, whether they changed, what their bytes mean."""

import codecs
import glob
import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import duckdb
import pyarrow as pa

from passerelle.connectors.errors import DefinitionError, TryLater
from passerelle.connectors.sources.files.settings import Format

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells whether a file changed without reading it."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """The stamp of `path` now."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Content:
    """What reading a file through says of it: a digest of its bytes, the encoding, and whether every byte fits it."""

    digest: str
    encoding: str
    fits: bool = True


def matching(pattern: str, folder: Path) -> dict[str, Path]:
    """Files by the name they are known by: relative to `folder` where they are in it. Sorted."""
    found = sorted(path for path in glob.glob(pattern, root_dir=folder, recursive=True) if (folder / path).is_file())  # noqa: PTH207 - absolute patterns too
    return {name: folder / name for name in found}


def format_of(path: Path, wanted: Format | None) -> Format:
    """The format that was set, or that the name says."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    found = wanted or (_ENDINGS.get(suffixes[-1]) if suffixes else None)
    if found is None:
        raise DefinitionError(
            f"The format of {path.name} is not known from its name.", advice="Set `format:` to csv, jsonl or parquet."
        )
    return found


def read_through(path: Path, format_: Format, wanted: str | None) -> Content:
    """Read the whole file once, for its digest and, in a text format, its encoding."""
    digest = hashlib.blake2b(digest_size=16)
    with reading(path), path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    if format_ == "parquet":
        return Content(digest.hexdigest(), "binary")
    found = _encoding(path)
    encoding = wanted or found
    return Content(digest.hexdigest(), encoding, fits=encoding == found and encoding in {"utf-8", "utf-16"})


def _encoding(path: Path) -> str:
    """UTF-8 where every byte fits it, UTF-16 where it says so or its zeros do, else Windows' Western one."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with reading(path), bytes_of(path) as stream:
        head = stream.read(_CHUNK)
        for mark, encoding in _BOMS:
            if head.startswith(mark):
                return encoding
        if head and head[:200].count(0) * 4 >= len(head[:200]):
            return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
        try:
            while head:
                decoder.decode(head)
                head = stream.read(_CHUNK)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def bytes_of(path: Path) -> pa.NativeFile:
    """The file's bytes, unzipped where they are zipped, whatever the name says."""
    with path.open("rb") as stream:
        zipped = stream.read(2) == _GZIP
    return pa.input_stream(str(path), compression="gzip" if zipped else None)


def text_of(path: Path, content: Content) -> pa.NativeFile:
    """The file's text as UTF-8 without a byte order mark. What does not decode becomes U+FFFD."""
    if content.encoding == "utf-8" and content.fits:
        return _after_bom(path)
    return pa.PythonFile(_Recoded(bytes_of(path), content.encoding.replace("utf-8", "utf-8-sig")), mode="r")


def _after_bom(path: Path) -> pa.NativeFile:
    stream = bytes_of(path)
    if stream.read(3) == codecs.BOM_UTF8:
        return stream
    stream.close()
    return bytes_of(path)


class _Recoded(io.RawIOBase):
    """A stream of bytes in one encoding, read as UTF-8."""

    def __init__(self, source: pa.NativeFile, encoding: str) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._ready = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; nothing at the end."""
        while not self._ready and not self._ended:
            chunk = self._source.read(_CHUNK)
            self._ended = not chunk
            self._ready = self._decoder.decode(chunk, self._ended).encode()
        size = len(self._ready) if size < 0 else size
        found, self._ready = self._ready[:size], self._ready[size:]
        return found

    def close(self) -> None:
        self._source.close()
        super().close()


class reading:  # noqa: N801 - reads as a word in a with statement
    """Turns what the system or Arrow says of a file into our errors, which name the file and quote nothing of it."""

    def __init__(self, path: Path) -> None:
        self._name = path.name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, FileNotFoundError):
            raise TryLater(f"{self._name} was there and is not any more.") from None
        if isinstance(error, PermissionError):
            raise DefinitionError(f"{self._name} may not be read by this user.") from None
        if isinstance(error, pa.ArrowException | duckdb.Error):
            raise DefinitionError(
                f"{self._name} cannot be read: it is damaged, or not in the format it should have.",
                advice="Export it again, or set `format:`, `delimiter:` and `quote:`.",
            ) from None
        if isinstance(error, EOFError | OSError):
            raise TryLater(f"{self._name} cannot be read now ({type(error).__name__}).") from None
