"""`consent import --signal`: vendors' exports and consent strings, from a file to what may be sent."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.store import tables as t
from passerelle.workflows.settings.unusable import Unusable
from passerelle.workflows.verbs.consent_import import ImportRequest, ImportResult
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.workspace import Workspace
from tests.canary import Canary
from tests.privacy.consent.signals.payloads import (
    ADS_PURPOSE,
    AGAIN,
    brevo_contact,
    didomi_event,
    hubspot_status,
    hubspot_wide,
    klaviyo_profile,
    onetrust_receipt,
    salesforce_contact,
)
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask, workspace

ZOE = Canary.make("signals")
ADS = {"ad_list_matching", "ad_lookalike_seed", "ad_suppression", "ad_measurement"}
GIVEN = {"purpose": "ad_list_matching", "notice": "ads-2026@1", "recipients": ["meta"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = workspace(tmp_path_factory.mktemp("signals") / "shop")
    with Workspace.open(made) as opened:
        opened.store()
    return made


def taken(folder: Path, content: str | Sequence[Any], name: str = "in.jsonl", **words: Any) -> ImportResult:  # noqa: ANN401 - words of a request
    text = content if isinstance(content, str) else "\n".join(json.dumps(one) for one in content)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    result = ask(folder, "consent import", file=path, source=words.pop("source", "crm"), **words)
    assert isinstance(result, ImportResult)
    assert not any(form in result.model_dump_json() for form in ZOE.forms())
    return result


def mapping(folder: Path, text: str) -> Path:
    path = folder / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def events(folder: Path, source: str) -> list[Any]:
    """What is kept of a source, oldest first."""
    c = t.consent_event.c
    with Workspace.open(folder) as opened, opened.store().read() as connection:
        found = connection.execute(select(t.consent_event).where(c.stream.startswith(source)).order_by(c.event_id))
        return list(found.all())


def test_an_unsubscription_from_everything_vetoes_and_a_later_subscription_only_ends_that(folder: Path) -> None:
    left = hubspot_wide(subscriberIdString=ZOE.email)
    first = taken(folder, [left], signal="hubspot", source="hub")
    assert (first.lines, first.new, first.withdrawals, first.outcome) == (1, 5, 1, Outcome.DONE)
    back = taken(folder, [{**left, "status": "SUBSCRIBED", "timestamp": AGAIN}], signal="hubspot", source="hub")
    assert back.new == 5
    kept = events(folder, "hub.")
    assert {one.purpose for one in kept} == {*ADS, "email_marketing"}
    assert {one.channel for one in kept if one.purpose in ADS} == {"email"}
    assert len({one.stream for one in kept}) == 1
    assert {(one.adapter, one.identified_by) for one in kept} == {("hubspot/1", "email")}


def test_a_subscription_that_ends_no_veto_is_not_held_against_advertising(folder: Path) -> None:
    profile = klaviyo_profile()
    profile["attributes"] |= {"email": "person.2@example.org", "phone_number": None}
    assert taken(folder, [profile], signal="klaviyo", source="klv").new == 1
    assert [one.purpose for one in events(folder, "klv.")] == ["email_marketing"]


def test_that_there_is_no_answer_counts_only_where_there_was_a_yes(folder: Path) -> None:
    asked = hubspot_status(subscriberIdString="person.16@example.org")
    silent = {**asked, "status": "NOT_SPECIFIED", "timestamp": AGAIN}
    assert taken(folder, [silent], signal="hubspot", source="ask").new == 0
    assert taken(folder, [asked], signal="hubspot", source="ask").new == 1
    assert taken(folder, [silent], signal="hubspot", source="ask").new == 1
    assert [one.state for one in events(folder, "ask.")] == ["ConsentGiven", "ConsentUnknown"]


def test_the_raw_record_is_kept_sealed_and_vouched_for(folder: Path) -> None:
    contact = brevo_contact(email=ZOE.email, emailBlacklisted=True)
    taken(folder, [contact], signal="brevo", source="brv")
    kept = events(folder, "brv.")
    assert all(one.evidence is not None and one.raw is not None for one in kept)
    assert not any(ZOE.email.encode() in one.raw for one in kept)


def test_records_of_different_people_in_one_page_go_each_to_its_own(folder: Path) -> None:
    page = {"contacts": [brevo_contact(email=f"person.{number}@example.org", smsBlacklisted=True) for number in (5, 6)]}
    for contact in page["contacts"]:
        contact["attributes"] = {}
    assert taken(folder, json.dumps(page, indent=1), "in.json", signal="brevo", source="page").new == 10
    assert len({one.subject_id for one in events(folder, "page.")}) == 2


@pytest.mark.parametrize("name", ["in.jsonl", "in.json", "in.csv"])
def test_json_lines_an_array_and_csv_say_the_same(folder: Path, name: str) -> None:
    record = salesforce_contact(HasOptedOutOfEmail="true", Email="person.7@example.org", MobilePhone="")
    text = {
        "in.jsonl": json.dumps(record) + "\n",
        "in.json": json.dumps([record, record], indent=2),
        "in.csv": ",".join(record) + "\n" + ",".join(record.values()) + "\n",
    }[name]
    found = taken(folder, text, name, signal="salesforce", source="sf")
    assert found.new + found.known == 5 * found.lines
    assert len(events(folder, "sf.")) == 5


def test_what_is_left_out_or_refused_is_counted_by_reason_and_line(folder: Path) -> None:
    receipts = [
        onetrust_receipt(dataSubjectIdentifier=ZOE.email, test=True),
        onetrust_receipt(dataSubjectIdentifier=ZOE.email),
        onetrust_receipt(dataSubjectIdentifier=ZOE.email, isAnonymous=True),
        [ZOE.email],
    ]
    text = "\n".join([*(json.dumps(one) for one in receipts), f"not json {ZOE.email}", '{"identifier": "\\ud800"}'])
    found = taken(folder, text, signal="onetrust", source="one")
    assert {one.reason: one.lines for one in found.left_out} == {
        "test_receipt": [1],
        "unmapped_purpose": [2],
        "nobody": [3, 6],
    }
    assert {one.reason: one.lines for one in found.refusals} == {"not_a_record": [4, 5]}
    assert (found.outcome, found.new) == (Outcome.HELD_BACK, 0)


def test_an_operators_mapping_lets_a_receipt_grant_under_its_notice(folder: Path) -> None:
    who = "who: {email: dataSubjectIdentifier, country: geolocation.country}\n"
    file = mapping(folder, f'signal: onetrust\n{who}purposes:\n  "{ADS_PURPOSE}": {json.dumps(GIVEN)}\n')
    receipt = onetrust_receipt(
        {"consentDate": "2026-03-02T10:12:00Z"},
        dataSubjectIdentifier="person.8@example.org",
        geolocation={"country": "FR"},
    )
    assert taken(folder, [receipt], signal="onetrust", mapping=file, source="one").new == 1
    (one,) = events(folder, "one.")
    assert (one.grade, one.notice, one.recipients, one.channel) == ("A", "ads-2026@1", "meta", None)
    assert one.adapter.startswith("onetrust.")
    shown = ask(folder, "consent show", stdin=b"person.8@example.org\n").model_dump()
    assert {(day["destination"], day["reason"]) for day in shown["today"]} == {
        ("meta", "consent"),
        ("google_ads", "recipient_not_chosen"),
    }


def test_any_other_record_is_read_as_a_mapping_says(folder: Path) -> None:
    file = mapping(
        folder,
        "signal: records\ntimezone: Europe/Paris\nwho: {email: mail}\nstatements:\n  - purpose: ad_list_matching\n"
        "    state: {key: ads, given: [oui], withdrawn: [non]}\n    at: date\n    notice: ads-2026@1\n"
        "    method: web_form\n",
    )
    text = "mail;ads;date\nperson.9@example.org;oui;2026-03-03 11:00:00\nperson.10@example.org;peut-être;\n;oui;\nx;y\n"
    found = taken(folder, text, "in.csv", signal="records", mapping=file, source="other")
    assert (found.new, found.withdrawals) == (2, 1)
    assert {one.reason: one.lines for one in found.left_out} == {"nobody": [4]}
    assert {one.reason: one.lines for one in found.refusals} == {"not_a_record": [5]}
    assert [(one.state, one.grade) for one in events(folder, "other.")] == [
        ("ConsentGiven", "A"),
        ("ConsentUnknown", "C"),
    ]


def test_consent_strings_are_read_beside_their_people(folder: Path) -> None:
    text = "mail,gpc,seen\nperson.11@example.org,1,2026-03-01T10:00:00Z\nperson.12@example.org,0,2026-03-01\n"
    words = {"map": ["mail=email", "gpc=signal", "seen=at"], "source": "site"}
    found = taken(folder, text, "in.csv", signal="gpc", **words)
    assert {one.reason: one.lines for one in found.left_out} == {"says_nothing": [3]}
    kept = events(folder, "site")
    assert {(one.purpose, one.stop, one.channel) for one in kept} == {(purpose, "opt_out", "web") for purpose in ADS}
    assert {one.event_time for one in kept} == {1_772_359_200_000_000}


def test_a_consent_string_that_cannot_be_decoded_refuses(folder: Path) -> None:
    lines = [{"email": "person.13@example.org", "signal": "CPx"}, {"email": "person.14@example.org", "signal": 7}]
    found = taken(folder, lines, signal="tcf", source="web")
    assert found.withdrawals == 1
    assert {one.reason: one.lines for one in found.refusals} == {"not_a_statement": [2]}
    assert not any(one.state in {"ConsentGiven", "RenewedConsentGiven"} for one in events(folder, "web"))


def test_the_same_export_again_changes_nothing(folder: Path) -> None:
    file = mapping(folder, f"signal: didomi\npurposes:\n  ads: {json.dumps(GIVEN)}\n")
    lines = [didomi_event(("ads", False)), didomi_event(("ads", True), regulation="cpra")]
    first = taken(folder, lines, signal="didomi", mapping=file, source="cmp")
    again = taken(folder, lines, signal="didomi", mapping=file, source="cmp")
    assert (first.new, again.new, again.known) == (1, 0, 1)


def test_an_array_that_breaks_off_says_where(folder: Path) -> None:
    whole = json.dumps([hubspot_wide(subscriberIdString=ZOE.email)] * 3, indent=1)
    with pytest.raises(DefinitionError, match=r"in\.json, line 16: this is not JSON") as caught:
        taken(folder, whole[:-30], "in.json", signal="hubspot", source="hub")
    assert ZOE.email not in str(caught.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"signal": "hubspot"}, "needs --source"),
        ({"signal": "hubspot", "source": "a", "map": ["a=b"]}, "no --map"),
        ({"signal": "tcf", "source": "a", "mapping": "m.yaml"}, "no --mapping"),
        ({"signal": "tcf", "source": "a", "purpose": "email_marketing"}, "its own purpose"),
        ({"mapping": "m.yaml"}, "goes with --signal"),
        ({"signal": "other", "source": "a"}, "signal"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ImportRequest.model_validate({"file": "in.csv", **words})


def test_a_mapping_that_is_wrong_or_for_another_signal_is_refused(folder: Path) -> None:
    file = mapping(folder, "signal: didomi\npurposes:\n  ads: {purpose: ad_list_matching}\n")
    with pytest.raises(Unusable, match=r"mapping\.yaml, line 3") as caught:
        taken(folder, [{}], signal="didomi", mapping=file)
    assert "needs the `notice`" in str(caught.value)
    with pytest.raises(DefinitionError, match="is a mapping for --signal brevo"):
        taken(folder, [{}], signal="didomi", mapping=mapping(folder, "signal: brevo\n"))
    with pytest.raises(DefinitionError, match="need a mapping"):
        taken(folder, [{}], signal="records")
    with pytest.raises(DefinitionError, match="neither JSON nor CSV"):
        taken(folder, [{}], "in.xlsx", signal="hubspot")


def test_a_withdrawal_at_a_vendor_queues_the_removal_with_it(folder: Path) -> None:
    asked = hubspot_status(subscriberIdString="person.17@example.org")
    taken(folder, [asked], signal="hubspot", source="out")
    (subject_id,) = {one.subject_id for one in events(folder, "out.")}
    with Workspace.open(folder) as opened, opened.store().write() as connection:
        place: dict[str, Any] = {"destination": ["meta"], "audience": ["all"]}
        remote = {"remote_id": ["1"], "columns": ["[]"], "platform": ["meta"], "purpose": ["ad_list_matching"]}
        opened.store().insert(connection, t.remote_audience, {**place, **remote, "described": [""], "created_at": [1]})
        member = {"subject_id": [subject_id], "state": ["member"], "revision": [1], "batch_id": ["b"]}
        opened.store().insert(connection, t.membership, {**place, **member, "since": [1]})
    left = hubspot_wide(subscriberIdString="person.17@example.org")
    assert taken(folder, [left], signal="hubspot", source="out").queued == 1


def test_nothing_is_dated_later_than_now(folder: Path) -> None:
    file = mapping(folder, f'signal: onetrust\npurposes:\n  "{ADS_PURPOSE}": {json.dumps(GIVEN)}\n')
    receipt = onetrust_receipt({"consentDate": "2036-03-02T10:12:00Z"}, dataSubjectIdentifier="person.15@example.org")
    found = taken(folder, [receipt], signal="onetrust", mapping=file, source="one")
    assert {one.reason: one.lines for one in found.refusals} == {"in_the_future": [1]}
    assert NOW < 2_088_584_720_000_000
