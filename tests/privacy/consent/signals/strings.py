"""Consent strings for tests: one that grants, and random ones."""

from typing import Any

from hypothesis import strategies as st

from passerelle.privacy.consent.signals.bits import Ids
from passerelle.privacy.consent.signals.tcf_string import PublisherPurposes, Restriction, RestrictionType, TcString

DECISECOND = 100_000
DAY = 86_400_000_000
OCTOBER_31 = 1_793_404_800_000_000  # 2026


def purposes(*numbers: int) -> Ids:
    return Ids(24, sum(1 << 24 - number for number in numbers))


def vendors(*numbers: int) -> Ids:
    return Ids(max(numbers), ranges=tuple((number, number) for number in numbers))


def granting(**changes: Any) -> TcString:  # noqa: ANN401 - any field
    """A string of TCF 2.3 that agrees to everything Google asks for."""
    fields: dict[str, Any] = {
        "created": OCTOBER_31,
        "last_updated": OCTOBER_31,
        "cmp_id": 31,
        "cmp_version": 2,
        "consent_screen": 1,
        "language": "FR",
        "vendor_list_version": 48,
        "policy_version": 5,
        "service_specific": True,
        "non_standard_texts": False,
        "special_features": Ids(12),
        "purpose_consents": purposes(1, 3, 4, 7),
        "purpose_interests": purposes(),
        "purpose_one_undisclosed": False,
        "publisher_country": "FR",
        "vendor_consents": vendors(28, 755),
        "vendor_interests": Ids(0),
        "restrictions": (),
        "disclosed": vendors(28, 755),
    }
    return TcString(**{**fields, **changes})


def closed_to_google(purpose: int, kind: RestrictionType) -> Restriction:
    return Restriction(purpose, kind, Ids(65_535, ranges=((700, 760),)))


def _ranges(top: int) -> st.SearchStrategy[Ids]:
    pair = st.tuples(st.integers(1, top), st.integers(1, top)).map(lambda ends: (min(ends), max(ends)))
    return st.lists(pair, max_size=4).map(lambda pairs: Ids(top, ranges=tuple(pairs)))


def _ids(top: int) -> st.SearchStrategy[Ids]:
    fields = st.integers(0, top).flatmap(lambda size: st.integers(0, (1 << size) - 1).map(lambda bits: Ids(size, bits)))
    return st.one_of(fields, _ranges(top), st.just(vendors(755)))


_PURPOSES = st.one_of(st.just(purposes(1, 3, 4, 7)), st.integers(0, (1 << 24) - 1).map(lambda bits: Ids(24, bits)))
_RULES = st.builds(Restriction, st.integers(1, 11), st.sampled_from(RestrictionType), _ranges(65_535))
_WORDS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2)
_CUSTOM = st.integers(0, 5).flatmap(
    lambda size: st.builds(
        PublisherPurposes,
        _PURPOSES,
        _PURPOSES,
        st.integers(0, (1 << size) - 1).map(lambda bits: Ids(size, bits)),
        st.integers(0, (1 << size) - 1).map(lambda bits: Ids(size, bits)),
    )
)

tc_strings: st.SearchStrategy[TcString] = st.builds(
    TcString,
    created=st.integers(0, 10**10).map(lambda word: word * DECISECOND),
    last_updated=st.integers(10**10, (1 << 36) - 1).map(lambda word: word * DECISECOND),
    cmp_id=st.integers(0, 4095),
    cmp_version=st.integers(0, 4095),
    consent_screen=st.integers(0, 63),
    language=_WORDS,
    vendor_list_version=st.integers(0, 4095),
    policy_version=st.integers(0, 63),
    service_specific=st.booleans(),
    non_standard_texts=st.booleans(),
    special_features=st.integers(0, 4095).map(lambda bits: Ids(12, bits)),
    purpose_consents=_PURPOSES,
    purpose_interests=_PURPOSES,
    purpose_one_undisclosed=st.booleans(),
    publisher_country=_WORDS,
    vendor_consents=_ids(800),
    vendor_interests=_ids(800),
    restrictions=st.lists(_RULES, max_size=3).map(tuple),
    disclosed=st.none() | _ids(800),
    allowed=st.none() | _ids(40),
    publisher=st.none() | _CUSTOM,
)
"""Anything that can be written."""

sound_strings: st.SearchStrategy[TcString] = st.builds(
    granting,
    purpose_consents=_PURPOSES,
    vendor_consents=_ids(800),
    restrictions=st.lists(_RULES, max_size=2).map(tuple),
    disclosed=st.none() | _ids(800),
    publisher=st.none() | _CUSTOM,
)
"""Strings that are not void: what they come to is up to purposes, vendors and restrictions."""
