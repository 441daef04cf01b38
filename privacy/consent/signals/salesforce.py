"""Salesforce: ContactPointTypeConsent and PartyConsent records, Individual, and a contact's or lead's e-mail opt-out.

Each consent record is a stream of its own, so where several disagree the least permissive wins, as in Salesforce's
own Consent API. A consent counts from the latest of its dates (captured, confirmed, effective) and until `EffectiveTo`.
A data use purpose means nothing until the operator maps its id; by e-mail, phone or post it never means advertising.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from passerelle.privacy.consent.signals.contract import Heard, RecordSignal, Said
from passerelle.privacy.consent.signals.reading import (
    Meaning,
    Meanings,
    Statement,
    flag,
    heard,
    held_against_ads,
    later,
    mailing,
    method,
    moment,
    said,
    scope,
    text,
    word,
)
from passerelle.privacy.vocabulary import ADS, Channel, ConsentState, EvidenceGrade, Expression, Field, Purpose, Stop

_STATES = {
    "OPTIN": ConsentState.GIVEN,
    "OPTINPENDING": ConsentState.REQUESTED,
    "OPTOUT": ConsentState.WITHDRAWN,
    "SEEN": ConsentState.REQUESTED,
    "NOTSEEN": ConsentState.UNKNOWN,
}
_CHANNELS = {
    "EMAIL": Channel.EMAIL,
    "PHONE": Channel.PHONE,
    "MAILINGADDRESS": Channel.POST,
    "WEB": Channel.WEB,
}
_OBJECTIONS = ("HasOptedOutProcessing", "ShouldForget")
_MARKETING = (*ADS, Purpose.EMAIL_MARKETING, Purpose.SMS_MARKETING)


def salesforce(meanings: Meanings | None = None) -> RecordSignal:
    """The reader, with the operator's meanings by data use purpose id."""
    known = meanings or {}

    def read(record: Mapping[str, Any]) -> Sequence[Heard]:
        who = _who(record)
        if "PrivacyConsentStatus" in record:
            spoken = _consent(record, known)
            return [heard(who, spoken, "unmapped_purpose")]
        if flag(record.get("IsDeleted")):
            return [Heard(left_out="deleted")]
        spoken = _flags(record)
        return [heard(who, spoken)]

    return RecordSignal("salesforce", 1, EvidenceGrade.A if known else EvidenceGrade.B, None, "csv", read)


def _who(record: Mapping[str, Any]) -> dict[Field, str | None]:
    if "PrivacyConsentStatus" in record:
        return {Field.EXTERNAL_ID: text(record.get("PartyId"))}
    return {
        Field.EMAIL: text(record.get("Email")),
        Field.PHONE: text(record.get("MobilePhone")) or text(record.get("Phone")),
        Field.EXTERNAL_ID: text(record.get("IndividualId")) or text(record.get("Id")),
    }


def _consent(record: Mapping[str, Any], known: Meanings) -> list[Said]:
    contact = word(record.get("ContactPointType"))
    channel = _CHANNELS.get(contact)
    found = _statement(record)
    purpose = text(record.get("DataUsePurposeId"))
    meaning = known.get(purpose or "")
    if meaning is not None:
        about = channel if meaning.purpose in ADS else None
        return [said(replace(found, channel=about), meaning)]
    if purpose is not None:
        return []
    return _without_purpose(found, contact, channel)


def _without_purpose(found: Statement, contact: str, channel: Channel | None) -> list[Said]:
    """A consent to be contacted this way at all."""
    if contact == "EMAIL" and found.state in {ConsentState.GIVEN, ConsentState.WITHDRAWN}:
        return mailing(found, Purpose.EMAIL_MARKETING, Channel.EMAIL)
    if contact == "EMAIL":
        return [said(found, Meaning(Purpose.EMAIL_MARKETING))]
    if channel is not None and (found.when.known or not found.state.permits):
        return held_against_ads(found, channel)
    if found.state.permits or found.state is ConsentState.UNKNOWN:
        return []
    return [said(found, Meaning(purpose)) for purpose in ADS]


def _statement(record: Mapping[str, Any]) -> Statement:
    state = _STATES.get(word(record.get("PrivacyConsentStatus")), ConsentState.UNKNOWN)
    unseen = state is ConsentState.UNKNOWN and word(record.get("PrivacyConsentStatus")) == "NOTSEEN"
    if flag(record.get("IsDeleted")):
        state, unseen = ConsentState.TERMINATED, False
    twice = moment(record.get("DoubleConsentCaptureDate"))
    captured, effective = moment(record.get("CaptureDate")), moment(record.get("EffectiveFrom"))
    expression = Expression.TWO_STEP if twice.known else Expression.EXPLICIT
    return Statement(
        state=state,
        when=later(captured, twice, effective) if captured.known or not state.permits else captured,
        scope=scope("consent", text(record.get("Id"))),
        method=method(record.get("CaptureSource")),
        expression=expression if state.permits else Expression.IMPLICIT if unseen else None,
        valid_until=moment(record.get("EffectiveTo")).time if state.permits else None,
        recorded_at=moment(record.get("CreatedDate")).time,
    )


def _flags(record: Mapping[str, Any]) -> list[Said]:
    """Flags of an Individual, a contact or a lead: they refuse when true, and say nothing when false."""
    spoken: list[Said] = []
    if flag(record.get("HasOptedOutOfEmail")):
        left = Statement(ConsentState.WITHDRAWN, scope="email")
        spoken += mailing(left, Purpose.EMAIL_MARKETING, Channel.EMAIL)
    for name in _OBJECTIONS:
        if flag(record.get(name)):
            spoken += _refused(scope("individual", name), tuple(Purpose), Stop.OBJECTION)
    if flag(record.get("HasOptedOutSolicit")):
        spoken += _refused("individual.HasOptedOutSolicit", _MARKETING)
    if flag(record.get("HasOptedOutProfiling")):
        spoken += _refused("individual.HasOptedOutProfiling", (Purpose.PROFILING_SEGMENTATION,))
    if flag(record.get("HasOptedOutTracking")):
        spoken += held_against_ads(Statement(ConsentState.REFUSED, scope="individual.HasOptedOutTracking"), Channel.WEB)
    return spoken


def _refused(where: str, purposes: Sequence[Purpose], stop: Stop | None = None) -> list[Said]:
    return [said(Statement(ConsentState.REFUSED, scope=where, stop=stop), Meaning(purpose)) for purpose in purposes]
