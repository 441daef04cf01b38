"""Any other record: a CMP's or CRM's export that a mapping file explains key by key."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from passerelle.privacy.consent.signals.contract import Heard, RecordSignal, Said
from passerelle.privacy.consent.signals.mapping import SignalMapping, SpokenOf
from passerelle.privacy.consent.signals.reading import (
    at_path,
    graded,
    items,
    method,
    moment,
    scope,
    text,
)
from passerelle.privacy.vocabulary import ADS, ConsentState, EvidenceGrade, Field, Purpose


def records(mapping: SignalMapping) -> RecordSignal:
    """The reader that `mapping` describes."""

    def read(record: Mapping[str, Any]) -> Sequence[Heard]:
        if left_out(mapping, record):
            return [Heard(left_out="left_out_by_mapping")]
        who = people(mapping, record)
        if not set(who) - {Field.COUNTRY}:
            return [Heard(left_out="nobody")]
        spoken = [one for statement in mapping.statements for one in _said(mapping, statement, record)]
        return [Heard(who, spoken, None if spoken else "says_nothing")]

    best = min((one.grade for one in mapping.statements), default=EvidenceGrade.C)
    return RecordSignal("records", 1, best, None, "json", read)


def left_out(mapping: SignalMapping, record: Mapping[str, Any]) -> bool:
    """Whether the mapping says that the record does not count."""
    return any(_plain(at_path(record, rule.key)) in rule.words for rule in mapping.left_out)


def people(mapping: SignalMapping, record: Mapping[str, Any]) -> dict[Field, str]:
    """Who the mapping says the record is about."""
    found = {name: text(at_path(record, path)) for name, path in mapping.persons.items()}
    return {name: value for name, value in found.items() if value is not None}


def _said(mapping: SignalMapping, spoken: SpokenOf, record: Mapping[str, Any]) -> Iterator[Said]:
    parts = [record] if spoken.each is None else [{**record, **one} for one in items(at_path(record, spoken.each))]
    for part in parts:
        purpose, state = _purpose(spoken, part), _state(spoken, part)
        if purpose is not None and state is not None:
            yield _statement(mapping, spoken, part, purpose, state)


def _purpose(spoken: SpokenOf, part: Mapping[str, Any]) -> Purpose | None:
    if spoken.purpose_from is None:
        return spoken.purpose
    return spoken.purpose_from.words.get(text(at_path(part, spoken.purpose_from.key)) or "")


def _state(spoken: SpokenOf, part: Mapping[str, Any]) -> ConsentState | None:
    """The state; a blank says nothing, and a word that is not listed is `ConsentUnknown`, which never permits."""
    plain = _plain(at_path(part, spoken.state.key))
    if not plain:
        return None
    for words, state in (
        (spoken.state.given, ConsentState.GIVEN),
        (spoken.state.refused, ConsentState.REFUSED),
        (spoken.state.withdrawn, ConsentState.WITHDRAWN),
        (spoken.state.requested, ConsentState.REQUESTED),
    ):
        if plain in words:
            return state
    return ConsentState.UNKNOWN


def _statement(
    mapping: SignalMapping, spoken: SpokenOf, part: Mapping[str, Any], purpose: Purpose, state: ConsentState
) -> Said:
    when = moment(_value(part, spoken.at), mapping.zone)
    until = moment(_value(part, spoken.valid_until), mapping.zone) if state.permits else None
    notice, how = _notice(spoken, part), spoken.method or method(_value(part, spoken.method_from))
    grade = max(graded(when, notice, how), spoken.grade)  # C is the greatest: the weaker of the two
    if spoken.channel is not None and purpose in ADS:
        grade = max(grade, EvidenceGrade.B)
    return Said(
        purpose=purpose,
        state=state,
        event_time=when.time,
        precision=when.precision,
        recorded_at=moment(_value(part, spoken.recorded_at), mapping.zone).time,
        valid_until=None if until is None else until.time,
        notice=notice,
        recipients=tuple(platform.value for platform in spoken.recipients),
        grade=grade,
        channel=spoken.channel,
        stop=None if state.permits else spoken.stop,
        expression=spoken.expression if state.permits else None,
        method=how,
        scope=spoken.scope or scope(purpose.value),
    )


def _notice(spoken: SpokenOf, part: Mapping[str, Any]) -> str | None:
    if spoken.notice_from is None:
        return spoken.notice
    named = text(at_path(part, spoken.notice_from.key))
    return None if named is None else spoken.notice_from.words.get(named, named)


def _value(part: Mapping[str, Any], path: str | None) -> Any:  # noqa: ANN401 - a vendor's JSON or CSV
    return None if path is None else at_path(part, path)


def _plain(value: Any) -> str:  # noqa: ANN401 - a vendor's JSON or CSV
    if isinstance(value, bool):
        return "true" if value else "false"
    return (text(value) or "").casefold()
