"""Match keys as they were sent, to bytes and back: what a removal needs, exactly."""

import json
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.personal import Personal

_TO_BE_ESCAPED = r'["\\\x00-\x1f]'


def encode(rows: Personal, columns: Sequence[str]) -> list[bytes]:
    """One compact JSON list per row, its values in the order of `columns`."""
    table = rows.reveal()
    texts = [_json(table[column].combine_chunks()) for column in columns]
    joined = pc.binary_join_element_wise(*texts, ",") if texts else pa.repeat("", table.num_rows)
    whole = pc.binary_join_element_wise("[", joined, "]", "")
    payloads: list[bytes] = whole.cast(pa.binary()).to_pylist()
    return payloads


def decode(payloads: Iterable[bytes], columns: Sequence[str]) -> Personal:
    """The rows again, as `encode` took them."""
    rows = [json.loads(payload) for payload in payloads]
    by_column = list(zip(*rows, strict=True)) if rows else [() for _ in columns]
    return Personal(pa.table([_wire_array(values) for values in by_column], names=list(columns)))


def _json(values: pa.Array) -> pa.StringArray:
    """The JSON of each text, list of texts, or null."""
    if pa.types.is_list(values.type):
        quoted = _quoted(pc.list_flatten(values))
        sizes = pc.fill_null(pc.list_value_length(values), 0).to_numpy()
        offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
        listed = pc.binary_join(pa.ListArray.from_arrays(offsets, quoted), ",")
        return pc.if_else(values.is_valid(), pc.binary_join_element_wise("[", listed, "]", ""), "null")
    return _quoted(values)


def _quoted(values: pa.Array) -> pa.StringArray:
    """The JSON of each text or null. Only what must be escaped is touched one by one: hashes never."""
    texts = pc.fill_null(values.cast(pa.string()), "")
    quoted = pc.if_else(values.is_valid(), pc.binary_join_element_wise('"', texts, '"', ""), "null")
    awkward = pc.match_substring_regex(texts, _TO_BE_ESCAPED)
    if not pc.any(awkward, min_count=0).as_py():
        return quoted
    escaped = [json.dumps(text, ensure_ascii=False) for text in texts.filter(awkward).to_pylist()]
    return pc.replace_with_mask(quoted, awkward, pa.array(escaped, pa.string()))


def _wire_array(values: Sequence[object]) -> pa.Array:
    kind = pa.list_(pa.string()) if any(isinstance(value, list) for value in values) else pa.string()
    return pa.array(values, kind)
