"""Files of consent statements: CSV with a header line, or JSON Lines. Read in pieces, so memory stays bounded.

What a line holds is never quoted: not in an error, and not where a header turns out to be a line of data.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc_csv

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.intake.statement import FIELDS

PIECE = 200_000
_DELIMITERS = ",;\t|"
_HEADER = re.compile(r"[A-Za-z_][A-Za-z_ -]{0,30}\Z")


def pieces(
    path: Path, names: Mapping[str, str], fields: Sequence[str] = FIELDS
) -> Iterator[tuple[pa.Table, list[int], int]]:
    """Pieces of a file: columns by field, places of lines that are no statement, and the first line's number.

    `names` maps the file's own column names to `fields`; other columns and keys must be fields themselves.
    """
    suffix = "".join(path.suffixes).lower()
    if not path.is_file():
        raise DefinitionError(f"There is no file {path.name}.")
    if suffix.endswith((".jsonl", ".ndjson", ".json")):
        yield from _json_lines(path, names, fields)
    elif suffix.endswith((".csv", ".txt", ".tsv")):
        yield from _csv(path, names, fields)
    else:
        raise DefinitionError(f"{path.name} is neither CSV nor JSON Lines.", advice="Name it .csv or .jsonl.")


def _csv(path: Path, names: Mapping[str, str], known: Sequence[str]) -> Iterator[tuple[pa.Table, list[int], int]]:
    with path.open("rb") as file:
        header = file.readline().decode("utf-8-sig", "replace").rstrip("\r\n")
    delimiter = max(_DELIMITERS, key=header.count)
    given = [name.strip().strip('"') for name in header.split(delimiter)]
    fields = [_field(name, names, known, f"{path.name}: column {place}") for place, name in enumerate(given, 1)]
    if len(set(fields)) != len(fields):
        raise DefinitionError(f"{path.name}: two columns hold the same field.")
    reader = _opened(path, fields, delimiter)
    line = 2
    while (batch := _next(reader, f"{path.name}, after line {line - 1}")) is not None:
        yield pa.Table.from_batches([batch]), [], line
        line += batch.num_rows


def _opened(path: Path, fields: list[str], delimiter: str) -> pc_csv.CSVStreamingReader:
    """A reader of all columns as text. Opening reads the first piece."""
    try:
        return pc_csv.open_csv(
            path,
            read_options=pc_csv.ReadOptions(column_names=fields, skip_rows=1, block_size=1 << 24),
            parse_options=pc_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pc_csv.ConvertOptions(
                column_types=dict.fromkeys(fields, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowInvalid as problem:  # it quotes the row
        empty = "Empty" in str(problem)
        raise (DefinitionError(f"{path.name} has no lines.") if empty else _unreadable(path.name)) from None


def _next(reader: pc_csv.CSVStreamingReader, where: str) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
    except pa.ArrowInvalid:  # it quotes the row
        raise _unreadable(where) from None


def _unreadable(where: str) -> DefinitionError:
    return DefinitionError(
        f"{where}: a row cannot be read.", advice="It has more or fewer columns than the header, or is not UTF-8 text."
    )


def _json_lines(
    path: Path, names: Mapping[str, str], known: Sequence[str]
) -> Iterator[tuple[pa.Table, list[int], int]]:
    with path.open("rb") as file:
        first, rows, broken = 1, list[dict[str, str | None]](), list[int]()
        for raw in file:
            said = _object(raw, names, known)
            if said is None:
                broken.append(len(rows))
            rows.append(said or {})
            if len(rows) == PIECE:
                yield _table(rows, known), broken, first
                first, rows, broken = first + PIECE, [], []
        if rows:
            yield _table(rows, known), broken, first


def _object(raw: bytes, names: Mapping[str, str], known: Sequence[str]) -> dict[str, str | None] | None:
    """The fields of one line, or None where it is not an object of known fields with text in them."""
    try:
        given = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(given, dict):
        return None
    said = {names.get(key, key): _text(value) for key, value in given.items()}
    return said if set(said) <= set(known) and ... not in said.values() else None


def _text(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = " ".join(value)
    if value is None:
        return None
    return value if isinstance(value, str) and _storable(value) else ...


def _storable(value: str) -> bool:
    """Whether it is text: JSON can write half a character, which nothing can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _table(rows: list[dict[str, str | None]], known: Sequence[str]) -> pa.Table:
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in known})


def _field(name: str, names: Mapping[str, str], known: Sequence[str], where: str) -> str:
    field = names.get(name, name)
    if field in known:
        return field
    shown = f" ({name})" if _HEADER.match(name) else ""
    raise DefinitionError(
        f"{where}{shown} is not a field of a consent statement.",
        advice=f"Say which it is with --map COLUMN=FIELD, or leave it out. Fields: {', '.join(known)}.",
    )
