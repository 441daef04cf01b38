"""Mailchimp audience members (Marketing API 3.0): status, SMS status, and the GDPR fields (`marketing_permissions`).

`timestamp_opt` dates the opt-in. Nothing dates an opt-out: `last_changed` is not earlier than it was, so a refusal
may carry it and a consent may not. The GDPR fields have no date at all, so even one that the operator maps to an ads
purpose can only veto.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.privacy.consent.signals.contract import Heard, RecordSignal, Said
from passerelle.privacy.consent.signals.reading import (
    Meaning,
    Meanings,
    Statement,
    When,
    flag,
    heard,
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

_STATES = {
    "SUBSCRIBED": ConsentState.GIVEN,
    "UNSUBSCRIBED": ConsentState.WITHDRAWN,
    "CLEANED": ConsentState.WITHDRAWN,
    "PENDING": ConsentState.REQUESTED,
}
_ABOUT_ALL = {ConsentState.GIVEN, ConsentState.WITHDRAWN}


def mailchimp(meanings: Meanings | None = None) -> RecordSignal:
    """The reader, with the operator's meanings by marketing permission id."""
    known = meanings or {}

    def read(record: Mapping[str, Any]) -> Sequence[Heard]:
        who = {
            Field.EMAIL: text(record.get("email_address")),
            Field.PHONE: text(record.get("sms_phone_number")),
        }
        where = text(record.get("list_id"))
        changed = moment(record.get("last_changed"))
        spoken = _email(record, where, changed) + _sms(record, where)
        spoken += [
            one for each in items(record.get("marketing_permissions")) for one in _permission(each, known, changed)
        ]
        return [heard(who, spoken)]

    return RecordSignal("mailchimp", 1, EvidenceGrade.B, Channel.EMAIL, "json", read)


def _email(record: Mapping[str, Any], where: str | None, changed: When) -> list[Said]:
    given = word(record.get("status"))
    if not given:
        return []
    state = _STATES.get(given, ConsentState.UNKNOWN)
    opted = moment(record.get("timestamp_opt"))
    signed_up = moment(record.get("timestamp_signup"))
    twice = opted.known and signed_up.known and opted != signed_up
    expression = Expression.TWO_STEP if twice else Expression.EXPLICIT
    found = Statement(
        state,
        opted if state.permits else changed,
        scope("email", where),
        method(record.get("source")),
        expression if state.permits else None,
    )
    if state not in _ABOUT_ALL:
        return [said(found, Meaning(Purpose.EMAIL_MARKETING))]
    return mailing(found, Purpose.EMAIL_MARKETING, Channel.EMAIL)


def _sms(record: Mapping[str, Any], where: str | None) -> list[Said]:
    given = word(record.get("sms_subscription_status"))
    if not given:
        return []
    when = moment(record.get("sms_subscription_last_updated"))
    if given == "NONSUBSCRIBED":
        return [said(no_answer(when, scope("sms", where)), Meaning(Purpose.SMS_MARKETING))]
    state = _STATES.get(given, ConsentState.UNKNOWN)
    found = Statement(state, when, scope("sms", where))
    if state not in _ABOUT_ALL:
        return [said(found, Meaning(Purpose.SMS_MARKETING))]
    return mailing(found, Purpose.SMS_MARKETING, Channel.SMS)


def _permission(one: Mapping[str, Any], known: Meanings, changed: When) -> list[Said]:
    name = text(one.get("marketing_permission_id"))
    meaning, enabled = known.get(name or ""), flag(one.get("enabled"))
    if meaning is None or enabled is None:
        return []
    if enabled:
        return [said(Statement(ConsentState.GIVEN, scope=scope("permission", name)), meaning)]
    return [said(Statement(ConsentState.REFUSED, changed, scope("permission", name)), meaning)]


MAILCHIMP = mailchimp()
