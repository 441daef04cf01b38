"""Shopify customers: marketing consent by e-mail and by SMS, and the opt-out of the sale of data.

Where nobody gave a date, Shopify puts the time of sending in its place. A time that is also that of the record's
creation or last change is therefore no evidence of when somebody agreed; a refusal keeps it, since it is not earlier
than the refusal was.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.privacy.consent.signals.contract import Heard, RecordSignal, Said
from passerelle.privacy.consent.signals.reading import (
    NEVER,
    Meaning,
    Statement,
    When,
    flag,
    heard,
    inner,
    mailing,
    method,
    moment,
    no_answer,
    said,
    scope,
    text,
    word,
)
from passerelle.privacy.vocabulary import ADS, Channel, ConsentState, EvidenceGrade, Expression, Field, Purpose, Stop

_STATES = {
    "SUBSCRIBED": ConsentState.GIVEN,
    "PENDING": ConsentState.REQUESTED,
    "UNSUBSCRIBED": ConsentState.WITHDRAWN,
    "REDACTED": ConsentState.WITHDRAWN,
    "INVALID": ConsentState.INVALIDATED,
}
_ABOUT_ALL = {ConsentState.GIVEN, ConsentState.WITHDRAWN}
_SAME_WRITE = 60_000_000
"""Two times within a minute are taken for one write of the record."""


def _read(record: Mapping[str, Any]) -> Sequence[Heard]:
    email, phone = _part(record, "defaultEmailAddress"), _part(record, "defaultPhoneNumber")
    who = {
        Field.EMAIL: text(record.get("email")) or text(email.get("emailAddress")),
        Field.PHONE: text(record.get("phone")) or text(phone.get("phoneNumber")),
        Field.EXTERNAL_ID: text(record.get("id")),
    }
    by_mail = _part(record, "emailMarketingConsent", "email_marketing_consent") or email
    by_sms = _part(record, "smsMarketingConsent", "sms_marketing_consent") or phone
    spoken = _marketing(record, by_mail, Purpose.EMAIL_MARKETING, Channel.EMAIL)
    spoken += _marketing(record, by_sms, Purpose.SMS_MARKETING, Channel.SMS)
    if flag(record.get("dataSaleOptOut", record.get("data_sale_opt_out"))):
        refused = Statement(ConsentState.REFUSED, scope=scope("data_sale"), stop=Stop.OPT_OUT)
        spoken += [said(refused, Meaning(purpose)) for purpose in ADS]
    return [heard(who, spoken)]


def _part(record: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    found = (inner(record, name) for name in names)
    return next((one for one in found if isinstance(one, Mapping)), {})


def _marketing(record: Mapping[str, Any], part: Mapping[str, Any], own: Purpose, channel: Channel) -> list[Said]:
    given = word(part.get("marketingState", part.get("state")))
    if not given:
        return []
    if given == "NOT_SUBSCRIBED":
        return [said(no_answer(NEVER, scope(channel.value)), Meaning(own))]
    state = _STATES.get(given, ConsentState.UNKNOWN)
    when = moment(part.get("consentUpdatedAt", part.get("marketingUpdatedAt", part.get("consent_updated_at"))))
    if state.permits and _merely_sent(record, when):
        when = NEVER
    level = word(part.get("marketingOptInLevel", part.get("opt_in_level")))
    expression = Expression.TWO_STEP if level == "CONFIRMED_OPT_IN" else Expression.EXPLICIT
    source = method(part.get("consentCollectedFrom", part.get("consent_collected_from")))
    found = Statement(state, when, scope(channel.value), source, expression if state.permits else None)
    return mailing(found, own, channel) if state in _ABOUT_ALL else [said(found, Meaning(own))]


def _merely_sent(record: Mapping[str, Any], when: When) -> bool:
    """Whether the time may be that of the record's own writing; also where the record does not say."""
    names = (("createdAt", "created_at"), ("updatedAt", "updated_at"))
    written = [moment(record.get(new, record.get(old))).time for new, old in names]
    time = when.time
    return time is None or any(one is None or abs(time - one) <= _SAME_WRITE for one in written)


SHOPIFY = RecordSignal("shopify", 1, EvidenceGrade.B, Channel.EMAIL, "json", _read)
