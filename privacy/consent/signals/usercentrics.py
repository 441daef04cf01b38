"""Usercentrics consent history: per service, each action with its time; also the CSV that its admin interface exports.

A banner's history is about one browser, known by `controllerId`. It means nothing until the mapping says which key of
the record names a person. Only explicit choices count; a service that an implicit action switched off is no longer
agreed to. Services are mapped to purposes by the operator.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from passerelle.privacy.consent.signals.contract import Heard, RecordSignal, Said
from passerelle.privacy.consent.signals.reading import (
    Meaning,
    Meanings,
    Statement,
    flag,
    heard,
    inner,
    items,
    method,
    moment,
    said,
    scope,
    text,
    word,
)
from passerelle.privacy.vocabulary import Channel, ConsentState, EvidenceGrade, Expression

_DIGITS = re.compile(r"[0-9]{1,16}\Z")
_IMPLICIT_ACTIONS = {"ONINITIALPAGELOAD", "ONNONEUREGION", "ONSESSIONRESTORED", "ONMOBILESESSIONRESTORE"}


def usercentrics(meanings: Meanings | None = None) -> RecordSignal:
    """The reader, with the operator's meanings by service (template) id."""
    known = meanings or {}

    def read(record: Mapping[str, Any]) -> Sequence[Heard]:
        services = list(_services(record))
        spoken = [one for name, history in services if name in known for one in _in_order(name, history, known[name])]
        unmapped = services and not any(name in known for name, _ in services)
        if not spoken:
            return [Heard(left_out="unmapped_purpose" if unmapped else "says_nothing")]
        return [heard({}, spoken)]

    return RecordSignal("usercentrics", 1, EvidenceGrade.A, Channel.WEB, "json", read)


def _services(record: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Mapping[str, Any]]]]:
    """Each service's id with its history."""
    for one in [*items(record.get("services")), record]:
        name = text(one.get("id")) or text(one.get("templateId")) or text(one.get("serviceId"))
        history = one.get("history", inner(one, "consent", "history"))
        if name is not None and history is not None:
            yield name, list(items(history))
    name = text(record.get("Data Processing Service ID"))
    if name is not None:
        yield (
            name,
            [
                {
                    "action": record.get("Consent Action"),
                    "status": record.get("Consent Given"),
                    "timestamp": record.get("Timestamp"),
                }
            ],
        )


def _in_order(name: str, history: Sequence[Mapping[str, Any]], meaning: Meaning) -> list[Said]:
    dated = [(moment(_stamp(one.get("timestamp"))), one) for one in history]
    dated.sort(key=lambda pair: pair[0].time or 0)
    spoken: list[Said] = []
    for when, one in dated:
        state = _state(one, agreed=bool(spoken) and spoken[-1].state.permits)
        if state is not None:
            expression = Expression.EXPLICIT if state.permits else None
            how = method(one.get("action"))
            found = Statement(state, when, scope("service", name), how, expression, channel=Channel.WEB)
            spoken.append(said(found, meaning))
    return spoken


def _stamp(value: Any) -> Any:  # noqa: ANN401 - a vendor's JSON or CSV
    """A CSV's digits as the number that they are."""
    return int(value) if isinstance(value, str) and _DIGITS.match(value) else value


def _state(one: Mapping[str, Any], *, agreed: bool) -> ConsentState | None:
    """What an action comes to after what was said before it; None where it says nothing."""
    status = flag(one.get("status"))
    if status is None:
        return ConsentState.UNKNOWN
    if word(one.get("type")) == "IMPLICIT" or word(one.get("action")) in _IMPLICIT_ACTIONS:
        return ConsentState.UNKNOWN if agreed and not status else None
    return ConsentState.GIVEN if status else ConsentState.REFUSED
