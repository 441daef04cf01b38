"""Brevo contacts: two blacklists and the lists somebody left. Flags without a date, so they can only veto.

`modifiedAt` moves with any change of the contact and dates nothing. A contact who is not blacklisted said nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from passerelle.privacy.consent.signals.contract import Heard, RecordSignal, Said
from passerelle.privacy.consent.signals.reading import (
    Meaning,
    Statement,
    flag,
    heard,
    inner,
    mailing,
    said,
    scope,
    text,
)
from passerelle.privacy.vocabulary import Channel, ConsentState, EvidenceGrade, Field, Purpose


def _read(record: Mapping[str, Any]) -> Sequence[Heard]:
    who = {Field.EMAIL: text(record.get("email")), Field.PHONE: text(inner(record, "attributes", "SMS"))}
    spoken: list[Said] = []
    if flag(record.get("emailBlacklisted", record.get("email_blacklisted"))):
        spoken += mailing(_left("email"), Purpose.EMAIL_MARKETING, Channel.EMAIL)
    if flag(record.get("smsBlacklisted", record.get("sms_blacklisted"))):
        spoken += mailing(_left("sms"), Purpose.SMS_MARKETING, Channel.SMS)
    lists = record.get("listUnsubscribed", record.get("list_unsubscribed"))
    for one in lists if isinstance(lists, list) else ():
        if (name := text(one)) is not None:
            spoken.append(said(_left("email", "list", name), Meaning(Purpose.EMAIL_MARKETING)))
    return [heard(who, spoken)]


def _left(*parts: str) -> Statement:
    return Statement(ConsentState.WITHDRAWN, scope=scope(*parts))


BREVO = RecordSignal("brevo", 1, EvidenceGrade.C, Channel.EMAIL, "json", _read)
