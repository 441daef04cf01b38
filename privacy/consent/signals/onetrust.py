"""OneTrust consent receipts, as the Receipts API and its exports give them; also a person's purposes with their dates.

Three dates: `consentDate` is when a purpose was agreed to, `withdrawnDate` when that ended, `interactionDate` when the
receipt's interaction took place, which stands in where a purpose has no date of its own. When the receipt was created
says nothing of when somebody spoke. Receipts with `test: true` are ignored. Purposes are the operator's own, so none
means anything until the mapping says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from passerelle.privacy.consent.signals.contract import Heard, RecordSignal, Said
from passerelle.privacy.consent.signals.reading import (
    Meanings,
    Statement,
    flag,
    heard,
    items,
    mailing,
    method,
    moment,
    said,
    scope,
    text,
    word,
)
from passerelle.privacy.vocabulary import Channel, ConsentState, EvidenceGrade, Expression, Field, Purpose

_STATES = {
    "CONFIRMED": ConsentState.GIVEN,
    "OPT_IN": ConsentState.GIVEN,
    "ACTIVE": ConsentState.GIVEN,
    "EXTEND": ConsentState.RENEWED,
    "PENDING": ConsentState.REQUESTED,
    "WITHDRAWN": ConsentState.WITHDRAWN,
    "OPT_OUT": ConsentState.WITHDRAWN,
    "HARD_OPT_OUT": ConsentState.WITHDRAWN,
    "CANCEL": ConsentState.WITHDRAWN,
    "EXPIRED": ConsentState.EXPIRED,
    "NOTGIVEN": ConsentState.REFUSED,
    "NO_CONSENT": ConsentState.REFUSED,
}
_SAYS_NOTHING = {"", "NO_CHOICE", "NO_OPT_OUT", "CHANGE_PREFERENCES", "NONE"}
_TYPES = {"EMAIL": Field.EMAIL, "PHONE": Field.PHONE}


def onetrust(meanings: Meanings | None = None) -> RecordSignal:
    """The reader, with the operator's meanings by purpose id."""
    known = meanings or {}

    def read(record: Mapping[str, Any]) -> Sequence[Heard]:
        if record.get("test") is not None and flag(record.get("test")) is not False:
            return [Heard(left_out="test_receipt")]
        who = text(record.get("identifier")) or text(record.get("dataSubjectIdentifier"))
        if flag(record.get("isAnonymous")):
            return [Heard(left_out="nobody")]
        named = {_TYPES.get(word(record.get("identifierType")), Field.EXTERNAL_ID): who}
        purposes = list(items(record.get("purposes")))
        spoken = [one for purpose in purposes for one in _of(record, purpose, known)]
        spoken += _left_everything(record)
        return [heard(named, spoken, _silence(purposes, known))]

    return RecordSignal("onetrust", 1, EvidenceGrade.A, None, "json", read)


def _name(purpose: Mapping[str, Any]) -> str | None:
    return text(purpose.get("id")) or text(purpose.get("Id")) or text(purpose.get("purposeId"))


def _silence(purposes: Sequence[Mapping[str, Any]], known: Meanings) -> str:
    unmapped = purposes and not any(_name(purpose) in known for purpose in purposes)
    return "unmapped_purpose" if unmapped else "says_nothing"


def _of(record: Mapping[str, Any], purpose: Mapping[str, Any], known: Meanings) -> Iterator[Said]:
    meaning = known.get(_name(purpose) or "")
    if meaning is None:
        return
    kinds = (purpose.get("transactionType"), purpose.get("TransactionType"), purpose.get("status"))
    kind = next((word(one) for one in kinds if word(one)), "")
    ended = moment(purpose.get("withdrawnDate"))
    state = None if kind in _SAYS_NOTHING else _STATES.get(kind, ConsentState.UNKNOWN)
    if state is not None:
        yield said(_statement(record, purpose, state), meaning)
    if ended.known and (state is None or state.permits):
        over = Statement(ConsentState.WITHDRAWN, ended, scope("purpose", _name(purpose)))
        yield said(over, meaning)


def _statement(record: Mapping[str, Any], purpose: Mapping[str, Any], state: ConsentState) -> Statement:
    own = moment(purpose.get("consentDate" if state.permits else "withdrawnDate"))
    interaction = moment(record.get("interactionDate"))
    two = record.get("doubleOptIn") is True
    return Statement(
        state=state,
        when=own if own.known else interaction,
        scope=scope("purpose", _name(purpose)),
        method=method(record.get("origin")) or method(record.get("collectionPointType")),
        expression=(Expression.TWO_STEP if two else Expression.EXPLICIT) if state.permits else None,
        valid_until=moment(purpose.get("expiryDate")).time if state.permits else None,
        recorded_at=moment(record.get("consentCreationDate")).time,
    )


def _left_everything(record: Mapping[str, Any]) -> list[Said]:
    if record.get("unsubscribeAll") is not True:
        return []
    left = Statement(ConsentState.WITHDRAWN, moment(record.get("interactionDate")), "all", method(record.get("origin")))
    return mailing(left, Purpose.EMAIL_MARKETING, Channel.EMAIL)
