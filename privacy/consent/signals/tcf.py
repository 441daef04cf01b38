"""What a TC string says about sharing with Google Ads, and what it can't say.

A TC string speaks of one browser on one service. It names Google (vendor 755) and not Meta, which is no vendor of the
framework, so it can grant for Google alone; and even that grant carries the channel `web`, which vetoes and does not
allow unless the policy says so. Where the string is formally void (an old policy, no list of disclosed vendors, a
group's or no CMP's string) nobody's answer is known: that is `ConsentUnknown`, which vetoes, too.
"""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from passerelle.privacy.consent.signals.bits import Undecodable
from passerelle.privacy.consent.signals.contract import Said, TextSignal
from passerelle.privacy.consent.signals.tcf_string import RestrictionType, TcString, decode_tc
from passerelle.privacy.vocabulary import (
    Channel,
    ConsentState,
    Destination,
    EvidenceGrade,
    Expression,
    Precision,
    Purpose,
)

GOOGLE = 755
"""Google Advertising Products on IAB Europe's Global Vendor List."""

ADS = (Purpose.AD_LIST_MATCHING, Purpose.AD_LOOKALIKE_SEED, Purpose.AD_SUPPRESSION, Purpose.AD_MEASUREMENT)
"""Our purposes that a browser's answer about advertising is about."""

_NEEDED = (1, 3, 4)
"""Store on a device, build an advertising profile, choose personalised ads: for these Google asks for consent."""
_MEASUREMENT = 7
_GOOGLE_ADS = (Destination.GOOGLE_ADS.value,)
_OLDEST_POLICY = 4
_FIRST_CMP = 2
_MONTHS = 13
_DAY = 86_400_000_000


def tcf_statements(tc: TcString, scope: str = "tcf") -> Sequence[Said]:
    """Say what a decoded string comes to for each ads purpose, dated by its day and valid for 13 months."""
    answer = _answer(tc)
    return [
        _said(tc, purpose, _measured(tc, answer) if purpose is Purpose.AD_MEASUREMENT else answer, scope)
        for purpose in ADS
    ]


def unknown(method: str, scope: str) -> Sequence[Said]:
    """Nobody knows what was said: no grant, no date, and a veto for every ads purpose."""
    return [
        Said(purpose, ConsentState.UNKNOWN, channel=Channel.WEB, method=method, scope=scope, grade=EvidenceGrade.C)
        for purpose in ADS
    ]


@dataclass(frozen=True, slots=True)
class _Answer:
    state: ConsentState
    method: str
    recipients: tuple[str, ...] = ()


def _answer(tc: TcString) -> _Answer:
    """Say what the string answers for Google: first what voids it, then what the person refused."""
    if tc.policy_version < _OLDEST_POLICY or not tc.service_specific or tc.cmp_id < _FIRST_CMP:
        return _Answer(ConsentState.UNKNOWN, "tcf_void")
    if tc.purpose_one_undisclosed and 1 not in tc.purpose_consents:
        return _Answer(ConsentState.UNKNOWN, "tcf_purpose_not_shown")
    if not all(purpose in tc.purpose_consents for purpose in _NEEDED):
        return _Answer(ConsentState.REFUSED, "tcf_purpose_refused")
    return _google(tc)


def _google(tc: TcString) -> _Answer:
    """Say what a string that agrees to advertising answers for Google in particular."""
    # Required since 2.3. Without it a string cut off after its first dot would look like a grant.
    if tc.disclosed is None or GOOGLE not in tc.disclosed:
        return _Answer(ConsentState.UNKNOWN, "tcf_vendor_not_shown", _GOOGLE_ADS)
    if any(_closed(tc, purpose) for purpose in _NEEDED):
        return _Answer(ConsentState.UNKNOWN, "tcf_closed_by_publisher", _GOOGLE_ADS)
    if GOOGLE not in tc.vendor_consents:
        return _Answer(ConsentState.REFUSED, "tcf_vendor_refused", _GOOGLE_ADS)
    return _Answer(ConsentState.GIVEN, "tcf", _GOOGLE_ADS)


def _closed(tc: TcString, purpose: int) -> bool:
    """Whether the publisher closed a purpose to Google's consent: forbade it, or wants a basis it has not declared."""
    return any(
        rule.purpose == purpose and rule.kind is not RestrictionType.REQUIRE_CONSENT and GOOGLE in rule.vendors
        for rule in tc.restrictions
    )


def _measured(tc: TcString, answer: _Answer) -> _Answer:
    """Ask for purpose 7 on top. An interest that nobody objected to is no consent, and no refusal either."""
    if answer.state is not ConsentState.GIVEN or (
        _MEASUREMENT in tc.purpose_consents and not _closed(tc, _MEASUREMENT)
    ):
        return answer
    if _MEASUREMENT in tc.purpose_consents or _MEASUREMENT in tc.purpose_interests:
        return _Answer(ConsentState.UNKNOWN, "tcf_measurement_not_asked", _GOOGLE_ADS)
    return _Answer(ConsentState.REFUSED, "tcf_purpose_refused")


def _said(tc: TcString, purpose: Purpose, answer: _Answer, scope: str) -> Said:
    day = tc.last_updated - tc.last_updated % _DAY
    given = answer.state is ConsentState.GIVEN
    return Said(
        purpose,
        answer.state,
        event_time=day,
        precision=Precision.DAY,
        valid_until=_months_later(day, _MONTHS) if given else None,
        recipients=answer.recipients,
        grade=EvidenceGrade.B,
        channel=Channel.WEB,
        expression=Expression.EXPLICIT if given else None,
        method=answer.method,
        scope=scope,
    )


def _months_later(day: int, months: int) -> int:
    """Find the same day so many months later, or the last one of that month."""
    start = datetime.fromtimestamp(day // 1_000_000, UTC)
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    later = start.replace(year=year, month=month + 1, day=min(start.day, last))
    return int(later.timestamp()) * 1_000_000


def _read(text: str) -> Sequence[Said]:
    try:
        return tcf_statements(decode_tc(text))
    except Undecodable:
        return unknown("tcf_undecodable", "tcf")


TCF = TextSignal("tcf", 1, Channel.WEB, _read)
"""Reads a TC string. What can't be decoded is `ConsentUnknown` for every ads purpose."""
