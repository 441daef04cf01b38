"""Didomi consent events, as its API and its webhooks give them.

An event is a partial update: a purpose that it does not name is not spoken of. Only `confirmed` events count, and a
grant only where the event says that it is. Each regulation is a scope of its own, so an event under the CPRA never
replaces a consent under the GDPR; under a regulation other than the GDPR an enabled purpose is no consent, and a
disabled one is an opt-out. Purposes are the operator's own: none means anything until the mapping says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from passerelle.privacy.consent.signals.contract import Heard, RecordSignal, Said
from passerelle.privacy.consent.signals.reading import (
    Meaning,
    Meanings,
    Statement,
    heard,
    inner,
    items,
    later,
    method,
    moment,
    said,
    scope,
    text,
    word,
)
from passerelle.privacy.vocabulary import Channel, ConsentState, EvidenceGrade, Expression, Field, Stop

_ASKS_FOR_CONSENT = "gdpr"


def didomi(meanings: Meanings | None = None) -> RecordSignal:
    """The reader, with the operator's meanings by purpose id."""
    known = meanings or {}

    def read(record: Mapping[str, Any]) -> Sequence[Heard]:
        event, regulation = _event(record)
        if event is None:
            return [Heard(left_out="not_an_event")]
        status = word(event.get("status"))
        if status not in {"", "CONFIRMED"}:
            return [Heard(left_out="pending" if status == "PENDING_APPROVAL" else "not_confirmed")]
        who = text(inner(event, "user", "organization_user_id"))
        choices = list(_choices(inner(event, "consents", "purposes")))
        spoken = [
            one
            for name, enabled in choices
            if name in known
            for one in _said(event, regulation, name, known[name], enabled=enabled)
        ]
        unmapped = choices and not any(name in known for name, _ in choices)
        silence = "unmapped_purpose" if unmapped else "says_nothing"
        return [heard({Field.EXTERNAL_ID: who}, spoken, silence)]

    return RecordSignal("didomi", 1, EvidenceGrade.A, Channel.WEB, "json", read)


def _event(record: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """The event itself, and its regulation, of an API's object or of a webhook's envelope."""
    event: Any = record
    if "parameters" in record:
        kind = word(record.get("type"))
        place = {"EVENT.CREATED": "entity", "EVENT.UPDATED": "new_entity"}.get(kind, "")
        event = inner(record, "parameters", place)
    if not isinstance(event, Mapping):
        return None, ""
    regulation = text(event.get("regulation")) or text(record.get("regulation")) or _ASKS_FOR_CONSENT
    return event, regulation.casefold()


def _choices(purposes: Any) -> Iterator[tuple[str, bool]]:  # noqa: ANN401 - a vendor's JSON
    """Purposes that were chosen or refused; `enabled: null` is no choice."""
    for one in items(purposes):
        name, enabled = text(one.get("id")), one.get("enabled")
        if name is not None and isinstance(enabled, bool):
            yield name, enabled
    if isinstance(purposes, Mapping):
        for word_, enabled in (("enabled", True), ("disabled", False)):
            listed = purposes.get(word_)
            for one in listed if isinstance(listed, list) else ():
                if (name := text(one)) is not None:
                    yield name, enabled


def _said(event: Mapping[str, Any], regulation: str, name: str, meaning: Meaning, *, enabled: bool) -> Iterator[Said]:
    created, updated = moment(event.get("created_at")), moment(event.get("updated_at"))
    where = scope(regulation, name)
    if enabled and regulation == _ASKS_FOR_CONSENT and word(event.get("status")) == "CONFIRMED":
        given = Statement(ConsentState.GIVEN, created, where, _method(event), Expression.EXPLICIT, channel=Channel.WEB)
        yield said(given, meaning)
    elif not enabled:
        stop = None if regulation == _ASKS_FOR_CONSENT else Stop.OPT_OUT
        refused = Statement(
            ConsentState.REFUSED, later(created, updated), where, _method(event), stop=stop, channel=Channel.WEB
        )
        yield said(refused, meaning)


def _method(event: Mapping[str, Any]) -> str:
    return method(inner(event, "source", "type")) or "didomi"
