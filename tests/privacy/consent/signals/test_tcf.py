from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.consent.signals.bits import Ids, Undecodable
from passerelle.privacy.consent.signals.contract import Said
from passerelle.privacy.consent.signals.tcf import ADS, TCF
from passerelle.privacy.consent.signals.tcf_string import RestrictionType, TcString, decode_tc
from passerelle.privacy.vocabulary import Channel, ConsentState, EvidenceGrade, Precision, Purpose
from tests.privacy.consent.signals.encoder import LETTERS, core, flipped, same_content, tc_string
from tests.privacy.consent.signals.strings import (
    DAY,
    OCTOBER_31,
    closed_to_google,
    granting,
    purposes,
    sound_strings,
    tc_strings,
    vendors,
)

# Written by @iabtcf/core 1.5.6 on 31 October 2026, vendors 1 to 800 disclosed.
YES = "CQs89sAQs89sAAfACBENAwFgALIAAAAAAAqIF5wAQF5gAAAA.IGQQAYAAgZAA"
NO_VENDOR = "CQs89sAQs89sAAfACBENAwFgALAAAAAAAAqIAOAAAABAAAAA.IGQQAYAAgZAA"
NO_PURPOSE = "CQs89sAQs89sAAfACBENAwFgAIAAAAAAAAqIF5wAQF5gAAAA.IGQQAYAAgZAA"
RESTRICTED = "CQs89sAQs89sAAfACBENAwFgALIAAAAAAAqIF5wAQF5gAAABDAAQF5gA.IGQQAYAAgZAA"
FROM_THE_STANDARD = "CQSbk4AQSbk4ANwAAAENAwCgAAAAAAAAAAYgACPAAAAA.IDKQA4AAgAKAGQAygAAA.YAAAAAAAAAAA"

NOVEMBER_30_2027 = 1_827_532_800_000_000


def granted(text: str) -> set[Purpose]:
    return {said.purpose for said in TCF.read(text) if said.state.permits}


def about_lists(text: str) -> Said:
    return next(said for said in TCF.read(text) if said.purpose is Purpose.AD_LIST_MATCHING)


def test_a_string_of_iab_s_own_decodes_field_by_field() -> None:
    tc = decode_tc(RESTRICTED)
    assert (tc.cmp_id, tc.policy_version, tc.language, tc.publisher_country) == (31, 5, "EN", "FR")
    assert tc.created == tc.last_updated == OCTOBER_31
    assert tc.purpose_consents.all_of() == {1, 3, 4, 7}
    assert tc.vendor_consents.all_of() == {755}
    assert tc.disclosed is not None
    assert tc.disclosed.all_of() == set(range(1, 801))
    (rule,) = tc.restrictions
    assert (rule.purpose, rule.kind) == (3, RestrictionType.NOT_ALLOWED)
    assert rule.vendors.all_of() == {755}


def test_the_standard_s_example_decodes() -> None:
    tc = decode_tc(FROM_THE_STANDARD)
    assert (tc.cmp_id, tc.policy_version, tc.publisher_country) == (880, 2, "DE")
    assert tc.vendor_consents.all_of() == {1, 2, 3, 4}
    assert tc.disclosed is not None
    assert tc.disclosed.all_of() == {1, 2, 3, 4, 5, 100, 404}
    assert tc.publisher is not None


@pytest.mark.parametrize(
    ("text", "state", "method"),
    [
        (YES, ConsentState.GIVEN, "tcf"),
        (NO_VENDOR, ConsentState.REFUSED, "tcf_vendor_refused"),
        (NO_PURPOSE, ConsentState.REFUSED, "tcf_purpose_refused"),
        (RESTRICTED, ConsentState.UNKNOWN, "tcf_closed_by_publisher"),
        (FROM_THE_STANDARD, ConsentState.UNKNOWN, "tcf_void"),
        ("", ConsentState.UNKNOWN, "tcf_undecodable"),
        ("someone@example.org", ConsentState.UNKNOWN, "tcf_undecodable"),
    ],
)
def test_each_string_has_its_answer(text: str, state: ConsentState, method: str) -> None:
    said = about_lists(text)
    assert (said.state, said.method, said.channel) == (state, method, Channel.WEB)


def test_a_grant_is_for_google_alone_dated_by_its_day_and_ends_after_thirteen_months() -> None:
    said = about_lists(YES)
    assert said.recipients == ("google_ads",)
    assert (said.event_time, said.precision, said.grade) == (OCTOBER_31, Precision.DAY, EvidenceGrade.B)
    assert said.valid_until == NOVEMBER_30_2027
    assert said.notice is None


def test_a_time_within_the_day_counts_as_its_day() -> None:
    assert about_lists(tc_string(granting(last_updated=OCTOBER_31 + DAY - 100_000))).event_time == OCTOBER_31


