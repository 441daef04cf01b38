"""Results that come as files, a vendor's CSV or JSON Lines: Arrow from the first byte, in blocks of bounded size.

    for table in Csv().tables(blocks, shape): …

Tables have a column for each field of the shape. A line that cannot be read is counted in `lost`, and nothing of it is
shown.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json

from passerelle.connectors.contract.columns import require
from passerelle.connectors.contract.records import FieldShape, Shape
from passerelle.connectors.contract.roles import Kind
from passerelle.connectors.errors import Refused

_BLOCK = 1 << 20
_JSON = {Kind.INTEGER: pa.int64(), Kind.NUMBER: pa.float64(), Kind.BOOLEAN: pa.bool_()}


@dataclass(slots=True)
class Block:
    """Some rows, how many lines could not be read, and how many were left out because they speak of nobody."""

    rows: pa.Table
    lost: int = 0
    nobody: int = 0


class Format(Protocol):
    """How a file is read."""

    def tables(self, blocks: Iterator[bytes], shape: Shape) -> Iterator[Block]:
        """Its rows, block by block."""
        ...


@dataclass(frozen=True, slots=True)
class Csv:
    """CSV with a header; a field within another is the column `Owner.Name`."""

    delimiter: str = ","

    def tables(self, blocks: Iterator[bytes], shape: Shape) -> Iterator[Block]:
        """Every value as text, to be cast like any other."""
        columns = [dotted(one) for one in shape.fields]
        lost = _Lost()
        stream = io.BufferedReader(_Stream(blocks), _BLOCK)
        if not stream.peek(1):
            return
        head = stream.peek(_BLOCK).split(b"\n", 1)[0]
        names = pa.csv.read_csv(
            io.BytesIO(head + b"\n"), parse_options=pa.csv.ParseOptions(delimiter=self.delimiter)
        ).column_names
        require("The vendor's file", names, columns)
        reader = pa.csv.open_csv(
            stream,
            read_options=pa.csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            parse_options=pa.csv.ParseOptions(
                delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=lost.row
            ),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                include_columns=list(dict.fromkeys(columns)),
                strings_can_be_null=True,
                check_utf8=True,
            ),
        )
        for batch in reader:
            table = pa.Table.from_batches([batch])
            yield Block(pa.table({one.name: table.column(dotted(one)) for one in shape.fields}), lost.taken())


@dataclass(frozen=True, slots=True)
class JsonLines:
    """A JSON object a line; fields are looked for where the record's model looks for them.

    `quoted`: the vendor sends numbers as text, as GraphQL does with those that are long or exact.
    """

    quoted: bool = False

    def tables(self, blocks: Iterator[bytes], shape: Shape) -> Iterator[Block]:
        """Read with the record's own types; a block with a line of another form is read line by line."""
        options = pa.json.ParseOptions(
            explicit_schema=_schema(shape, quoted=self.quoted), unexpected_field_behavior="ignore"
        )
        for lines in _whole_lines(blocks):
            try:
                table, lost = _json(lines, options), 0
            except pa.ArrowInvalid:
                table, lost = _line_by_line(lines, options)
            yield Block(pa.table({one.name: _picked(table, one) for one in shape.fields}), lost)


class _Stream(io.RawIOBase):
    """Blocks of bytes as a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__()
        self._blocks = blocks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:  # noqa: ANN401 - any writable buffer
        while not self._rest:
            found = next(self._blocks, None)
            if found is None:
                return 0
            self._rest = found
        part = self._rest[: len(room)]
        self._rest = self._rest[len(part) :]
        room[: len(part)] = part
        return len(part)


@dataclass(slots=True)
class _Lost:
    count: int = field(default=0)

    def row(self, _row: object) -> str:
        self.count += 1
        return "skip"

    def taken(self) -> int:
        count, self.count = self.count, 0
        return count


def _whole_lines(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, cut at the ends of lines."""
    waiting: list[bytes] = []
    size = 0
    for block in blocks:
        waiting.append(block)
        size += len(block)
        if size >= _BLOCK and b"\n" in block:
            whole = b"".join(waiting)
            cut = whole.rindex(b"\n") + 1
            yield whole[:cut]
            waiting = [whole[cut:]]
            size = len(waiting[0])
    rest = b"".join(waiting)
    if rest.strip():
        yield rest


def _json(lines: bytes, options: pa.json.ParseOptions) -> pa.Table:
    read = pa.json.ReadOptions(use_threads=False, block_size=max(_BLOCK, len(lines) + 1))
    return pa.json.read_json(io.BytesIO(lines), read_options=read, parse_options=options)


def _line_by_line(lines: bytes, options: pa.json.ParseOptions) -> tuple[pa.Table, int]:
    tables, lost = [options.explicit_schema.empty_table()], 0
    for line in lines.splitlines():
        if line.strip():
            try:
                tables.append(_json(line + b"\n", options))
            except pa.ArrowInvalid:
                lost += 1
    return pa.concat_tables(tables), lost


def _schema(shape: Shape, *, quoted: bool) -> pa.Schema:
    kinds = {Kind.BOOLEAN: pa.bool_()} if quoted else _JSON
    tree: dict[str, Any] = {}
    for one in shape.fields:
        place = tree
        *outer, last = _path(one)
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = kinds.get(one.native, pa.string())
    return pa.schema([(name, _type(kind)) for name, kind in tree.items()])


def _type(kind: Any) -> pa.DataType:  # noqa: ANN401 - a tree
    return pa.struct([(name, _type(one)) for name, one in kind.items()]) if isinstance(kind, dict) else kind


def _picked(table: pa.Table, one: FieldShape) -> pa.ChunkedArray | pa.Array:
    first, *inner = _path(one)
    column = table.column(first).combine_chunks()
    return pc.struct_field(column, inner) if inner else column


def _path(one: FieldShape) -> list[str]:
    path = list(one.path or (one.asked,))
    if not all(isinstance(part, str) for part in path):
        raise Refused(f"{one.name} stands within a list, which a bulk file cannot be asked for.")
    return [str(part) for part in path]


def dotted(one: FieldShape) -> str:
    """A field's name as a flat file has it: `Owner.Name` where it stands within another."""
    return ".".join(map(str, one.path or (one.asked,)))
