"""Readers: a file as a run of chunks, with the named columns as text (CSV, JSON Lines) or as they are (Parquet)."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from passerelle.connectors.contract.columns import require
from passerelle.connectors.contract.source import quarantined
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.files.chunks import BLOCK, Chunk, Opened
from passerelle.connectors.sources.files.opening import Content, text_of
from passerelle.connectors.sources.files.place import File, reading
from passerelle.connectors.sources.files.settings import FilesSettings, Format

_DELIMITERS = (",", ";", "\t", "|")
_HEAD = 1 << 18


def opened(file: File, format_: Format, content: Content, asked: Sequence[str], settings: FilesSettings) -> Opened:
    """Look at the file's columns. Raises `DefinitionError` naming file and column where one is not there."""
    with reading(file):
        if format_ == "parquet":
            return _parquet(file, asked)
        if format_ == "jsonl":
            from passerelle.connectors.sources.files import json_lines  # with DuckDB, which nothing else here needs

            return Opened((), lambda: json_lines.chunks(file, content, asked))
        return _csv(file, content, asked, settings)


# --- CSV
def _csv(file: File, content: Content, asked: Sequence[str], settings: FilesSettings) -> Opened:
    head = _first_line(file, content)
    if not head:
        return Opened((), lambda: iter(()))
    delimiter, columns = _header(head, asked, settings)
    require(file.name, columns, asked)
    if not settings.delimiter and len(columns) == 1 and any(sign in head for sign in _DELIMITERS):
        raise DefinitionError(f"The columns of {file.name} cannot be told apart.", advice="Set `delimiter:`.")
    parse = _Csv(file, content, columns, tuple(asked), delimiter, settings.quote)
    return Opened(tuple(columns), parse.chunks)


def _first_line(file: File, content: Content) -> str:
    with text_of(file, content) as stream:
        return str(stream.read(_HEAD).decode(errors="replace")).lstrip("\r\n").partition("\n")[0].rstrip("\r")


def _header(line: str, asked: Sequence[str], settings: FilesSettings) -> tuple[str, list[str]]:
    """The delimiter that shows the most named columns, and the columns it shows."""
    signs = (settings.delimiter,) if settings.delimiter else _DELIMITERS
    readings = [(sign, _split(line, sign, settings.quote)) for sign in signs]
    return max(readings, key=lambda found: (len(set(found[1]) & set(asked)), len(found[1])))


def _split(line: str, delimiter: str, quote: str) -> list[str]:
    found = next(csv.reader([line], delimiter=delimiter, quotechar=quote), [])
    return [name.strip().strip("\ufeff") for name in found]


@dataclass(slots=True)
class _Csv:
    """One CSV file. It is read with threads; where a line is ragged, again without, since only then lines count."""

    file: File
    content: Content
    columns: list[str]
    asked: tuple[str, ...]
    delimiter: str
    quote: str

    def chunks(self) -> Iterator[Chunk]:
        """Every row; ragged ones in quarantine."""
        done, ragged = 0, list[int]()
        try:
            for batch in self._batches(threads=True, ragged=lambda row: _note(ragged, row, "error")):
                yield self._chunk(batch, done, [])
                done += batch.num_rows
        except DefinitionError:
            if not ragged:
                raise
            yield from self._careful(done)

    def _careful(self, done: int) -> Iterator[Chunk]:
        """Everything after the first `done` good rows, counting lines."""
        ragged: list[int] = []
        good, told = 0, 0
        for batch in self._batches(threads=False, ragged=lambda row: _note(ragged, row, "skip")):
            fresh = batch.slice(max(0, min(batch.num_rows, done - good)))
            bad = ragged[told:]
            told = len(ragged)
            yield self._chunk(fresh, good + batch.num_rows - fresh.num_rows, list(ragged), bad)
            good += batch.num_rows
        if ragged[told:]:
            yield self._chunk(
                pa.table({name: pa.array([], pa.string()) for name in self.asked}), good, ragged, ragged[told:]
            )

    def _chunk(self, rows: pa.Table | pa.RecordBatch, first: int, ragged: list[int], bad: Sequence[int] = ()) -> Chunk:
        table = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
        return Chunk(table, lambda at: _lines(at, first, ragged), _ragged(self.file.known, bad))

    def _batches(self, *, threads: bool, ragged: Callable[[pyarrow.csv.InvalidRow], str]) -> Iterator[pa.RecordBatch]:
        with reading(self.file), text_of(self.file, self.content) as stream:
            reader = pyarrow.csv.open_csv(
                stream,
                read_options=pyarrow.csv.ReadOptions(
                    use_threads=threads, block_size=BLOCK, column_names=_distinct(self.columns), skip_rows=1
                ),
                parse_options=pyarrow.csv.ParseOptions(
                    delimiter=self.delimiter,
                    quote_char=self.quote,
                    newlines_in_values=True,
                    invalid_row_handler=ragged,
                ),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(self.asked, pa.string()),
                    include_columns=list(self.asked),
                    strings_can_be_null=False,
                ),
            )
            yield from reader


def _note(ragged: list[int], row: pyarrow.csv.InvalidRow, then: str) -> str:
    """Remember a line with too few or too many columns. Its number is known only where one thread reads."""
    ragged.append(row.number or 0)
    return then


def _distinct(columns: list[str]) -> list[str]:
    """Columns that nobody asked for may share a name, or have none; Arrow wants them told apart."""
    seen: dict[str, int] = {}
    made = []
    for name in columns:
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name}\x1f{seen[name]}")
    return made


def _lines(at: pa.Array, first: int, ragged: list[int]) -> pa.Array:
    """Line numbers (the header is 1) of good rows, of which `first` came before, past the ragged lines between."""
    lines = at.to_numpy().astype(np.int64) + first + 2
    for bad in ragged:
        lines[lines >= bad] += 1
    return pa.array(lines)


def _ragged(name: str, lines: Sequence[int]) -> pa.Table:
    return quarantined((f"{name}:{line}", "", "wrong_number_of_columns") for line in lines)


# --- Parquet
def _parquet(file: File, asked: Sequence[str]) -> Opened:
    with file.whole() as stream, pq.ParquetFile(stream) as parquet:
        columns = tuple(parquet.schema_arrow.names)
    require(file.name, columns, asked)
    return Opened(columns, lambda: _parquet_chunks(file, asked))


def _parquet_chunks(file: File, asked: Sequence[str]) -> Iterator[Chunk]:
    first = 0
    with reading(file), file.whole() as stream, pq.ParquetFile(stream, pre_buffer=False) as parquet:
        for batch in parquet.iter_batches(batch_size=65_536, columns=list(asked)):
            yield Chunk(pa.Table.from_batches([batch]), _after(first))
            first += batch.num_rows


def _after(first: int) -> Callable[[pa.Array], pa.Array]:
    return lambda at: pc.add(at, first + 1)


__all__ = ["Chunk", "Opened", "opened"]