@pytest.mark.parametrize(
    "change",
    [
        {"policy_version": 3},
        {"service_specific": False},
        {"cmp_id": 1},
        {"disclosed": None},
        {"disclosed": vendors(28)},
        {"vendor_consents": vendors(28, 754, 756)},
        {"vendor_consents": Ids(0)},
        {"purpose_consents": purposes(1, 3)},
        {"purpose_consents": purposes(3, 4)},
        {"purpose_consents": purposes(3, 4), "purpose_one_undisclosed": True},
        {"purpose_consents": purposes(1), "purpose_interests": purposes(3, 4)},
        {"restrictions": (closed_to_google(4, RestrictionType.NOT_ALLOWED),)},
        {"restrictions": (closed_to_google(4, RestrictionType.REQUIRE_LEGITIMATE_INTEREST),)},
    ],
)
def test_a_string_that_misses_one_thing_grants_nothing(change: dict[str, Any]) -> None:
    assert granted(tc_string(granting())) == set(ADS)
    assert granted(tc_string(granting(**change))) == set()


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({"purpose_consents": purposes(1, 3, 4)}, ConsentState.REFUSED),
        ({"purpose_consents": purposes(1, 3, 4), "purpose_interests": purposes(7)}, ConsentState.UNKNOWN),
        ({"restrictions": (closed_to_google(7, RestrictionType.NOT_ALLOWED),)}, ConsentState.UNKNOWN),
    ],
)
def test_measurement_needs_a_consent_of_its_own(change: dict[str, Any], state: ConsentState) -> None:
    said = {one.purpose: one.state for one in TCF.read(tc_string(granting(**change)))}
    assert said.pop(Purpose.AD_MEASUREMENT) is state
    assert set(said.values()) == {ConsentState.GIVEN}


def test_a_restriction_to_consent_or_of_others_closes_nothing() -> None:
    rules = (closed_to_google(3, RestrictionType.REQUIRE_CONSENT), closed_to_google(2, RestrictionType.NOT_ALLOWED))
    assert granted(tc_string(granting(restrictions=rules))) == set(ADS)


@pytest.mark.parametrize(
    "text",
    [
        YES + "A" * 8,
        YES + "B",
        YES + ".",
        "." + YES,
        YES + ".IGQQAYAAgZAA",
        YES + ".gAAA",
        YES + "=",
        YES.replace("A", "+", 1),
        YES.replace("A", "\u0410", 1),
        YES + "\n",
        " " + YES,
        "B" + YES[1:],
        "D" + YES[1:],
        "C" * 200_000,
        YES.split(".")[1],
    ],
)
def test_what_no_encoder_writes_is_undecodable_and_not_quoted(text: str) -> None:
    with pytest.raises(Undecodable) as raised:
        decode_tc(text)
    assert text not in str(raised.value)
    assert granted(text) == set()


@given(tc_strings)
def test_what_is_written_is_read(tc: TcString) -> None:
    assert decode_tc(tc_string(tc)) == tc


@given(tc_strings, st.sampled_from([8, 24]))
def test_other_encoders_paddings_are_read_too(tc: TcString, whole: int) -> None:
    bits = core(tc).bits
    padded = bits + "0" * (-len(bits) % whole)
    padded += "0" * (-len(padded) % 6)
    text = "".join(LETTERS[int(padded[at : at + 6], 2)] for at in range(0, len(padded), 6))
    assert decode_tc(text).vendor_consents == tc.vendor_consents


@given(sound_strings)
def test_no_truncation_ever_grants_more(tc: TcString) -> None:
    text = tc_string(tc)
    whole = granted(text)
    for end in range(len(text)):
        assert granted(text[:end]) <= whole


@given(sound_strings, st.data())
def test_a_turned_bit_grants_more_only_where_it_is_an_answer_itself(tc: TcString, data: st.DataObject) -> None:
    pen, text = core(tc), tc_string(tc)
    policy_to_service = {*range(78, 90), *range(132, 140)}  # CMP, policy and whose string it is: sound as they are
    frame = sorted(set(range(len(pen.text()) * 6)) - pen.content - policy_to_service)
    assert granted(flipped(text, data.draw(st.sampled_from(frame)))) <= granted(text)


@given(tc_strings, st.data())
def test_a_changed_character_never_goes_unnoticed(tc: TcString, data: st.DataObject) -> None:
    text = tc_string(tc)
    at = data.draw(st.integers(0, len(text) - 1))
    changed = text[:at] + data.draw(st.sampled_from(LETTERS + ".~=+/ \n")) + text[at + 1 :]
    try:
        found = decode_tc(changed)
    except Undecodable:
        return
    assert same_content(tc_string(found), changed)


@given(st.text(LETTERS + ".", max_size=120))
def test_the_reader_never_raises_and_noise_grants_nothing(noise: str) -> None:
    assert granted(noise) == set()
    assert granted("C" + noise) == set()
