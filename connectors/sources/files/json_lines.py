"""JSON Lines: DuckDB reads each named member as text."""

from collections.abc import Iterable, Iterator, Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from passerelle.connectors.contract.columns import require
from passerelle.connectors.contract.source import quarantined
from passerelle.connectors.sources.files.chunks import BLOCK, Chunk
from passerelle.connectors.sources.files.opening import Content, text_of
from passerelle.connectors.sources.files.place import File, reading


def chunks(file: File, content: Content, asked: Sequence[str]) -> Iterator[Chunk]:
    """Every line; those that are no JSON object in quarantine. Refuses a file whose head lacks a column."""
    first, seen = 0, set[str]()
    with reading(file), text_of(file, content) as stream, duckdb.connect() as db:
        for batch in _batches(stream):
            lines = pa.table({"line": batch.column(0), "number": np.arange(first + 1, first + 1 + batch.num_rows)})
            chunk, present = _chunk(db, file.known, lines, asked)
            if first == 0 and chunk.rows.num_rows:
                seen |= present
                require(file.name, sorted(seen), asked)
            first += batch.num_rows
            yield chunk


def _batches(stream: pa.NativeFile) -> Iterable[pa.RecordBatch]:
    options = pyarrow.csv.ReadOptions(block_size=BLOCK, column_names=["line"])
    parse = pyarrow.csv.ParseOptions(delimiter="\x1f", quote_char=False, ignore_empty_lines=False)
    try:
        reader = pyarrow.csv.open_csv(
            stream,
            read_options=options,
            parse_options=parse,
            convert_options=pyarrow.csv.ConvertOptions(column_types={"line": pa.string()}, strings_can_be_null=False),
        )
    except pa.ArrowInvalid:
        return  # an empty file
    yield from reader


def _chunk(db: duckdb.DuckDBPyConnection, name: str, lines: pa.Table, asked: Sequence[str]) -> tuple[Chunk, set[str]]:
    """One batch of lines: each named member as text, lines that are no JSON object in quarantine."""
    db.register("lines", lines)
    paths = ", ".join(
        "'$.\"" + column.replace("\\", "\\\\").replace('"', '\\"').replace("'", "''") + "\"'" for column in asked
    )
    answer = db.sql(
        f"""SELECT number, trim(line) = '' AS blank,
                   CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END AS good,
                   CASE WHEN good THEN json_extract_string(line, [{paths}]) END AS members FROM lines ORDER BY number"""  # noqa: S608 - paths are quoted
    )
    found: pa.Table = answer.to_arrow_table()
    good = found["good"].combine_chunks()
    kept = found.filter(good)
    members = kept["members"].combine_chunks()
    rows = {column: pc.list_element(members, place) for place, column in enumerate(asked)}
    bad = found.filter(pc.and_(pc.invert(good), pc.invert(found["blank"])))["number"]
    numbers = kept["number"].combine_chunks()
    present = {column for column, values in rows.items() if values.null_count < len(values)}
    lost = quarantined((f"{name}:{number}", "", "not_a_json_object") for number in bad.to_pylist())
    return Chunk(pa.table(rows), numbers.take, lost), present
