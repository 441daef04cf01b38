"""What a row is, in bytes: columnar, and the same whether the row is about to be written or was read back.

A row's bytes are its whole numbers (8 bytes each, little-endian, 0 where null), the lengths of its texts and blobs
(4 bytes each), a byte per column that may be null saying whether it is there, and then the texts and blobs
themselves, each group in the order of the table's columns. Equal bytes mean equal rows of one table.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Integer, Table

from passerelle.privacy.store.reading import arrow_type

Columns = Mapping[str, pa.Array | pa.ChunkedArray | list[object]]
"""Columns by name, all of one length. A column of the table that is not among them is null."""


def typed(table: Table, columns: Columns, count: int) -> pa.Table:
    """All columns of `table`, with the types that they have when they are read back."""
    arrays = [
        plain(columns[column.name], arrow_type(column.type))
        if column.name in columns
        else pa.nulls(count, arrow_type(column.type))
        for column in table.columns
    ]
    return pa.table(arrays, names=[column.name for column in table.columns])


def encoded(table: Table, rows: pa.Table) -> tuple[bytes, npt.NDArray[np.int64]]:
    """The bytes of rows that have all columns of `table`: one after the other, and where each begins and ends."""
    numbers: list[npt.NDArray[np.uint8]] = []
    lengths: list[npt.NDArray[np.uint8]] = []
    present: list[npt.NDArray[np.uint8]] = []
    values: list[pa.Array] = []
    for column in table.columns:
        cells = plain(rows[column.name], arrow_type(column.type))
        if column.nullable:
            present.append(cells.is_valid().to_numpy(zero_copy_only=False).astype(np.uint8)[:, None])
        if isinstance(column.type, Integer):
            numbers.append(_bytes(pc.fill_null(cells, 0).to_numpy().astype("<i8"), 8))
        else:
            cells = pc.fill_null(cells.cast(pa.binary()), b"")
            lengths.append(_bytes(pc.binary_length(cells).to_numpy().astype("<u4"), 4))
            values.append(cells)
    head = _fixed(np.hstack([*numbers, *lengths, *present]))
    joined = pc.binary_join_element_wise(head, *values, pa.scalar(b"", pa.binary())) if values else head
    offsets = np.frombuffer(joined.buffers()[1], np.int32)[joined.offset : joined.offset + len(joined) + 1]
    data = joined.buffers()[2]
    return data.to_pybytes() if data is not None else b"", offsets.astype(np.int64)


def plain(values: pa.Array | pa.ChunkedArray | list[object], kind: pa.DataType) -> pa.Array:
    """Values as one array of that type: what is read back after these are written."""
    if isinstance(values, list):
        try:
            return pa.array(values, kind)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # a truth value, say, or bytes that are a text
            return pa.array(values).cast(kind)
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    return values if values.type == kind else values.cast(kind)


def _bytes(numbers: "npt.NDArray[np.generic]", width: int) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(-1, width)


def _fixed(pieces: npt.NDArray[np.uint8]) -> pa.Array:
    count, width = pieces.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.Array.from_buffers(
        pa.binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(pieces))]
    )
