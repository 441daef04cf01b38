"""Records of a vendor's export, one by one: JSON Lines, a JSON array, or CSV. Memory holds one piece of the file.

A line that holds no record is handed on as such, with its number and never with what it says. Where a file breaks off
in the middle of an array, nothing tells where the next record would begin: the rest is refused.
"""

import codecs
import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePath
from typing import Any, BinaryIO

from passerelle.privacy.errors import DefinitionError

MOST_BYTES = 16 * 1024 * 1024
"""The longest record, or page of records, that is read."""

_CHUNK = 1 << 20
_DELIMITERS = ",;\t|"
_BLANK = " \t\r\n"
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Value:
    """What a line, an array's item or a row holds: `line` counts from 1, `raw` is as it stood."""

    line: int
    record: Any = field(repr=False)
    raw: bytes = field(repr=False)
    fault: str | None = None


def values(name: str, stream: BinaryIO) -> Iterator[Value]:
    """The records of a file that is called `name`, by its ending, `.gz` aside; `stream` gives what is not packed.

    Raises `DefinitionError` with a line's number where it can't be read on.
    """
    kinds = {".jsonl": _lines, ".ndjson": _lines, ".json": _array, ".csv": _rows, ".tsv": _rows, ".txt": _rows}
    endings = [ending.lower() for ending in PurePath(name).suffixes if ending.lower() != ".gz"]
    read = kinds.get(endings[-1]) if endings else None
    if read is None:
        raise DefinitionError(f"{name} is neither JSON nor CSV.", advice="Name it .jsonl, .json or .csv.")
    yield from read(name, stream)


def _lines(name: str, stream: BinaryIO) -> Iterator[Value]:
    for line, raw in enumerate(iter(lambda: stream.readline(MOST_BYTES + 1), b""), 1):
        if len(raw) > MOST_BYTES:
            raise DefinitionError(f"{name}, line {line} is longer than {MOST_BYTES >> 20} MiB.")
        plain = raw.strip()
        if plain:
            yield _decoded(line, plain.removeprefix(codecs.BOM_UTF8) if line == 1 else plain)


def _decoded(line: int, raw: bytes) -> Value:
    try:
        record = json.loads(raw)
    except (ValueError, RecursionError):
        return Value(line, None, b"", "not_a_record")
    return Value(line, record, raw, None if isinstance(record, Mapping) else "not_a_record")


def _array(name: str, stream: BinaryIO) -> Iterator[Value]:
    scan = _Scan(name, iter(lambda: stream.read(_CHUNK), b""))
    inside = scan.skip(_BLANK) == "["
    if inside:
        scan.take(1)
    while (here := scan.skip(_BLANK + ("," if inside else ""))) not in {"", "]"}:
        line, record, raw = scan.value()
        yield Value(line, record, raw, None if isinstance(record, Mapping) else "not_a_record")
    if (here == "]") != inside:
        raise scan.broken()


class _Scan:
    """A text that is read piece by piece."""

    def __init__(self, name: str, chunks: Iterator[bytes]) -> None:
        self._name = name
        self._chunks = chunks
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder()
        self._text = ""
        self._at = 0
        self._line = 1
        self._ended = False

    def skip(self, blanks: str) -> str:
        """Go to the next character that is none of `blanks`; empty at the end."""
        while True:
            while self._at < len(self._text):
                here = self._text[self._at]
                if here not in blanks:
                    return here
                self.take(1)
            if not self._more(_CHUNK):
                return ""

    def take(self, count: int) -> str:
        """The next `count` characters."""
        taken = self._text[self._at : self._at + count]
        self._line += taken.count("\n")
        self._at += count
        return taken

    def value(self) -> tuple[int, Any, bytes]:
        """The JSON value that begins here, with its line and its text."""
        wanted = _CHUNK
        while True:
            try:
                found, end = self._json.raw_decode(self._text, self._at)
            except RecursionError:
                raise self.broken() from None
            except ValueError:  # perhaps the rest of it is yet to be read
                found, end = _NOTHING, len(self._text)
            if end < len(self._text) or self._ended:
                break
            if len(self._text) - self._at > MOST_BYTES or not self._more(wanted):
                break
            wanted *= 2
        if found is _NOTHING:
            raise self.broken()
        line = self._line
        return line, found, self.take(end - self._at).encode("utf-8", "surrogatepass")

    def broken(self) -> DefinitionError:
        """That the file can't be read from here on."""
        return DefinitionError(
            f"{self._name}, line {self._line}: this is not JSON, so the rest of the file cannot be read.",
            advice="What stands before it was taken in. Export the file again, or as JSON Lines.",
        )

    def _more(self, wanted: int) -> bool:
        """Read on; False at the end."""
        if self._ended:
            return False
        pieces = [self._text[self._at :]]
        self._at = 0
        try:
            while wanted > 0 and not self._ended:
                chunk = next(self._chunks, b"")
                self._ended = not chunk
                pieces.append(self._decoder.decode(chunk, final=self._ended))
                wanted -= len(chunk)
        except UnicodeDecodeError:
            raise self.broken() from None
        self._text = "".join(pieces)
        return True


def _rows(name: str, stream: BinaryIO) -> Iterator[Value]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    line = 1
    try:
        header = text.readline()
        rows = csv.reader(chain([header], text), delimiter=max(_DELIMITERS, key=header.count))
        names = [column.strip() for column in next(rows, [])]
        if len(set(names)) != len(names):
            raise DefinitionError(f"{name}: two columns have the same name.")
        for row in rows:
            line, began = rows.line_num, line + 1
            if row:
                yield _row(began, names, row)
    except (csv.Error, UnicodeDecodeError):
        raise DefinitionError(f"{name}, after line {line}: a row cannot be read.") from None
    finally:
        if not text.closed:
            text.detach()  # whoever opened the stream closes it


def _row(line: int, names: list[str], row: list[str]) -> Value:
    if len(row) != len(names):
        return Value(line, None, b"", "not_a_record")
    record = dict(zip(names, row, strict=True))
    return Value(line, record, json.dumps(record, ensure_ascii=False).encode("utf-8", "surrogatepass"))
