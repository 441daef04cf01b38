"""Opening files: what their bytes mean."""

import codecs
import hashlib
import io
from dataclasses import dataclass
from pathlib import PurePosixPath

import pyarrow as pa

from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.files.place import File, reading
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
class Content:
    """What reading a file through says of it: a digest of its bytes, the encoding, and whether every byte fits it.

    Of a file in a bucket the digest is the version that the bucket names.
    """

    digest: str
    encoding: str
    fits: bool = True


def format_of(file: File, wanted: Format | None) -> Format:
    """The format that was set, or that the name says."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(file.name).suffixes if suffix.lower() != ".gz"]
    found = wanted or (_ENDINGS.get(suffixes[-1]) if suffixes else None)
    if found is None:
        raise DefinitionError(
            f"The format of {file.name} is not known from its name.", advice="Set `format:` to csv, jsonl or parquet."
        )
    return found


def read_through(file: File, version: str, format_: Format, wanted: str | None) -> Content:
    """Read the whole file for its digest, where the place it is in names no `version`, and for a text's encoding."""
    digest = version or _digest(file)
    if format_ == "parquet":
        return Content(digest, "binary")
    found = _encoding(file)
    encoding = wanted or found
    return Content(digest, encoding, fits=encoding == found and encoding in {"utf-8", "utf-16"})


def _digest(file: File) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with reading(file), file.stream() as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _encoding(file: File) -> str:
    """UTF-8 where every byte fits it, UTF-16 where it says so or its zeros do, else Windows' Western one."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with reading(file), bytes_of(file) as stream:
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


def bytes_of(file: File) -> pa.NativeFile:
    """The file's bytes, unzipped where they are zipped, whatever the name says."""
    with file.stream() as stream:
        zipped = stream.read(2) == _GZIP
    return file.stream("gzip" if zipped else None)


def text_of(file: File, content: Content) -> pa.NativeFile:
    """The file's text as UTF-8 without a byte order mark. What does not decode becomes U+FFFD."""
    if content.encoding == "utf-8" and content.fits:
        return _after_bom(file)
    return pa.PythonFile(_Recoded(bytes_of(file), content.encoding.replace("utf-8", "utf-8-sig")), mode="r")


def _after_bom(file: File) -> pa.NativeFile:
    stream = bytes_of(file)
    if stream.read(3) == codecs.BOM_UTF8:
        return stream
    stream.close()
    return bytes_of(file)


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
