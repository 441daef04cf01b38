"""What a member leaf says: canonical bytes of rows, columnar.

A payload is a tag and then every field of a row in a fixed order, each led by a byte that says whether it is null;
whole numbers take 8 bytes, texts and digests their length in 4 and themselves. Equal bytes mean equal rows, so a
verifier computes each leaf again from the row that stands in the store.
"""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.log.canonical import canonical

CONSENT_COLUMNS = (
    "event_id",
    "subject_id",
    "purpose",
    "state",
    "event_time",
    "precision",
    "recorded_at",
    "ingested_at",
    "valid_until",
    "notice",
    "recipients",
    "grade",
    "stream",
    "method",
    "actor",
    "channel",
    "stop",
    "expression",
    "identified_by",
    "adapter",
    "evidence",
    "fingerprint",
)
"""Columns of `consent_event` that its leaf covers: all but where it stands, and the raw signal, whose digest it has."""

DECISION_COLUMNS = (
    "destination",
    "audience",
    "subject_id",
    "allowed",
    "reason",
    "event_id",
    "policy",
    "decided_at",
)
"""Columns of `decision` that its leaf covers: all but where the leaf stands."""

BATCH_COLUMNS = ("batch_id", "action", "subject_id")
"""What a batch's member leaf says."""

NUMBERS = frozenset(
    {"event_id", "subject_id", "event_time", "recorded_at", "ingested_at", "valid_until", "allowed", "decided_at"}
)
"""Columns that are whole numbers; all others are texts or bytes."""


def consent_payload(rows: pa.Table) -> list[bytes]:
    """Payloads of rows that have `CONSENT_COLUMNS`."""
    return row_payloads(b"consent/2", rows, CONSENT_COLUMNS)


def decision_payload(rows: pa.Table) -> list[bytes]:
    """Payloads of rows that have `DECISION_COLUMNS`."""
    return row_payloads(b"decision/1", rows, DECISION_COLUMNS)


def batch_member_payload(rows: pa.Table) -> list[bytes]:
    """Payloads of rows that have `BATCH_COLUMNS`: who was sent, or taken out, with which batch."""
    return row_payloads(b"batch/2", rows, BATCH_COLUMNS)


def batch_rows(batch_id: str, action: str, subject_ids: pa.Array) -> pa.Table:
    """The rows of one batch, for `batch_member_payload`."""
    count = len(subject_ids)
    return pa.table(
        {"batch_id": pa.repeat(batch_id, count), "action": pa.repeat(action, count), "subject_id": subject_ids}
    )


def named_digest(named: Iterable[tuple[int, str]]) -> str:
    """What a `receipt` entry says as `named` of the members whom the platform rejected by name: a SHA-256 in hex.

    `named` are the position and the reason of every such row in `batch_member`, in any order.
    """
    return hashlib.sha256(canonical([list(pair) for pair in sorted(named)])).hexdigest()


def replaced(log_indexes: pa.Array) -> dict[str, int]:
    """How many leaves of which entries a `decisions` entry replaces, for its body's `replaces`.

    `log_indexes` are those of the `decision` rows that are about to be overwritten. With these counts `verify` knows
    how many rows still rest on each entry, so that a row deleted or put back to what it was is noticed.
    """
    counts = pc.value_counts(log_indexes.drop_null()).to_pylist()
    return {str(item["values"]): item["counts"] for item in counts}


def row_payloads(tag: bytes, rows: pa.Table, columns: Sequence[str]) -> list[bytes]:
    """The payloads of rows with these columns: whole numbers (timestamps count as such), texts and bytes.

    A column that the rows lack counts as null.
    """
    lead = pa.scalar(tag + b"\0", pa.binary())
    nothing = pa.nulls(rows.num_rows)
    parts = [
        _encoded(
            rows[name] if name in rows.column_names else nothing,
            empty=pa.int64() if name in NUMBERS else pa.binary(),
        )
        for name in columns
    ]
    joined: list[bytes] = pc.binary_join_element_wise(lead, *parts, pa.scalar(b"", pa.binary())).to_pylist()
    return joined


def _encoded(values: pa.ChunkedArray | pa.Array, empty: pa.DataType) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    if pa.types.is_null(values.type):
        values = values.cast(empty)
    present = values.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_integer(values.type) or pa.types.is_timestamp(values.type) or pa.types.is_boolean(values.type):
        numbers = values.cast(pa.int64()).fill_null(0).to_numpy()
        return _fixed(present, numbers.astype("<i8").view(np.uint8).reshape(-1, 8))
    values = values.cast(pa.binary()).fill_null(b"")
    lengths = pc.binary_length(values).to_numpy().astype("<u4").view(np.uint8).reshape(-1, 4)
    return pc.binary_join_element_wise(_fixed(present, lengths), values, pa.scalar(b"", pa.binary()))


def _fixed(
    present: "np.ndarray[tuple[int], np.dtype[np.bool_]]", numbers: "np.ndarray[tuple[int, int], np.dtype[np.uint8]]"
) -> pa.Array:
    """Bytes of one width per row: presence, then the number, which is zero where absent."""
    pieces = np.hstack([present.astype(np.uint8)[:, None], numbers * present[:, None].astype(np.uint8)])
    width = pieces.shape[1]
    kind = pa.binary(width)
    return pa.Array.from_buffers(kind, len(pieces), [None, pa.py_buffer(np.ascontiguousarray(pieces))]).cast(
        pa.binary()
    )
