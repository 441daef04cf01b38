"""Rows of texts as the JSON list of lists that `json.dumps` makes, by the column."""

import json
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_PLAIN = bytes(byte for byte in range(0x20, 0x7F) if byte not in b'"\\')
"""Bytes that stand in JSON as they are."""


def listed(columns: Sequence[pa.Array]) -> str:
    """The JSON of rows with these columns: texts without null, or numbers, which stand as Python writes them."""
    cells = [_numbers(column) if pa.types.is_floating(column.type) else quoted(column) for column in columns]
    rows = pc.binary_join_element_wise(*cells, ",")
    lists = pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows)
    joined = pc.binary_join(lists, "],[")[0].as_py()
    return f"[[{joined}]]" if len(rows) else "[]"


def quoted(texts: pa.StringArray) -> pa.StringArray:
    """The JSON of each text. Only those that need it are looked at one by one."""
    made = pc.binary_join_element_wise('"', texts, '"', "")
    if _is_plain(texts):
        return made
    escaped = [json.dumps(text) for text in texts.to_pylist()]
    return pa.array(escaped, pa.string())


def _is_plain(texts: pa.StringArray) -> bool:
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return True
    ends = np.frombuffer(offsets, np.int32)[[texts.offset, texts.offset + len(texts)]]
    return not data.slice(ends[0], ends[1] - ends[0]).to_pybytes().translate(None, _PLAIN)


def _numbers(values: pa.Array) -> pa.StringArray:
    """Numbers as text; of the same number there are many."""
    coded = values.dictionary_encode()
    return pa.array([json.dumps(value) for value in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)
