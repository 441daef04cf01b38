"""A mapping file: what it may say, and what records come to under it."""

from typing import Any

import pytest
from pydantic import ValidationError

from passerelle.privacy.consent.signals.mapping import SignalMapping
from passerelle.privacy.consent.signals.registry import mapped
from passerelle.privacy.vocabulary import Channel, ConsentState, EvidenceGrade, Field, Precision, Purpose, Stop
from tests.privacy.consent.signals.payloads import AGREED, EMAIL, micros

ASKED: dict[str, Any] = {
    "purpose": "ad_list_matching",
    "state": {"key": "ads", "given": ["Oui"], "refused": ["non"], "withdrawn": ["retiré"]},
    "at": "when",
    "notice": "ads-2026@1",
    "method": "web_form",
}
RECORD = {"contact": {"mail": EMAIL}, "ads": " OUI ", "when": AGREED}


def mapping(*statements: dict[str, Any], **more: Any) -> SignalMapping:  # noqa: ANN401 - parts of a file
    plain: dict[str, Any] = {"signal": "records", "who": {"email": "contact.mail"}, "statements": statements or [ASKED]}
    return SignalMapping.model_validate({**plain, **more})


def read(made: SignalMapping, record: dict[str, Any]) -> Any:  # noqa: ANN401 - a reading
    (one,) = mapped(made).read(record)
    return one


def test_a_record_is_read_as_the_mapping_says() -> None:
    heard = read(mapping(), RECORD)
    assert heard.who == {Field.EMAIL: EMAIL}
    (one,) = heard.said
    assert (one.purpose, one.state, one.grade) == (Purpose.AD_LIST_MATCHING, ConsentState.GIVEN, EvidenceGrade.A)
    assert (one.event_time, one.notice, one.scope) == (micros(AGREED), "ads-2026@1", "ad_list_matching")


@pytest.mark.parametrize(
    ("value", "state"),
    [("non", ConsentState.REFUSED), ("RETIRÉ", ConsentState.WITHDRAWN), ("maybe", ConsentState.UNKNOWN)],
)
def test_a_word_that_is_not_listed_never_permits(value: str, state: ConsentState) -> None:
    assert [one.state for one in read(mapping(), {**RECORD, "ads": value}).said] == [state]


def test_a_blank_says_nothing() -> None:
    assert read(mapping(), {**RECORD, "ads": " "}).left_out == "says_nothing"
    assert read(mapping(), {**RECORD, "contact": {}}).left_out == "nobody"


@pytest.mark.parametrize(
    ("change", "grade"),
    [
        ({"when": ""}, EvidenceGrade.C),
        ({"when": "yesterday"}, EvidenceGrade.C),
        ({"when": "2026-02-03"}, EvidenceGrade.A),
    ],
)
def test_evidence_is_never_better_than_what_is_there(change: dict[str, str], grade: EvidenceGrade) -> None:
    assert [one.grade for one in read(mapping(), {**RECORD, **change}).said] == [grade]


def test_the_mapping_may_claim_less_than_there_is() -> None:
    assert [one.grade for one in read(mapping({**ASKED, "grade": "B"}), RECORD).said] == [EvidenceGrade.B]
    del (without := dict(ASKED))["method"]
    assert [one.grade for one in read(mapping(without), RECORD).said] == [EvidenceGrade.B]


def test_times_without_a_zone_take_that_of_the_mapping() -> None:
    local = {**RECORD, "when": "2026-02-03T11:12:00"}
    assert [one.precision for one in read(mapping(), local).said] == [Precision.UNKNOWN]
    assert [one.event_time for one in read(mapping(timezone="Europe/Paris"), local).said] == [micros(AGREED)]


def test_a_channel_only_vetoes_and_a_stop_is_imposed_by_a_refusal() -> None:
    marked = mapping({**ASKED, "channel": "email", "stop": "objection"})
    (yes,) = read(marked, RECORD).said
    assert (yes.channel, yes.stop, yes.grade) == (Channel.EMAIL, None, EvidenceGrade.B)
    (no,) = read(marked, {**RECORD, "ads": "non"}).said
    assert (no.channel, no.stop) == (Channel.EMAIL, Stop.OBJECTION)


def test_lists_purposes_and_notices_by_their_words() -> None:
    made = mapping(
        {
            "each": "choices",
            "purpose_from": {"key": "about", "words": {"A": "ad_list_matching", "N": "email_marketing"}},
            "state": {"key": "on", "given": ["true"], "refused": ["false"]},
            "at": "when",
            "notice_from": {"key": "text", "words": {"v3": "ads-2026@1"}},
            "method_from": "form",
        }
    )
    choices = [
        {"about": "A", "on": True, "text": "v3", "form": "checkout"},
        {"about": "N", "on": False, "text": "news-2026@2"},
        {"about": "?", "on": True},
    ]
    said = read(made, {**RECORD, "choices": choices}).said
    assert [(one.purpose.value, one.state.permits, one.notice, one.method) for one in said] == [
        ("ad_list_matching", True, "ads-2026@1", "checkout"),
        ("email_marketing", False, "news-2026@2", None),
    ]


def test_records_that_do_not_count_are_left_out_of_vendors_too() -> None:
    rule = [{"key": "kind", "words": ["Test"]}]
    assert read(mapping(left_out=rule), {**RECORD, "kind": "test"}).left_out == "left_out_by_mapping"
    made = SignalMapping.model_validate({"signal": "brevo", "left_out": rule})
    assert read(made, {"email": EMAIL, "kind": "TEST"}).left_out == "left_out_by_mapping"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"statements": []}, "needs `who` and `statements`"),
        ({"who": {}}, "needs `who` and `statements`"),
        ({"who": {"country": "c"}}, "at least one of email"),
        ({"signal": "onetrust"}, "belong to `signal: records`"),
        ({"timezone": "Paris"}, "a name such as"),
        ({"statements": [{**ASKED, "notice": None}]}, "needs the `notice`"),
        ({"statements": [{**ASKED, "notice_from": {"key": "n"}}]}, "either `notice` or"),
        ({"statements": [{**ASKED, "purpose": None}]}, "either `purpose` or"),
        ({"statements": [{**ASKED, "state": {"key": "x"}}]}, "at least one word"),
        ({"statements": [{**ASKED, "state": {"key": "x", "given": ["a"], "refused": ["A "]}}]}, "two meanings"),
        ({"statements": [{**ASKED, "channel": "ads"}]}, "channel"),
        ({"more": 1}, "Extra inputs"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        mapping(**wrong)


def test_a_vendors_purpose_for_advertising_needs_the_notice_that_asked() -> None:
    with pytest.raises(ValidationError, match="needs the `notice`"):
        SignalMapping.model_validate({"signal": "hubspot", "purposes": {"7": {"purpose": "ad_list_matching"}}})
    with pytest.raises(ValidationError, match="name no purposes"):
        SignalMapping.model_validate({"signal": "shopify", "purposes": {"7": {"purpose": "email_marketing"}}})


def test_another_mapping_has_another_fingerprint() -> None:
    assert mapping().fingerprint() == mapping().fingerprint()
    assert mapping().fingerprint() != mapping({**ASKED, "method": "paper"}).fingerprint()
