"""Statements as columns of text, turned into consent events. Columnar: each distinct word is read once.

What does not permit is never refused because of a formality: where a time or a notice of a withdrawal cannot be read,
it counts without it.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.consent.events import REFUSALS, permits, shaped
from passerelle.privacy.vocabulary import ConsentState, Destination, Precision

REASONS: dict[str, str] = {
    **REFUSALS,
    "bad_recipients": "a recipient is none of the platforms we know",
    "bad_when": "a time is not written as 2026-02-03T10:12:00Z (with its zone) or 2026-02-03",
    "not_a_record": "the line holds no record: it is not a JSON object, or a row with as many cells as the header",
    "not_a_statement": "the line is not a JSON object of the known fields, all of them text",
}
"""Why a line was not taken, in a sentence without its values."""

WORDS: dict[str, str] = {
    **{state.value.casefold(): state.value for state in ConsentState},
    **{state.name.casefold(): state.value for state in ConsentState},
}
"""How states may be written: `given`, `withdrawn` …, or the DPV name, in any case."""

_DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLATFORMS = {platform.value for platform in Destination}


def events_of(said: pa.Table, subject_ids: pa.Array) -> tuple[pa.Table, pa.Table]:
    """Consent events of `said` (text columns named as the fields of `ConsentStatement`), and `row`, `reason` of faults.

    The events are all rows, in order; a row with a fault is not to be ingested.
    """
    state = _read(said["state"], lambda word: WORDS.get(word.strip().casefold(), "?"), pa.string())
    vetoes = pc.invert(permits(state))
    when = {name: _read(said[name], moment, pa.int64()) for name in ("at", "recorded_at", "valid_until")}
    wrong = {name: pc.and_(pc.is_valid(said[name]), pc.is_null(column)) for name, column in when.items()}
    recipients = _read(said["recipients"], _recipients, pa.string())
    faults = {
        "bad_when": pc.and_(pc.invert(vetoes), pc.or_(wrong["at"], wrong["valid_until"])),
        "bad_recipients": pc.and_(pc.invert(vetoes), pc.and_(pc.is_valid(said["recipients"]), pc.is_null(recipients))),
    }
    day = pc.fill_null(pc.match_substring_regex(said["at"], r"^\s*\d{4}-\d\d-\d\d\s*$"), fill_value=False)
    known = pc.if_else(day, Precision.DAY.value, Precision.SECOND.value)
    columns = {
        "subject_id": subject_ids,
        "purpose": _trimmed(said["purpose"]),
        "state": state,
        "event_time": when["at"],
        "precision": pc.if_else(pc.is_null(when["at"]), Precision.UNKNOWN.value, known),
        "recorded_at": when["recorded_at"],
        "valid_until": when["valid_until"],
        "notice": _trimmed(said["notice"]),
        "recipients": recipients,
        "grade": _grades(said, when["at"]),
        "stream": pc.if_else(
            pc.is_null(said["scope"]), said["source"], pc.binary_join_element_wise(said["source"], said["scope"], ".")
        ),
        **{name: _trimmed(said[name]) for name in ("method", "channel", "stop", "expression")},
    }
    return shaped(pa.table(columns)), _rows(faults)


def _grades(said: pa.Table, time: pa.ChunkedArray) -> pa.ChunkedArray:
    """The grade that is claimed, or A, but never more than what is given bears out."""
    claimed = pc.fill_null(pc.utf8_upper(_trimmed(said["grade"])), "A")
    dated, noticed = pc.is_valid(time), pc.is_valid(said["notice"])
    full = pc.and_(pc.and_(dated, noticed), pc.is_valid(said["method"]))
    borne = pc.if_else(full, "A", pc.if_else(dated, "B", "C"))
    known = pc.is_in(claimed, pa.array(["A", "B", "C"]))
    return pc.if_else(known, pc.max_element_wise(claimed, borne), claimed)


def moment(word: str) -> int | None:
    """Microseconds since 1970 UTC; None where it cannot be read, or has no zone."""
    text = word.strip()
    try:
        if _DAY.match(text):
            found = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        else:
            found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else (found - _EPOCH) // timedelta(microseconds=1)


def _recipients(word: str) -> str | None:
    names = word.replace(",", " ").split()
    return " ".join(sorted(set(names))) if names and set(names) <= _PLATFORMS else None


def _read(column: pa.ChunkedArray, read: Callable[[str], Any], kind: pa.DataType) -> pa.ChunkedArray:
    coded = column.combine_chunks().dictionary_encode()
    words = pa.array([read(word) for word in coded.dictionary.to_pylist()], kind)
    return pa.chunked_array([words.take(coded.indices)], kind)


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(text, ""), None, text)


def _rows(faults: dict[str, Any]) -> pa.Table:
    found = [pc.indices_nonzero(wrong) for wrong in faults.values()]
    reasons = [pa.repeat(reason, len(rows)) for reason, rows in zip(faults, found, strict=True)]
    return pa.table({"row": pa.concat_arrays(found).cast(pa.int64()), "reason": pa.concat_arrays(reasons)})
