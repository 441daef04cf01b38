"""Consent events as they come in: their Arrow shape, what is refused of them, and what makes two of them the same.

Whatever does not permit is never refused for a formality: a withdrawal with a misspelt notice is still a withdrawal.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.vocabulary import Channel, ConsentState, EvidenceGrade, Expression, Precision, Purpose, Stop

CONSENT_EVENTS = pa.schema(
    [
        ("subject_id", pa.int64()),
        ("purpose", pa.string()),
        ("state", pa.string()),
        ("event_time", pa.int64()),  # microseconds UTC; null: unknown
        ("precision", pa.string()),
        ("recorded_at", pa.int64()),  # as the source says
        ("valid_until", pa.int64()),
        ("notice", pa.string()),  # id@version
        ("recipients", pa.string()),  # space separated; null: those that the notice names
        ("grade", pa.string()),
        ("stream", pa.string()),  # source and scope: the later event of one stream replaces the earlier
        ("method", pa.string()),
        ("channel", pa.string()),  # what a signal is about where that is not the purpose itself: it only vetoes
        ("stop", pa.string()),  # the hard stop that a refusal imposes or a permitting statement lifts
        ("expression", pa.string()),
        ("identified_by", pa.string()),  # the identifier by which the person was recognised
        ("adapter", pa.string()),  # what read the signal, and its version: tcf/1
        ("raw", pa.binary()),  # the signal itself, in clear; it is kept sealed under the person's data key
    ]
)
"""What a source hands over: a row per statement. `subject_id`, `purpose`, `state`, `grade` and `stream` are needed."""

REFUSALS: dict[str, str] = {
    "erased": "the person was erased",
    "no_person": "no identifier of this row names a person",
    "unknown_purpose": f"the purpose is none of {', '.join(Purpose)}",
    "unknown_state": f"the state is none of {', '.join(state.name.lower() for state in ConsentState)}",
    "unknown_precision": "the precision is not second, day or unknown",
    "unknown_grade": "the evidence grade is not A, B or C",
    "no_stream": "no source is named (column or --source), or source and scope hold more than letters, digits, _.:/-",
    "unknown_channel": f"the channel is none of {', '.join(Channel)}",
    "unknown_stop": f"the hard stop is none of {', '.join(Stop)}",
    "unknown_expression": f"the expression is none of {', '.join(Expression)}",
    "bad_notice": "the notice is not written as id@version",
    "bad_recipients": "the recipients are not names separated by spaces",
    "in_the_future": "the consent is dated later than now",
    "bad_time": "a time lies outside the years 1900 to 9999",
    "raw_too_long": "the raw signal is longer than 64 KiB",
}
"""Why a row was not taken, in a sentence. Never with a value."""

PERMITTING = pa.array([state.value for state in ConsentState if state.permits])

_CLOCK_SKEW = 5 * 60 * 1_000_000
_EARLIEST, _LATEST = -2_208_988_800_000_000, 253_402_300_799_999_999
_FORMS = {
    "notice": r"^[a-z0-9][a-z0-9_-]{0,63}@[1-9][0-9]{0,4}$",
    "recipients": r"^[a-z0-9_]{1,39}( [a-z0-9_]{1,39}){0,2}$",
    "method": r"^\pL[\pL\pN_ .:/+-]*$",  # see _LONGEST
    "stream": r"^[A-Za-z_][A-Za-z0-9_.:/-]{0,239}$",
    "identified_by": r"^[a-z_]{1,16}$",
    "adapter": r"^[a-z0-9_.-]{1,32}/[0-9]{1,7}$",
}
"""What may stand in columns of text: no e-mail address and no phone number from a wrong column."""

_LONGEST = {"method": 80}
"""Characters, counted and not matched: RE2 takes 100 ms to make 80 copies of all letters."""

_UNNAMED = "unnamed"
_LONGEST_RAW = 65_536
_HOW_HEARD = {"recorded_at", "identified_by", "adapter", "raw"}
_SAID = [name for name in CONSENT_EVENTS.names if name not in _HOW_HEARD]
"""What makes a statement: who recognised the person by what, and which reader read it, do not make it another one."""


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """`events` in the shape of `CONSENT_EVENTS`; `refused` has `row` (place in the input) and `reason`."""

    events: pa.Table
    refused: pa.Table


def checked(events: pa.Table, *, now: int, gone: pa.Array) -> Checked:
    """Split incoming rows into those that can be kept and those that can't, each with its first reason.

    `gone` are people of whom nothing more is kept.
    """
    table = _repaired(shaped(events))
    vetoes = pc.invert(permits(table["state"]))
    reasons = pa.nulls(table.num_rows, pa.string())
    for reason, wrong in [("erased", pc.is_in(table["subject_id"], gone)), *_faults(table, vetoes, now)]:
        reasons = pc.if_else(pc.and_(pc.is_null(reasons), pc.fill_null(wrong, fill_value=True)), reason, reasons)
    kept = pc.is_null(reasons)
    rows = pa.array(np.arange(table.num_rows))
    refused = pa.table({"row": rows, "reason": reasons}).filter(pc.invert(kept))
    return Checked(table.filter(kept), refused)


def permits(states: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether each state counts as consent. Null: no."""
    return pc.is_in(states, PERMITTING)


