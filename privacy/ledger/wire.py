"""Match keys as they were sent, to bytes and back: what a removal needs, exactly."""

import json
from collections.abc import Iterable, Sequence

import pyarrow as pa

from passerelle.privacy.personal import Personal


def encode(rows: Personal, columns: Sequence[str]) -> list[bytes]:
    """One compact JSON list per row, its values in the order of `columns`."""
    table = rows.reveal()
    wire = zip(*(table[column].to_pylist() for column in columns), strict=True)
    return [json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() for row in wire]


def decode(payloads: Iterable[bytes], columns: Sequence[str]) -> Personal:
    """The rows again, as `encode` took them."""
    rows = [json.loads(payload) for payload in payloads]
    by_column = list(zip(*rows, strict=True)) if rows else [() for _ in columns]
    return Personal(pa.table([_wire_array(values) for values in by_column], names=list(columns)))


def _wire_array(values: Sequence[object]) -> pa.Array:
    kind = pa.list_(pa.string()) if any(isinstance(value, list) for value in values) else pa.string()
    return pa.array(values, kind)
