"""What a page says of consent in fields that are about a purpose, as the consent log takes it in.

`strings.py` reads fields that hold a consent string; `blanks.py` says what it means that a field is empty now.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.casting import cast, is_text
from passerelle.connectors.contract.records import Shape
from passerelle.connectors.contract.roles import Consent, Kind
from passerelle.privacy.consent.events import CONSENT_EVENTS, shaped
from passerelle.privacy.vocabulary import ConsentState, Precision

PERMITTING = pa.array([state.value for state in ConsentState if state.permits])
_DAY = r"^\s*([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{4})\s*$"


@dataclass(frozen=True, slots=True)
class Statement:
    """What one field says of one purpose: `states` is aligned with the page's rows, null where it says nothing."""

    field: str
    consent: Consent
    states: pa.Array

    @property
    def speaks(self) -> pa.Array:
        """Rows where it says something."""
        return self.states.is_valid()

    @property
    def vetoes(self) -> pa.Array:
        """Rows where it does not permit."""
        return pc.and_(self.states.is_valid(), pc.invert(pc.is_in(self.states, PERMITTING)))

    def events(
        self, raw: pa.Table, table: pa.Table, rows: pa.Array, subject_ids: pa.Array, *, stream: pa.Array
    ) -> tuple[pa.Array, pa.Table]:
        """For each event its row, and the events of `rows`, whose people are `subject_ids`; `stream`: see `streams`."""
        return rows, _events(self, raw, table, rows, subject_ids, stream=stream)


def statements(shape: Shape, table: pa.Table) -> list[Statement]:
    """Every consent field of the page, read."""
    return [Statement(name, consent, _states(consent, table.column(name))) for name, consent in shape.consents]


def _states(consent: Consent, column: pa.ChunkedArray) -> pa.Array:
    """States by value. Something that is not mapped is unknown, which never permits; a blank says nothing."""
    encoded = column.combine_chunks().cast(pa.string()).dictionary_encode(null_encoding="encode")
    words = encoded.dictionary.to_pylist()
    return pa.array([_state(consent, word) for word in words], pa.string()).take(encoded.indices)


def _state(consent: Consent, word: str | None) -> str | None:
    plain = (word or "").strip().casefold()
    found = consent.states.get(plain)
    if found is not None:
        return found.value
    return ConsentState.UNKNOWN.value if plain and plain not in consent.silent else None


def _events(
    said: Statement, raw: pa.Table, table: pa.Table, rows: pa.Array, subject_ids: pa.Array, *, stream: pa.Array
) -> pa.Table:
    consent = said.consent
    states = said.states.take(rows)
    time, precision = moments(raw, table, consent.at, rows)
    if consent.refused_at is not None:
        no_time, no_precision = moments(raw, table, consent.refused_at, rows)
        permits = pc.is_in(states, PERMITTING)
        time, precision = pc.if_else(permits, time, no_time), pc.if_else(permits, precision, no_precision)
    columns: dict[str, Any] = {
        "subject_id": subject_ids,
        "purpose": _same(consent.purpose.value, rows),
        "state": states,
        "event_time": time,
        "precision": precision,
        "recorded_at": _micros(table, consent.recorded_at, rows),
        "valid_until": _micros(table, consent.valid_until, rows),
        "notice": _notice(table, consent.notice, rows),
        "recipients": _same(" ".join(consent.recipients) or None, rows),
        "grade": _same(consent.grade.value, rows),
        "stream": stream,
        "channel": _same(consent.channel.value if consent.channel else None, rows),
        "method": _same(consent.method, rows),
    }
    return shaped(pa.table(columns))


def ended(shape: Shape, source: str, keys: pa.Array, subject_ids: pa.Array, times: pa.Array) -> pa.Table:
    """The end of every consent that a record held, for people whose record (known by its key) is deleted.

    What a mailing's field was held against is left alone: it never granted that, so there is nothing to end, and that a
    contact was tidied away is no refusal of anything.
    """
    tables = [CONSENT_EVENTS.empty_table()]
    for name, consent in shape.consents:
        if consent.channel is not None:
            continue
        precision = pc.if_else(times.is_valid(), Precision.SECOND.value, Precision.UNKNOWN.value)
        said = {
            "purpose": consent.purpose.value,
            "state": ConsentState.TERMINATED.value,
            "grade": consent.grade.value,
            "method": "deleted_at_source",
        }
        columns: dict[str, Any] = {name: _same(value, subject_ids) for name, value in said.items()}
        columns |= {"subject_id": subject_ids, "event_time": times, "precision": precision}
        columns["stream"] = streams(shape, source, name, keys)
        tables.append(shaped(pa.table(columns)))
    return pa.concat_tables(tables)


def streams(shape: Shape, source: str, field: str, keys: pa.Array) -> pa.Array:
    """The scope within which a later statement replaces an earlier one, of records by their keys in the lake.

    Each record of a person speaks for itself: where two of them are one person, or a couple that shares a telephone,
    the yes of one does not take back the no of the other. Events have no later version, so they share one scope.
    """
    scope = f"{source}.{field}"
    if shape.grain != "person":
        return pa.repeat(pa.scalar(scope), len(keys))
    return pa.array([scope if key is None else f"{scope}/{key[:8].hex()}" for key in keys.to_pylist()], pa.string())


def _same(value: str | None, rows: pa.Array) -> pa.Array:
    return pa.nulls(len(rows), pa.string()) if value is None else pa.repeat(pa.scalar(value), len(rows))


def moments(raw: pa.Table, table: pa.Table, name: str | None, rows: pa.Array) -> tuple[pa.Array, pa.Array]:
    """When, in microseconds, and how exactly. A bare day is that UTC day, whatever the zone of other times."""
    time = _micros(table, name, rows)
    day = pa.repeat(pa.scalar(False), len(rows))
    if name is not None:
        given = raw.column(name).combine_chunks().take(rows)
        if is_text(given.type):
            day = pc.fill_null(pc.match_substring_regex(given, _DAY), fill_value=False)
            in_utc = cast(given, Kind.TIMESTAMP, timezone="UTC").cast(pa.int64())
            time = pc.if_else(day, in_utc, time)
        elif pa.types.is_date(given.type):
            day = pa.repeat(pa.scalar(True), len(rows))
    known = pc.if_else(day, Precision.DAY.value, Precision.SECOND.value)
    return time, pc.if_else(time.is_valid(), known, Precision.UNKNOWN.value)


def _micros(table: pa.Table, name: str | None, rows: pa.Array) -> pa.Array:
    if name is None:
        return pa.nulls(len(rows), pa.int64())
    values = table.column(name).combine_chunks().take(rows)
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        return values.cast(pa.timestamp("us")).cast(pa.int64())
    return pa.nulls(len(rows), pa.int64())


def _notice(table: pa.Table, name: str | None, rows: pa.Array) -> pa.Array:
    if name is None or "@" in name:
        return _same(name, rows)
    return table.column(name).combine_chunks().take(rows)
