"""HubSpot communication preferences (v4, 2026-09): statuses of subscription types, and of everything.

Its channel is e-mail only, so nothing here is a consent to advertising. Leaving everything (`PORTAL_WIDE`,
`BUSINESS_UNIT_WIDE`) is held against the ads purposes. A subscription type that really asks about advertising is
mapped by the operator, by its id, to a purpose and a notice.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from passerelle.privacy.consent.signals.contract import Heard, RecordSignal, Said
from passerelle.privacy.consent.signals.reading import (
    Meaning,
    Meanings,
    Statement,
    heard,
    held_against_ads,
    inner,
    items,
    mailing,
    method,
    moment,
    no_answer,
    said,
    scope,
    text,
    word,
)
from passerelle.privacy.vocabulary import Channel, ConsentState, EvidenceGrade, Expression, Field, Purpose

_STATES = {"SUBSCRIBED": ConsentState.GIVEN, "UNSUBSCRIBED": ConsentState.WITHDRAWN}
_NOT_A_CONSENT = {"LEGITIMATE_INTEREST_CLIENT", "LEGITIMATE_INTEREST_OTHER", "LEGITIMATE_INTEREST_PQL", "NON_GDPR"}
_NOT_A_CONSENT |= {"PERFORMANCE_OF_CONTRACT", "PROCESS_AND_STORE"}
_WIDE = {"PORTAL_WIDE_STATUS", "BRAND_WIDE_STATUS"}


def hubspot(meanings: Meanings | None = None) -> RecordSignal:
    """The reader, with the operator's meanings by subscription id."""
    known = meanings or {}

    def read(record: Mapping[str, Any]) -> Sequence[Heard]:
        who = text(record.get("subscriberIdString")) or text(record.get("recipient"))
        spoken = [one for status in _statuses(record) for one in _said(status, known)]
        return [heard({Field.EMAIL: who}, spoken)]

    return RecordSignal("hubspot", 1, EvidenceGrade.A if known else EvidenceGrade.B, Channel.EMAIL, "json", read)


def _statuses(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """One status, or the statuses that an answer lists for a person."""
    nested = [name for name in ("statuses", "wideStatuses", "subscriptionStatuses") if name in record]
    if not nested:
        yield record
    for name in nested:
        yield from items(record[name])


def _said(status: Mapping[str, Any], known: Meanings) -> list[Said]:
    if "wideStatusType" in status:
        return _of_everything(status)
    if word(status.get("sourceOfStatus")) in _WIDE and word(status.get("status")) != "SUBSCRIBED":
        return _of_everything(
            {"status": "UNSUBSCRIBED", "wideStatusType": status.get("sourceOfStatus")} | _unit(status)
        )
    return _of_one_type(status, known)


def _unit(status: Mapping[str, Any]) -> dict[str, Any]:
    return {"businessUnitId": status.get("businessUnitId", status.get("brandId"))}


def _of_everything(status: Mapping[str, Any]) -> list[Said]:
    state = _STATES.get(word(status.get("status")), ConsentState.UNKNOWN)
    if word(status.get("status")) == "NOT_SPECIFIED":
        return []
    unit = inner(_unit(status), "businessUnitId") if "PORTAL" not in word(status.get("wideStatusType")) else None
    found = Statement(
        state,
        moment(status.get("timestamp")),
        scope("email", "all", text(unit)),
        method(status.get("source")),
    )
    if state.permits:  # no longer opted out of everything: that subscribes nobody to anything
        found_again = Statement(state, found.when, found.scope, found.method, channel=Channel.EMAIL)
        ended = [said(found_again, Meaning(Purpose.EMAIL_MARKETING)), *held_against_ads(found, Channel.EMAIL)]
        return ended if found.when.known else []
    return mailing(found, Purpose.EMAIL_MARKETING, Channel.EMAIL)


def _of_one_type(status: Mapping[str, Any], known: Meanings) -> list[Said]:
    name = text(status.get("subscriptionId")) or text(status.get("id"))
    state = {**_STATES, "NOT_SUBSCRIBED": ConsentState.WITHDRAWN}.get(word(status.get("status")), ConsentState.UNKNOWN)
    when, where = moment(status.get("timestamp")), scope("email", "type", name)
    if word(status.get("status")) == "NOT_SPECIFIED":
        return [said(no_answer(when, where), known.get(name or "") or Meaning(Purpose.EMAIL_MARKETING))]
    basis = word(status.get("legalBasis"))
    meaning = known.get(name or "")
    if state.permits and (basis in _NOT_A_CONSENT or (meaning is not None and basis != "CONSENT_WITH_NOTICE")):
        state = ConsentState.UNKNOWN  # on the list, but not because somebody agreed
    found = Statement(
        state,
        when,
        where,
        method(status.get("source")),
        Expression.EXPLICIT if state.permits else None,
    )
    return [said(found, meaning or Meaning(Purpose.EMAIL_MARKETING))]