def fingerprints(events: pa.Table, salt: pa.Array | None = None) -> pa.Array:
    """16 bytes per row over what the source said, so that the same statement heard twice is one event.

    `salt` (strings) sets apart statements that say the same again after something else was said.
    """
    columns: list[Any] = [pc.fill_null(pc.cast(events[name], pa.string()), "") for name in _SAID]
    joined = pc.binary_join_element_wise(*columns, "" if salt is None else pc.fill_null(salt, ""), "\x1f")
    digests = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in joined.to_pylist()]
    return pa.array(digests, pa.binary(16))


def shaped(events: pa.Table) -> pa.Table:
    """`events` in the shape of `CONSENT_EVENTS`: columns that it lacks are null.

    Raises `DefinitionError` where a column that is needed is missing, or one is unknown or of another type.
    """
    missing = {"subject_id", "purpose", "state", "grade", "stream"} - set(events.column_names)
    unknown = set(events.column_names) - set(CONSENT_EVENTS.names)
    if missing or unknown:
        raise DefinitionError(
            f"A table of consent events misses {', '.join(sorted(missing)) or 'nothing'}"
            f" and has {', '.join(sorted(unknown)) or 'nothing'} too much."
        )
    columns = []
    for field in CONSENT_EVENTS:
        if field.name not in events.column_names:
            columns.append(pa.nulls(events.num_rows, field.type))
            continue
        try:
            columns.append(events[field.name].cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise DefinitionError(f"Column {field.name} of a table of consent events must be {field.type}.") from None
    return pa.table(columns, schema=CONSENT_EVENTS)


def _repaired(table: pa.Table) -> pa.Table:
    """Make the time's precision honest, and keep formalities from standing in the way of a refusal."""
    vetoes = pc.invert(permits(table["state"]))
    time = pc.if_else(pc.and_(vetoes, _outside(table["event_time"])), None, table["event_time"])
    precision = pc.if_else(pc.is_null(time), Precision.UNKNOWN.value, pc.fill_null(table["precision"], "unknown"))
    precision = pc.if_else(pc.and_(vetoes, _unknown(precision, Precision)), Precision.UNKNOWN.value, precision)
    time = pc.if_else(pc.equal(precision, Precision.UNKNOWN.value), None, time)
    table = _with(table, event_time=time, precision=precision)
    for name in ("notice", "recipients"):
        table = _with(table, **{name: pc.if_else(pc.and_(vetoes, _misshapen(table, name)), None, table[name])})
    stream = pc.if_else(pc.and_(vetoes, _misshapen(table, "stream")), _UNNAMED, table["stream"])
    table = _with(table, stream=pc.if_else(pc.and_(vetoes, pc.is_null(stream)), _UNNAMED, stream))
    for name in ("method", "identified_by", "adapter"):
        table = _with(table, **{name: pc.if_else(_misshapen(table, name), None, table[name])})
    table = _with(table, raw=pc.if_else(pc.and_(vetoes, _too_long(table["raw"])), None, table["raw"]))
    table = _repaired_words(table, vetoes)
    grade = pc.if_else(pc.and_(vetoes, _unknown(table["grade"], EvidenceGrade)), EvidenceGrade.C.value, table["grade"])
    until = pc.if_else(pc.and_(vetoes, _outside(table["valid_until"])), None, table["valid_until"])
    heard = pc.if_else(_outside(table["recorded_at"]), None, table["recorded_at"])
    return _with(table, grade=grade, valid_until=until, recorded_at=heard)


def _repaired_words(table: pa.Table, vetoes: Any) -> pa.Table:  # noqa: ANN401 - an Arrow column
    """What an unknown word of a refusal counts as: no channel, no expression, and the stop that is hardest to lift."""
    stop = pc.if_else(pc.and_(vetoes, _misspelt(table["stop"], Stop)), Stop.OBJECTION.value, table["stop"])
    table = _with(table, stop=stop)
    for name, words in {"channel": Channel, "expression": Expression}.items():
        table = _with(table, **{name: pc.if_else(pc.and_(vetoes, _misspelt(table[name], words)), None, table[name])})
    return table


def _faults(table: pa.Table, vetoes: Any, now: int) -> list[tuple[str, Any]]:  # noqa: ANN401 - an Arrow column
    grants = pc.invert(vetoes)
    future = pc.fill_null(pc.greater(table["event_time"], now + _CLOCK_SKEW), fill_value=False)
    outside = pc.or_(_outside(table["event_time"]), _outside(table["valid_until"]))
    return [
        ("no_person", pc.is_null(table["subject_id"])),
        ("unknown_purpose", _unknown(table["purpose"], Purpose)),
        ("unknown_state", _unknown(table["state"], ConsentState)),
        ("unknown_precision", pc.and_(grants, _unknown(table["precision"], Precision))),
        ("unknown_grade", _unknown(table["grade"], EvidenceGrade)),
        ("no_stream", pc.or_(pc.is_null(table["stream"]), _misshapen(table, "stream"))),
        ("unknown_channel", _misspelt(table["channel"], Channel)),
        ("unknown_stop", _misspelt(table["stop"], Stop)),
        ("unknown_expression", _misspelt(table["expression"], Expression)),
        ("bad_notice", _misshapen(table, "notice")),
        ("bad_recipients", _misshapen(table, "recipients")),
        ("bad_time", outside),
        ("in_the_future", pc.and_(grants, future)),
        ("raw_too_long", _too_long(table["raw"])),
    ]


def _unknown(column: Any, words: type[StrEnum]) -> Any:  # noqa: ANN401 - Arrow columns
    return pc.invert(pc.is_in(column, pa.array([word.value for word in words])))


def _misspelt(column: Any, words: type[StrEnum]) -> Any:  # noqa: ANN401 - Arrow columns
    return pc.and_(pc.is_valid(column), _unknown(column, words))


def _too_long(raw: Any) -> Any:  # noqa: ANN401 - Arrow columns
    return pc.fill_null(pc.greater(pc.binary_length(raw), _LONGEST_RAW), fill_value=False)


def _outside(column: Any) -> Any:  # noqa: ANN401 - Arrow columns
    outside = pc.or_(pc.less(column, _EARLIEST), pc.greater(column, _LATEST))
    return pc.fill_null(outside, fill_value=False)


def _misshapen(table: pa.Table, name: str) -> Any:  # noqa: ANN401 - Arrow columns
    """Whether a text is there and has not the form of its column."""
    fits = pc.match_substring_regex(table[name], _FORMS[name])
    if name in _LONGEST:
        fits = pc.and_(fits, pc.less_equal(pc.utf8_length(table[name]), _LONGEST[name]))
    return pc.fill_null(pc.invert(fits), fill_value=False)


def _with(table: pa.Table, **columns: Any) -> pa.Table:  # noqa: ANN401 - Arrow columns
    for name, column in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), column.cast(table.schema.field(place).type))
    return table
