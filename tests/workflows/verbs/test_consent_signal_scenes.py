"""What vendors' signals do to a consent given under a notice; and that an import leaves nobody's data behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from passerelle.workflows.verbs.consent import ShowResult
from passerelle.workflows.workspace import Workspace
from tests.canary import Canary, leaks, run_cli
from tests.privacy.consent.signals.payloads import (
    AGAIN,
    LEFT,
    hubspot_status,
    hubspot_wide,
    klaviyo_profile,
    mailchimp_member,
    salesforce_consent,
    salesforce_contact,
    shopify_customer,
)
from tests.workflows.verbs.people import ask, workspace

SOUND, BROKEN = (Canary.make(f"scenes-{word}") for word in ("sound", "broken"))
CONSENT = "email,country,purpose,state,at,notice,source,method\n{},FR,ad_list_matching,{},{},ads-2026@1,site,web_form\n"
GIVEN = "2026-03-01T10:00:00Z"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = workspace(tmp_path_factory.mktemp("scenes") / "shop")
    with Workspace.open(made) as opened:
        opened.store()
    return made


def consent(folder: Path, email: str, state: str = "given", at: str = GIVEN) -> None:
    path = folder / "consent.csv"
    path.write_text(CONSENT.format(email, state, at), encoding="utf-8")
    ask(folder, "consent import", file=path)


def signal(folder: Path, name: str, *records: dict[str, Any], **words: Any) -> None:  # noqa: ANN401 - words of a request
    path = folder / "signal.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in records), encoding="utf-8")
    ask(folder, "consent import", file=path, signal=name, source=f"{name}_export", **words)


def reasons(folder: Path, email: str) -> set[str]:
    shown = ask(folder, "consent show", stdin=f"{email}\n".encode())
    assert isinstance(shown, ShowResult)
    return {one.reason for one in shown.today if one.purpose == "ad_list_matching"}


def test_leaving_everything_vetoes_a_consent_and_subscribing_again_ends_that(folder: Path) -> None:
    email = "scene.1@example.org"
    consent(folder, email)
    signal(folder, "hubspot", hubspot_status(subscriberIdString=email))
    assert reasons(folder, email) == {"consent"}
    signal(folder, "hubspot", hubspot_wide(subscriberIdString=email))
    assert reasons(folder, email) == {"withdrawn"}
    signal(folder, "hubspot", hubspot_wide(subscriberIdString=email, status="SUBSCRIBED", timestamp=AGAIN))
    assert reasons(folder, email) == {"consent"}


def test_subscribing_again_at_one_vendor_does_not_end_the_veto_of_another(folder: Path) -> None:
    email = "scene.2@example.org"
    consent(folder, email)
    signal(folder, "mailchimp", mailchimp_member(email_address=email, status="unsubscribed", last_changed=LEFT))
    signal(folder, "hubspot", hubspot_wide(subscriberIdString=email, status="SUBSCRIBED", timestamp=AGAIN))
    assert reasons(folder, email) == {"withdrawn"}


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("hubspot", hubspot_status(subscriberIdString="scene.3@example.org")),
        ("klaviyo", {"attributes": {**klaviyo_profile()["attributes"], "email": "scene.3@example.org"}}),
        ("mailchimp", mailchimp_member(email_address="scene.3@example.org")),
        ("shopify", shopify_customer(email="scene.3@example.org", phone=None, id="3")),
        ("salesforce", salesforce_contact(Email="scene.3@example.org", MobilePhone="", Id="S3")),
        ("salesforce", salesforce_consent(PartyId="S3")),
    ],
)
def test_no_opt_in_to_a_mailing_lets_anybody_be_sent(folder: Path, name: str, record: dict[str, Any]) -> None:
    consent(folder, "scene.3@example.org", "given", "2024-01-01")
    before = reasons(folder, "scene.3@example.org")
    signal(folder, name, record)
    assert reasons(folder, "scene.3@example.org") == before == {"expired"}


def test_an_objection_to_processing_is_not_lifted_by_a_later_consent(folder: Path) -> None:
    email = "scene.4@example.org"
    signal(folder, "salesforce", salesforce_contact(Email=email, MobilePhone="", Id="S4", HasOptedOutProcessing="true"))
    consent(folder, email, at="2026-10-01T10:00:00Z")
    assert reasons(folder, email) == {"objection"}


def test_the_opt_out_of_the_sale_of_data_is_not_lifted_by_a_later_consent(folder: Path) -> None:
    email = "scene.5@example.org"
    signal(folder, "shopify", {"id": "S5", "email": email, "dataSaleOptOut": True})
    consent(folder, email, at="2026-10-01T10:00:00Z")
    assert reasons(folder, email) == {"opt_out"}


@pytest.mark.parametrize(
    ("zoe", "broken", "code"),
    [(SOUND, "", 0), (BROKEN, f"\nnot json {BROKEN.email}", 3)],
    ids=["sound", "broken"],
)
def test_an_import_on_the_command_line_leaves_nobodys_data_behind(
    folder: Path, tmp_path: Path, zoe: Canary, broken: str, code: int
) -> None:
    contact = salesforce_contact(Email=zoe.email, MobilePhone=zoe.phone, Id=zoe.external_id, HasOptedOutOfEmail=True)
    path = tmp_path / "export.jsonl"
    path.write_text(json.dumps(contact) + broken, encoding="utf-8")
    words = ("consent", "import", str(path), "--signal", "salesforce", "--source", "crm", "--json", "-v")
    ran = run_cli(*words, workspace=folder, temp=tmp_path / "temp", check=code)
    assert ran.result["withdrawals"] == 1
    assert leaks([zoe], ran, tmp_path / "temp", folder / "var") == []
