"""What comes of Salesforce's merges, individuals and consents once they are pulled."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.sources.fake_salesforce import FakeSalesforce
from tests.workflows.pulls import HURRIED, NOW, Shop

AT = {"SystemModstamp": "2026-11-01T00:00:00Z", "IsDeleted": False}


@pytest.fixture
def crm(tmp_path: Path) -> Iterator[tuple[FakeSalesforce, Shop]]:
    fake = FakeSalesforce()
    with fake.running():
        said = {"kind": "salesforce", "domain": "acme", "client_file": "c.json", "endpoint": fake.url}
        more = {"allow_private": True, "deals": False, "individuals": True, "purposes": {"News": "email_marketing"}}
        shop = Shop(tmp_path, {"sf": {**said, **more}}, clock=HURRIED)
        (shop.folder / "c.json").write_text('{"client_id": "c", "client_secret": "s"}', encoding="utf-8")
        (shop.folder / "c.json").chmod(0o600)
        yield fake, shop
        shop.close()


def hold(fake: FakeSalesforce, kind: str, number: str, **more: Any) -> None:  # noqa: ANN401 - fields
    fake.put(kind, number, {"Id": number, **AT, **more})


def test_a_contact_its_individual_and_its_consent_are_one_person(crm: tuple[FakeSalesforce, Shop]) -> None:
    fake, shop = crm
    hold(fake, "Contact", "003A", Email="zoe@example.org", IndividualId="0PKA", HasOptedOutOfEmail=False)
    hold(fake, "Individual", "0PKA", HasOptedOutProfiling=True, HasOptedOutProcessing=False, ShouldForget=False)
    consent = {"DataUsePurpose": {"Name": "News"}, "EffectiveFrom": None, "CaptureDate": "2026-10-01T00:00:00Z"}
    hold(fake, "ContactPointTypeConsent", "0ZXA", PartyId="0PKA", PrivacyConsentStatus="OptIn", **consent)
    assert [report.error for report in shop.pull().sources] == [None] * 4
    standing = [row for row in shop.rows("subject", "subject_id", "merged_into") if row[1] is None]
    assert len(standing) == 1
    said = {(purpose, state) for purpose, state in shop.rows("consent_event", "purpose", "state")}
    assert said == {("email_marketing", "ConsentGiven"), ("profiling_segmentation", "ConsentRefused")}


def test_the_loser_of_a_merge_becomes_its_winner_and_who_is_deleted_is_gone(crm: tuple[FakeSalesforce, Shop]) -> None:
    fake, shop = crm
    for number in ("003A", "003B", "003C"):
        hold(fake, "Contact", number, Email=f"{number}@example.org", HasOptedOutOfEmail=number == "003A")
    shop.pull()
    assert len(shop.lake("sf.contacts")) == 3
    later = {"SystemModstamp": "2026-11-20T23:30:00Z", "IsDeleted": True}
    hold(fake, "Contact", "003A", Email="003A@example.org", HasOptedOutOfEmail=True, MasterRecordId="003B", **later)
    hold(fake, "Contact", "003C", Email="003C@example.org", HasOptedOutOfEmail=False, **later)
    reports = shop.pull(now=NOW + 60_000_000).sources
    assert [report.error for report in reports] == [None] * 4
    standing = [row for row in shop.rows("subject", "subject_id", "merged_into") if row[1] is None]
    assert len(standing) == 2
    assert len(shop.lake("sf.contacts")) == 1
    (winner,) = shop.lake("sf.contacts")
    said = shop.rows("consent_event", "subject_id", "state", "channel")
    known = {one for one, into in shop.rows("subject", "subject_id", "merged_into") if winner[0] in {one, into}}
    states = {(state, channel) for one, state, channel in said if one in known}
    assert states == {("ConsentWithdrawn", None), ("ConsentWithdrawn", "email")}, "the loser's no stays"
