"""Match keys as they were sent, to bytes and back: what a removal needs, exactly, and no larger than it must be.

A row is its cells, one after the other in the order of the columns. A cell begins with a byte that says what it is:
nothing; a SHA-256, whose 64 hex digits are kept as 32 bytes; a text, whose length (2 bytes, little-endian) and UTF-8
follow; or a list, whose count (2 bytes) and cells follow.
"""

from binascii import Error, hexlify, unhexlify
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.personal import Personal

_NOTHING, _DIGEST, _TEXT, _LIST = range(4)
_DIGEST_BYTES = 32
_LENGTH = 2
_LONGEST = (1 << (8 * _LENGTH)) - 1


def encode(rows: Personal, columns: Sequence[str]) -> list[bytes]:
    """The bytes of each row. Raises `ValueError` for a text or a list that is longer than 65,535."""
    table = rows.reveal()
    cells = [_cells(table[column].combine_chunks()) for column in columns]
    nothing = pa.scalar(b"", pa.binary())
    joined = pc.binary_join_element_wise(*cells, nothing) if cells else pa.repeat(nothing, table.num_rows)
    payloads: list[bytes] = joined.to_pylist()
    return payloads


def decode(payloads: Iterable[bytes], columns: Sequence[str]) -> Personal:
    """The rows again, as `encode` took them."""
    rows = [_row(payload, len(columns)) for payload in payloads]
    by_column = list(zip(*rows, strict=True)) if rows else [() for _ in columns]
    return Personal(pa.table([_wire_array(values) for values in by_column], names=list(columns)))


def _cells(values: pa.Array) -> pa.BinaryArray:
    """The cell of each text, list of texts, or null."""
    if not pa.types.is_list(values.type):
        return _absent(values, _single(values.cast(pa.string())))
    sizes = pc.fill_null(pc.list_value_length(values), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    inner = pa.ListArray.from_arrays(offsets, _cells(pc.list_flatten(values)))
    listed = pc.binary_join_element_wise(_heads(_LIST, sizes), pc.binary_join(inner, b""), pa.scalar(b"", pa.binary()))
    return _absent(values, listed)


def _absent(values: pa.Array, cells: pa.BinaryArray) -> pa.BinaryArray:
    return pc.if_else(values.is_valid(), cells, bytes([_NOTHING])) if values.null_count else cells


def _single(texts: pa.StringArray) -> pa.BinaryArray:
    """Cells of texts, whatever stands for null."""
    present = texts.drop_null().cast(pa.binary())
    digests = _digests(present)
    if digests is None:
        texts = pc.fill_null(texts, "").cast(pa.binary())
        heads = _heads(_TEXT, pc.binary_length(texts).to_numpy())
        return pc.binary_join_element_wise(heads, texts, pa.scalar(b"", pa.binary()))
    made = _fixed(np.hstack([np.full((len(digests), 1), _DIGEST, np.uint8), digests]))
    if not texts.null_count:
        return made
    there = np.asarray(texts.is_valid().to_numpy(zero_copy_only=False))
    return made.take(pa.array(np.cumsum(there) - 1, mask=~there))


def _digests(values: pa.BinaryArray) -> npt.NDArray[np.uint8] | None:
    """The bytes that values are the lower-case hex of, a row each; None where one of them is something else."""
    if not len(values) or not pc.all(pc.equal(pc.binary_length(values), 2 * _DIGEST_BYTES)).as_py():
        return None
    _, offsets, data = values.buffers()
    start = np.frombuffer(offsets, np.int32)[values.offset]
    digits = data.slice(start, len(values) * 2 * _DIGEST_BYTES).to_pybytes()
    try:
        raw = unhexlify(digits)
    except (Error, ValueError):
        return None
    return np.frombuffer(raw, np.uint8).reshape(-1, _DIGEST_BYTES) if hexlify(raw) == digits else None


def _heads(kind: int, lengths: "npt.NDArray[np.integer[npt.NBitBase]]") -> pa.BinaryArray:
    if lengths.max(initial=0) > _LONGEST:
        raise ValueError("a match key is too long to be kept")
    sizes = lengths.astype("<u2").view(np.uint8).reshape(-1, _LENGTH)
    return _fixed(np.hstack([np.full((len(sizes), 1), kind, np.uint8), sizes]))


def _fixed(pieces: npt.NDArray[np.uint8]) -> pa.BinaryArray:
    """Bytes of one width, a row each."""
    count, width = pieces.shape
    offsets = np.arange(0, (count + 1) * width, width, dtype=np.int32)
    return pa.Array.from_buffers(
        pa.binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(pieces))]
    )


def _row(payload: bytes, width: int) -> list[object]:
    row, at = [], 0
    for _ in range(width):
        cell, at = _cell(payload, at)
        row.append(cell)
    if at != len(payload):
        raise ValueError("a row of match keys is not of these columns")
    return row


def _cell(payload: bytes, at: int) -> tuple[object, int]:
    """The cell that begins at a place, and where the next one does."""
    kind, at = payload[at], at + 1
    if kind == _NOTHING:
        return None, at
    if kind == _DIGEST:
        return payload[at : at + _DIGEST_BYTES].hex(), at + _DIGEST_BYTES
    length, at = int.from_bytes(payload[at : at + _LENGTH], "little"), at + _LENGTH
    if kind == _TEXT:
        return payload[at : at + length].decode(), at + length
    cells = []
    for _ in range(length):
        cell, at = _cell(payload, at)
        cells.append(cell)
    return cells, at


def _wire_array(values: Sequence[object]) -> pa.Array:
    kind = pa.list_(pa.string()) if any(isinstance(value, list) for value in values) else pa.string()
    return pa.array(values, kind)
