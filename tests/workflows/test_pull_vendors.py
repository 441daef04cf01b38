"""What comes of a vendor's merges, opt-outs and deletions once it is pulled."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from passerelle.connectors.contract.fake_vendor import FakeVendor
from passerelle.privacy.vocabulary import Destination, Purpose
from tests.connectors.sources.fake_hubspot import FakeHubSpot
from tests.connectors.sources.fake_klaviyo import FakeKlaviyo
from tests.workflows.pulls import NOW, Shop

TODAY = datetime.fromtimestamp(NOW / 1e6, UTC)


@contextmanager
def pulling(fake: FakeVendor, folder: Path, name: str, kind: str, path: str = "") -> Iterator[Shop]:
    """A workspace whose one source is a vendor's fake."""
    with fake.running():
        source = {"kind": kind, "token_file": "token", "endpoint": fake.url + path, "allow_private": True}
        shop = Shop(folder, {name: source})
        (shop.folder / "token").write_text("x", encoding="utf-8")
        (shop.folder / "token").chmod(0o600)
        yield shop
        shop.close()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[FakeHubSpot, Shop]]:
    fake = FakeHubSpot()
    with pulling(fake, tmp_path, "hub", "hubspot") as shop:
        yield fake, shop


def contact(fake: FakeHubSpot, number: int, *, days: float = 10, archived: bool = False, **more: Any) -> None:  # noqa: ANN401 - properties
    stamp = (TODAY - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    properties = {"email": f"person.{number}@example.org", "lifecyclestage": "lead", "lastmodifieddate": stamp, **more}
    record = {"id": str(number), "archived": archived, "createdAt": stamp, "updatedAt": stamp}
    fake.put("contacts", str(number), {**record, "properties": properties})


def deal(fake: FakeHubSpot, number: int, of: int) -> None:
    stamp = (TODAY - timedelta(days=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    properties = {"hs_lastmodifieddate": stamp, "hs_is_closed_won": "true", "amount": "59.90", "closedate": stamp}
    record = {"id": str(number), "archived": False, "createdAt": stamp, "updatedAt": stamp, "properties": properties}
    linked = {"contacts": {"results": [{"id": str(of), "type": "deal_to_contact"}]}}
    fake.put("deals", str(number), {**record, "associations": linked})


def test_two_contacts_that_hubspot_merged_into_a_third_are_one_person(hub: tuple[FakeHubSpot, Shop]) -> None:
    fake, shop = hub
    contact(fake, 11, hs_email_optout="true")
    contact(fake, 22, hs_email_optout="false")
    deal(fake, 1, of=22)
    assert [report.error for report in shop.pull().sources] == [None, None]
    assert len(shop.rows("subject", "subject_id")) == 2
    del fake.held["contacts"]["11"], fake.held["contacts"]["22"]
    contact(fake, 33, days=0.001, hs_merged_object_ids="11;22", email="person.22@example.org")
    assert [report.error for report in shop.pull(now=NOW + 60_000_000).sources] == [None, None]
    standing = [row for row in shop.rows("subject", "subject_id", "merged_into") if row[1] is None]
    assert len(standing) == 1
    assert shop.lake("hub.contacts") == [(standing[0][0],)]
    assert shop.lake("hub.deals", "subject_id", "amount") == [(standing[0][0], 5990)]
    states = {(state, channel) for state, channel in shop.rows("consent_event", "state", "channel")}
    assert states == {("ConsentWithdrawn", None), ("ConsentWithdrawn", "email")}, "the refusal of before stays"


def test_who_is_archived_in_hubspot_is_out_of_the_lake(hub: tuple[FakeHubSpot, Shop]) -> None:
    fake, shop = hub
    contact(fake, 1)
    contact(fake, 2)
    shop.pull()
    assert shop.rows("consent_event", "purpose") == []
    contact(fake, 2, archived=True)
    report = shop.pull(now=NOW + 60_000_000).sources[0]
    assert report.deleted == 1
    assert len(shop.lake("hub.contacts")) == 1
    said = shop.rows("consent_event", "purpose", "state")
    assert said == [("email_marketing", "ConsentTerminated")], "that a contact was tidied away refuses no advertising"


def reason(shop: Shop) -> str:
    """Why the one person there is may not be matched on Meta."""
    ((person,),) = shop.rows("subject", "subject_id")
    workspace = shop.open()
    with workspace.store().read() as connection:
        decided = workspace.gate().decide(
            connection,
            pa.array([person]),
            purpose=Purpose.AD_LIST_MATCHING,
            destination=Destination.META,
            at=NOW + 3_600_000_000,
        )
    assert decided["allowed"].to_pylist() == [False]
    return str(decided["reason"][0])


def test_leaving_a_mailing_vetoes_advertising_and_coming_back_only_ends_that(tmp_path: Path) -> None:
    fake = FakeKlaviyo()
    with pulling(fake, tmp_path, "mail", "klaviyo", "/api") as shop:
        found = []
        for minutes, said in enumerate(("NEVER_SUBSCRIBED", "SUBSCRIBED", "UNSUBSCRIBED", "SUBSCRIBED")):
            stamp = (TODAY + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
            email = {"marketing": {"consent": said, "consent_timestamp": stamp}}
            attributes = {"email": "person.1@example.org", "updated": stamp, "subscriptions": {"email": email}}
            fake.put("profiles", "1", {"type": "profile", "id": "01J", "attributes": attributes})
            assert [one.error for one in shop.pull(now=NOW + minutes * 60_000_000 + 1_000_000).sources] == [None]
            found.append(reason(shop))
    assert found == ["no_consent_event", "other_channel", "withdrawn", "other_channel"]
