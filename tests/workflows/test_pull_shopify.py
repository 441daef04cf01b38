"""What comes of Shopify's opt-outs and erasures once they are pulled, by a bulk operation and then by pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from passerelle.privacy.vocabulary import ADS
from tests.connectors.sources.fake_shopify import TOKEN, FakeShopify
from tests.workflows.pulls import HURRIED, NOW, Shop


@pytest.fixture
def shopify(tmp_path: Path) -> Iterator[tuple[FakeShopify, Shop]]:
    fake = FakeShopify()
    with fake.running():
        endpoint = f"{fake.url}/admin/api/2026-10"
        said = {"kind": "shopify", "shop": "x", "token_file": "shop.token", "endpoint": endpoint, "allow_private": True}
        shop = Shop(tmp_path, {"web": said}, clock=HURRIED)
        (shop.folder / "shop.token").write_text(TOKEN, encoding="utf-8")
        (shop.folder / "shop.token").chmod(0o600)
        yield fake, shop
        shop.close()


def customer(fake: FakeShopify, number: int, *, email: str, sms: str, day: str = "2026-11-01", **more: Any) -> None:  # noqa: ANN401 - fields
    at = f"{day}T10:00:00Z"
    address = {"emailAddress": f"person.{number}@example.org", "marketingState": email, "marketingUpdatedAt": at}
    phone = {"phoneNumber": f"+331990001{number:02d}", "smsMarketingConsent": {"state": sms, "updatedAt": at}}
    same = {"firstName": "Zoé", "lastName": None, "defaultAddress": None, "numberOfOrders": "0"}
    money = {"amountSpent": {"amount": "12.5", "currencyCode": "EUR"}, "dataSaleOptOut": False}
    times = {"createdAt": "2026-10-01T10:00:00Z", "updatedAt": at}
    both = {"defaultEmailAddress": address, "defaultPhoneNumber": phone}
    fake.put("customers", str(number), {"legacyResourceId": str(number), **same, **money, **times, **both, **more})


def order(fake: FakeShopify, number: int, *, of: int | None, email: str) -> None:
    at = "2026-11-02T10:00:00Z"
    total = {"shopMoney": {"amount": "59.90", "currencyCode": "EUR"}}
    whose = {"customer": None if of is None else {"legacyResourceId": str(of)}, "email": email}
    times = {"processedAt": at, "updatedAt": at, "cancelledAt": None}
    figures = {"displayFinancialStatus": "PAID", "currentTotalPriceSet": total}
    fake.put("orders", str(number), {"legacyResourceId": str(number), **whose, **times, **figures})


def test_flags_veto_ads_and_a_yes_to_mailings_grants_nothing_else(shopify: tuple[FakeShopify, Shop]) -> None:
    fake, shop = shopify
    customer(fake, 1, email="SUBSCRIBED", sms="NEVER_SUBSCRIBED")
    customer(fake, 2, email="NOT_SUBSCRIBED", sms="UNSUBSCRIBED")
    customer(fake, 3, email="PENDING", sms="NEVER_SUBSCRIBED", dataSaleOptOut=True)
    assert [report.error for report in shop.pull().sources] == [None, None]
    rows = shop.rows("consent_event", "purpose", "state", "channel")
    refused = {(purpose.value, "ConsentRefused", None) for purpose in ADS}
    assert {row for row in rows if row[1] == "ConsentRefused"} == refused
    assert {row for row in rows if row[1] == "ConsentGiven" and row[2] is None} == {
        ("email_marketing", "ConsentGiven", None)
    }
    assert {row[2] for row in rows if row[1] == "ConsentWithdrawn" and row[0] != "sms_marketing"} == {"sms"}


def test_an_order_is_its_customers_and_a_guests_is_of_the_address(shopify: tuple[FakeShopify, Shop]) -> None:
    fake, shop = shopify
    customer(fake, 1, email="SUBSCRIBED", sms="NEVER_SUBSCRIBED")
    order(fake, 10, of=1, email="person.1@example.org")
    order(fake, 11, of=None, email="person.1@example.org")
    order(fake, 12, of=None, email="lea.martin@example.org")
    assert [report.error for report in shop.pull().sources] == [None, None]
    ((known,),) = shop.lake("web.customers")
    totals = sorted(shop.lake("web.orders", "subject_id", "total"), key=lambda row: row[0] != known)
    assert [(row[0] == known, row[1]) for row in totals] == [(True, 5990), (True, 5990), (False, 5990)]


def test_whose_data_shopify_erased_is_gone_here(shopify: tuple[FakeShopify, Shop]) -> None:
    fake, shop = shopify
    customer(fake, 1, email="SUBSCRIBED", sms="SUBSCRIBED")
    customer(fake, 2, email="SUBSCRIBED", sms="SUBSCRIBED")
    shop.pull()
    assert len(shop.lake("web.customers")) == 2
    customer(fake, 2, email="UNSUBSCRIBED", sms="REDACTED", day="2026-11-20")
    report = shop.pull(now=NOW + 60_000_000).sources[0]
    assert (report.error, report.deleted) == (None, 1)
    assert len(shop.lake("web.customers")) == 1
    assert len(fake.operations) == 2
