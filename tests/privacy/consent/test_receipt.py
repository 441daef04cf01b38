from typing import Any

from passerelle.privacy.consent.notice import by_reference, notice_digest
from passerelle.privacy.consent.receipt import Circumstances, Party, receipt
from tests.privacy.consent.house import notice

VERSIONS = by_reference([notice()])
WHOLE = Circumstances(
    controller=Party(
        party_id="controller",
        party_type="pii_controller",
        party_name="A",
        party_address="1 rue X",
        party_contact="page",
    ),
    storage_locations=["here"],
    retention_period="two years",
    withdrawal_method="page",
    jurisdiction="FR",
    identifiers=["email"],
)


def line(event_id: int, state: str = "ConsentGiven", **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a line's fields
    usual = {
        "event_id": event_id, "purpose": "ad_list_matching", "state": state, "at": "2026-03-01T10:00:00Z",
        "precision": "second", "valid_until": None, "notice": "ads@1", "recipients": None, "stream": "crm.optin/abc",
        "method": "web_form", "expression": "explicit", "log_index": event_id,
    }  # fmt: skip
    return {**usual, **changes}


def test_a_record_has_a_section_per_purpose_and_notice_in_the_order_they_were_heard() -> None:
    lines = [line(1), line(2, purpose="email_marketing", notice=None), line(3, "ConsentWithdrawn")]
    found = receipt("s1ab", lines, VERSIONS, WHOLE)
    assert [(one.purpose, one.privacy_notice, len(one.events)) for one in found.pii_processing] == [
        ("ad_list_matching", "ads@1", 2),
        ("email_marketing", "", 1),
    ]
    (first, _) = found.pii_processing
    assert (first.language, first.privacy_notice_digest) == ("fr", notice_digest("ads@1", VERSIONS["ads@1"]))
    assert (first.collection_method, first.pii_controllers) == (["web_form"], ["controller"])
    assert (first.events[0].entity_id, first.events[0].event_type) == ("crm.optin", "explicit")
    assert [one.party_id for one in found.party_identification] == ["controller", "meta", "google_ads"]


def test_recipients_are_those_that_the_person_chose() -> None:
    (section,) = receipt("s1ab", [line(1, recipients="meta")], VERSIONS, WHOLE).pii_processing
    assert section.recipient_third_parties == ["meta"]


def test_the_same_statements_have_the_same_id_and_others_another() -> None:
    one, same, other = (receipt("s1ab", lines, {}, WHOLE).record_id for lines in ([line(1)], [line(1)], [line(2)]))
    assert one == same != other


def test_a_record_names_what_it_misses_and_a_refusal_needs_no_notice() -> None:
    assert receipt("s1ab", [line(1), line(2, "ConsentRefused", notice=None)], VERSIONS, WHOLE).missing == []
    assert receipt("s1ab", [line(1)], {}, WHOLE).missing == ["language", "recipient_third_parties"]
    assert receipt("s1ab", [line(1)], VERSIONS, Circumstances()).missing == [
        "pii_controllers", "pii_information", "storage_locations", "retention_period", "jurisdiction",
        "withdrawal_method",
    ]  # fmt: skip
    bare = WHOLE.model_copy(update={"controller": Party(party_id="c", party_type="pii_controller", party_name="A")})
    assert receipt("s1ab", [line(1)], VERSIONS, bare).missing == ["party_address", "party_contact"]
    assert (
        receipt("s1ab", [line(1, expression=None)], VERSIONS, WHOLE).pii_processing[0].events[0].event_type == "unknown"
    )
