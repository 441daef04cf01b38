import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.consent.signals.bits import Undecodable
from passerelle.privacy.consent.signals.consent_mode import CONSENT_MODE, decode_consent_mode
from passerelle.privacy.vocabulary import Channel, ConsentState, EvidenceGrade, Purpose

YES, NO, DUNNO = ConsentState.GIVEN, ConsentState.REFUSED, ConsentState.UNKNOWN
BOTH = "ad_user_data=granted;ad_personalization=granted"


def states(text: str) -> dict[Purpose, ConsentState]:
    return {said.purpose: said.state for said in CONSENT_MODE.read(text)}


@pytest.mark.parametrize(
    ("text", "lists", "measurement"),
    [
        (BOTH, YES, YES),
        ("ad_user_data: granted, ad_personalization: denied", NO, YES),
        ("ad_user_data=denied&ad_personalization=granted", NO, NO),
        ("ad_user_data=granted", DUNNO, YES),
        ("ad_storage=granted analytics_storage=denied", DUNNO, DUNNO),
        ('{"ad_storage": "granted", "ad_user_data": "granted", "ad_personalization": "granted"}', YES, YES),
        ('{"adUserData": "CONSENT_GRANTED", "adPersonalization": "CONSENT_DENIED"}', NO, YES),
        ('{"adUserData": "CONSENT_STATUS_UNSPECIFIED"}', DUNNO, DUNNO),
        ("{}", DUNNO, DUNNO),
    ],
)
def test_lists_need_both_answers_and_measurement_one(text: str, lists: ConsentState, measurement: ConsentState) -> None:
    said = states(text)
    assert said[Purpose.AD_LIST_MATCHING] is said[Purpose.AD_LOOKALIKE_SEED] is lists
    assert said[Purpose.AD_MEASUREMENT] is measurement


def test_an_undated_grant_is_grade_c_on_the_web_and_for_google_alone() -> None:
    for said in CONSENT_MODE.read(BOTH):
        assert (said.grade, said.channel, said.event_time) == (EvidenceGrade.C, Channel.WEB, None)
        assert said.recipients == ("google_ads",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "granted",
        "G111",
        "13t3t3t3t5",
        "ad_user_data=yes",
        "ad_user_data=granted;",
        "ad_user_data=granted;ad_user_data=denied",
        'ad_user_data=granted;adUserData="denied"',
        "ad_user_data=granted;ad_user_date=granted",
        '{"ad_user_data": "granted", "ad_user_data": "denied"}',
        '{"ad_user_data": "granted", "adUserData": "denied"}',
        '{"ad_user_data": true}',
        '{"ad_user_data": "granted"} x',
        '{"ad_user_data": {"ad_user_data": "granted"}}',
        "[]",
        '{"a":' * 300,
        "{" + '"ad_user_data": "granted", ' * 200,
    ],
)
def test_anything_else_is_unknown_and_not_quoted(text: str) -> None:
    with pytest.raises(Undecodable) as raised:
        decode_consent_mode(text)
    assert text == "" or text not in str(raised.value)
    assert set(states(text).values()) == {DUNNO}


@pytest.mark.parametrize("text", [BOTH, '{"ad_user_data": "granted", "ad_personalization": "granted"}'])
def test_no_truncation_and_no_changed_letter_grants_more(text: str) -> None:
    for end in range(len(text)):
        assert states(text[:end])[Purpose.AD_LIST_MATCHING] is not YES
        changed = states(text[:end] + "~" + text[end + 1 :])
        assert YES not in changed.values()


@given(st.text('ad_usertponlizg=;:, {}"', max_size=60))
def test_the_reader_never_raises(text: str) -> None:
    assert len(states(text)) == 4
