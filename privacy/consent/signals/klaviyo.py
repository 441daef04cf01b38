"""Klaviyo profiles (revision 2026-07-15): subscriptions by e-mail and SMS, and suppressions.

Only `consent` is a statement. `can_receive_email_marketing` is true of whoever never objected: implicit, so it is not
read. A suppression is a refusal of everything by e-mail for as long as it is listed, whatever else the profile says.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.privacy.consent.signals.contract import Heard, RecordSignal, Said
from passerelle.privacy.consent.signals.reading import (
    NEVER,
    Meaning,
    Statement,
    When,
    heard,
    inner,
    items,
    later,
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


def _read(record: Mapping[str, Any]) -> Sequence[Heard]:
    attributes = inner(record, "attributes")
    profile = attributes if isinstance(attributes, Mapping) else record
    who = {
        Field.EMAIL: text(profile.get("email")),
        Field.PHONE: text(profile.get("phone_number")),
        Field.EXTERNAL_ID: text(profile.get("external_id")),
    }
    email, sms = (inner(profile, "subscriptions", name, "marketing") for name in ("email", "sms"))
    spoken: list[Said] = []
    if isinstance(email, Mapping):
        spoken += _marketing(email, Purpose.EMAIL_MARKETING, Channel.EMAIL)
        spoken += [_off_a_list(one) for one in items(email.get("list_suppressions"))]
    if isinstance(sms, Mapping):
        spoken += _marketing(sms, Purpose.SMS_MARKETING, Channel.SMS)
    return [heard(who, spoken)]


def _marketing(part: Mapping[str, Any], own: Purpose, channel: Channel) -> list[Said]:
    when, where = moment(part.get("consent_timestamp")), scope(channel.value)
    suppressions = list(items(part.get("suppression")))
    if suppressions:
        return mailing(_suppressed(suppressions, when, where), own, channel)
    given = word(part.get("consent"))
    if not given:
        return []
    if given == "NEVER_SUBSCRIBED":
        return [said(no_answer(when, where), Meaning(own))]
    state = _STATES.get(given, ConsentState.UNKNOWN)
    expression = Expression.TWO_STEP if part.get("double_optin") is True else Expression.EXPLICIT
    found = Statement(state, when, where, method(part.get("method")), expression if state.permits else None)
    return mailing(found, own, channel) if given in _STATES else [said(found, Meaning(own))]


def _suppressed(suppressions: Sequence[Mapping[str, Any]], consented: When, where: str) -> Statement:
    """It stands today, so it is not older than the consent beside it; without a time it is as new as the export."""
    times = [moment(one.get("timestamp")) for one in suppressions]
    when = later(consented, *times) if any(one.known for one in times) else NEVER
    reason = method(suppressions[0].get("reason"))
    return Statement(ConsentState.WITHDRAWN, when, where, reason and reason.lower())


def _off_a_list(one: Mapping[str, Any]) -> Said:
    where = scope("email", "list", text(one.get("list_id")))
    left = Statement(ConsentState.WITHDRAWN, moment(one.get("timestamp")), where, method(one.get("reason")))
    return said(left, Meaning(Purpose.EMAIL_MARKETING))


KLAVIYO = RecordSignal("klaviyo", 1, EvidenceGrade.B, Channel.EMAIL, "json", _read)
