"""The lake's keys: keyed digests of the sources' own keys, so that the lake says nothing about them."""

import hashlib

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.records import Shape

_SEPARATOR = "\x1f"
_NOTHING = "\x00"


def keys(shape: Shape, table: pa.Table, secret: bytes) -> pa.Array:
    """16 bytes for each record, null where a part of its key is. Events without a key are known by all they say."""
    names = shape.keys or tuple(field.name for field in shape.fields)
    columns = [_words(table.column(name)) for name in names]
    if not shape.keys:
        columns = [pc.fill_null(column, _NOTHING) for column in columns]
    joined = columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, _SEPARATOR)
    return digests(joined, secret)


def digests(words: pa.Array, secret: bytes) -> pa.Array:
    """BLAKE2b-128 under `secret` of each word; null of null."""
    made = [
        None if word is None else hashlib.blake2b(word.encode(), digest_size=16, key=secret).digest()
        for word in words.to_pylist()
    ]
    return pa.array(made, pa.binary())


def _words(column: pa.ChunkedArray) -> pa.Array:
    values = column.combine_chunks()
    return values if pa.types.is_string(values.type) else values.cast(pa.string())
