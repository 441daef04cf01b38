"""Google Consent Mode v2: `ad_user_data` and `ad_personalization`, each granted or denied.

Read as a JSON object (also the `consent` of a Data Manager request, and the arguments of `gtag('consent', …)`) or as
pairs `key=value` or `key:value` separated by `;`, `,`, `&` or spaces. It has no date, so its grants are grade C and
count for nothing; its denials veto. Google publishes no description of the letters of `gcs` and `gcd`, which are
therefore unreadable here.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from passerelle.privacy.consent.signals.bits import Undecodable
from passerelle.privacy.consent.signals.contract import Said, TextSignal
from passerelle.privacy.consent.signals.tcf import ADS, unknown
from passerelle.privacy.vocabulary import Channel, ConsentState, Destination, EvidenceGrade, Purpose

_SCOPE = "consent_mode"
_LONGEST = 2_000
_PAIR = re.compile(r"([A-Za-z_]+) *[=:] *([A-Za-z_]+)", re.ASCII)
_SEPARATOR = re.compile(r" *[;,&] *| +", re.ASCII)


class Choice(StrEnum):
    """An answer, by its word in Google's API."""

    GRANTED = "granted"
    DENIED = "denied"
    UNSPECIFIED = "unspecified"


_WORDS = {
    "granted": Choice.GRANTED,
    "consent_granted": Choice.GRANTED,
    "denied": Choice.DENIED,
    "consent_denied": Choice.DENIED,
    "unspecified": Choice.UNSPECIFIED,
    "consent_status_unspecified": Choice.UNSPECIFIED,
}
_KEYS = {"ad_user_data": "user_data", "aduserdata": "user_data"} | {
    "ad_personalization": "personalization",
    "adpersonalization": "personalization",
}
_BESIDES = frozenset(
    {
        "ad_storage",
        "analytics_storage",
        "functionality_storage",
        "personalization_storage",
        "security_storage",
    }
)


@dataclass(frozen=True, slots=True)
class ConsentMode:
    """The two answers that matter for lists. What is missing is unspecified."""

    user_data: Choice = Choice.UNSPECIFIED
    personalization: Choice = Choice.UNSPECIFIED


def decode_consent_mode(text: str) -> ConsentMode:
    """Decode a JSON object or pairs. Raises `Undecodable` for an unknown key or word, a key twice, or any leftover."""
    if len(text) > _LONGEST:
        raise Undecodable("A Consent Mode state is too long.")
    pairs = _json_pairs(text) if text.lstrip().startswith("{") else _plain_pairs(text)
    found: dict[str, Choice] = {}
    seen: set[str] = set()
    for key, word in pairs:
        name = key.casefold()
        field, choice = _KEYS.get(name), _WORDS.get(word.casefold())
        if choice is None or (field is None and name not in _BESIDES) or (field or name) in seen:
            raise Undecodable("A Consent Mode state has an unknown key or word, or a key twice.")
        seen.add(field or name)
        if field is not None:
            found[field] = choice
    return ConsentMode(**found)


def _plain_pairs(text: str) -> Sequence[tuple[str, str]]:
    pairs = [_PAIR.fullmatch(part) for part in _SEPARATOR.split(_PAIR.sub(r"\1=\2", text.strip(" ")))]
    if not all(pairs):
        raise Undecodable("A Consent Mode state is not made of keys and words.")
    return [(pair[1], pair[2]) for pair in pairs if pair]


def _json_pairs(text: str) -> Sequence[tuple[str, str]]:
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except (ValueError, RecursionError):
        raise Undecodable("A Consent Mode state is no JSON.") from None
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) and isinstance(pair[1], str) for pair in pairs):
        raise Undecodable("A Consent Mode state is no JSON object of words.")
    return pairs


def _statements(mode: ConsentMode) -> Sequence[Said]:
    answers: Mapping[Purpose, tuple[Choice, ...]] = {
        purpose: (mode.user_data,) if purpose is Purpose.AD_MEASUREMENT else (mode.user_data, mode.personalization)
        for purpose in ADS
    }
    return [
        Said(
            purpose,
            _state(choices),
            recipients=(Destination.GOOGLE_ADS.value,),
            grade=EvidenceGrade.C,
            channel=Channel.WEB,
            method=_SCOPE,
            scope=_SCOPE,
        )
        for purpose, choices in answers.items()
    ]


def _state(choices: Sequence[Choice]) -> ConsentState:
    if Choice.DENIED in choices:
        return ConsentState.REFUSED
    return ConsentState.UNKNOWN if Choice.UNSPECIFIED in choices else ConsentState.GIVEN


def _read(text: str) -> Sequence[Said]:
    try:
        return _statements(decode_consent_mode(text))
    except Undecodable:
        return unknown("consent_mode_undecodable", _SCOPE)


CONSENT_MODE = TextSignal("consent_mode", 1, Channel.WEB, _read)
"""Reads Google's Consent Mode. What can't be decoded, or is not specified, is `ConsentUnknown`."""
