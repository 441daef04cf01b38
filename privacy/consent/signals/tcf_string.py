"""IAB TCF v2 strings (2.0 to 2.3): what a TC string holds, decoded exactly or not at all.

Source: IAB Tech Lab, "Consent string and vendor list formats v2" (2.3, April 2025). Segments are joined by dots; the
core comes first, the others in any order and each at most once. No field is judged here: `tcf.py` does that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from passerelle.privacy.consent.signals.bits import LONGEST, Bits, Ids, Undecodable

VERSION = 2

# Width of each field of the core that has one; the vendors and the restrictions follow.
_WIDTHS = (6, 36, 36, 12, 12, 6, 12, 12, 6, 1, 1, 12, 24, 24, 1, 12)
_HEAD = sum(_WIDTHS)
_SHIFTS = tuple((_HEAD - sum(_WIDTHS[: place + 1]), (1 << width) - 1) for place, width in enumerate(_WIDTHS))

_DECISECOND = 100_000
_HIGHEST_PURPOSE = 24
_HIGHEST_VENDOR = (1 << 16) - 1
_SEGMENT_BITS = 3
_DISCLOSED, _ALLOWED, _PUBLISHER = 1, 2, 3


class RestrictionType(IntEnum):
    """What a publisher did to a purpose."""

    NOT_ALLOWED = 0
    REQUIRE_CONSENT = 1
    REQUIRE_LEGITIMATE_INTEREST = 2


@dataclass(frozen=True, slots=True)
class Restriction:
    """A publisher's restriction of one purpose for some vendors."""

    purpose: int
    kind: RestrictionType
    vendors: Ids


@dataclass(frozen=True, slots=True)
class PublisherPurposes:
    """The publisher's own purposes: consents and legitimate interests, standard and custom."""

    consents: Ids
    interests: Ids
    custom_consents: Ids
    custom_interests: Ids


@dataclass(frozen=True, slots=True)
class TcString:
    """A decoded TC string. Times are microseconds UTC as the string has them (since 2021: midnights)."""

    created: int
    last_updated: int
    cmp_id: int
    cmp_version: int
    consent_screen: int
    language: str
    vendor_list_version: int
    policy_version: int
    service_specific: bool
    non_standard_texts: bool
    special_features: Ids
    purpose_consents: Ids
    purpose_interests: Ids
    purpose_one_undisclosed: bool
    publisher_country: str
    vendor_consents: Ids
    vendor_interests: Ids
    restrictions: tuple[Restriction, ...]
    disclosed: Ids | None = None
    allowed: Ids | None = None
    publisher: PublisherPurposes | None = None


def decode_tc(text: str) -> TcString:
    """Decode a TC string. Raises `Undecodable` for whatever an encoder of the standard does not write."""
    if len(text) > LONGEST:
        raise Undecodable("A consent string is too long.")
    core, *others = text.split(".")
    return _core(Bits.of(core), *_segments(others))


def _core(bits: Bits, disclosed: Ids | None, allowed: Ids | None, publisher: PublisherPurposes | None) -> TcString:
    head = bits.take(_HEAD)
    word = [head >> shift & mask for shift, mask in _SHIFTS]
    if word[0] != VERSION:
        raise Undecodable("A TC string is of another version than 2.")
    if word[2] < word[1]:
        raise Undecodable("A TC string was updated before it was created.")
    vendor_consents, vendor_interests = bits.ids(), bits.ids()
    restrictions = tuple(_restriction(bits) for _ in range(bits.take(12)))
    bits.close()
    return TcString(
        created=word[1] * _DECISECOND,
        last_updated=word[2] * _DECISECOND,
        cmp_id=word[3],
        cmp_version=word[4],
        consent_screen=word[5],
        language=_letters(word[6]),
        vendor_list_version=word[7],
        policy_version=word[8],
        service_specific=word[9] == 1,
        non_standard_texts=word[10] == 1,
        special_features=Ids(12, word[11]),
        purpose_consents=Ids(24, word[12]),
        purpose_interests=Ids(24, word[13]),
        purpose_one_undisclosed=word[14] == 1,
        publisher_country=_letters(word[15]),
        vendor_consents=vendor_consents,
        vendor_interests=vendor_interests,
        restrictions=restrictions,
        disclosed=disclosed,
        allowed=allowed,
        publisher=publisher,
    )


def _restriction(bits: Bits) -> Restriction:
    purpose, kind = bits.take(6), bits.take(2)
    if not 1 <= purpose <= _HIGHEST_PURPOSE or kind > RestrictionType.REQUIRE_LEGITIMATE_INTEREST:
        raise Undecodable("A TC string restricts a purpose, or in a way, that there is not.")
    vendors = Ids(_HIGHEST_VENDOR, ranges=bits.int_ranges(_HIGHEST_VENDOR))
    return Restriction(purpose, RestrictionType(kind), vendors)


def _segments(texts: Sequence[str]) -> tuple[Ids | None, Ids | None, PublisherPurposes | None]:
    vendors: dict[int, Ids] = {}
    publisher = None
    for text in texts:
        bits = Bits.of(text)
        kind = bits.take(_SEGMENT_BITS)
        if kind in {_DISCLOSED, _ALLOWED} and kind not in vendors:
            vendors[kind] = bits.ids()
        elif kind == _PUBLISHER and publisher is None:
            publisher = _publisher(bits)
        else:
            raise Undecodable("A TC string has a segment twice, or one of an unknown type.")
        bits.close()
    return vendors.get(_DISCLOSED), vendors.get(_ALLOWED), publisher


def _publisher(bits: Bits) -> PublisherPurposes:
    consents, interests = bits.field(24), bits.field(24)
    custom = bits.take(6)
    return PublisherPurposes(consents, interests, bits.field(custom), bits.field(custom))


def _letters(word: int) -> str:
    first, second = word >> 6, word & 63
    if first > 25 or second > 25:  # noqa: PLR2004 - the 26th letter
        raise Undecodable("A TC string names a language or country that is not two letters.")
    return chr(65 + first) + chr(65 + second)
