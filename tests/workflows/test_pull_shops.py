"""What comes of guests, erasures, opt-outs, deletions and visits of shops and tills once they are pulled."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from passerelle.connectors.contract.fake_vendor import FakeVendor
from passerelle.connectors.sources.woocommerce import ERASED
from tests.connectors.sources.fake_matomo import SITE, TOKEN, FakeMatomo
from tests.connectors.sources.fake_prestashop import FakePresta
from tests.connectors.sources.fake_stripe import FakeStripe
from tests.connectors.sources.fake_woocommerce import FakeWoo
from tests.workflows.pulls import NOW, Shop

MINUTE = 60_000_000
ADDRESS = {"shop": "https://shop.example.org"}


@contextmanager
def pulling(fake: FakeVendor, folder: Path, path: str, key: str, **said: Any) -> Iterator[Shop]:  # noqa: ANN401 - settings
    with fake.running():
        source = {"token_file": "a.key", "endpoint": f"{fake.url}{path}", "allow_private": True, **said}
        shop = Shop(folder, {"web": source})
        (shop.folder / "a.key").write_text(key, encoding="utf-8")
        (shop.folder / "a.key").chmod(0o600)
        yield shop
        shop.close()


def test_a_guest_is_the_customer_with_that_address_and_an_erased_person_is_nobody(tmp_path: Path) -> None:
    fake = FakeWoo()
    moment = {"date_created_gmt": "2026-11-01T10:00:00", "date_modified_gmt": "2026-11-01T10:00:00"}
    person = {"first_name": "Zoé", "last_name": "", "billing": {}, "is_paying_customer": True, "#role": "customer"}
    fake.put("customers", "7", {"id": 7, "email": "person.7@example.org", **person, **moment})
    for number, (of, email) in enumerate(((7, "person.7@example.org"), (0, "person.7@example.org"), (0, ERASED))):
        plain = {"id": number, "customer_id": of, "status": "completed", "total": "59.90", "currency": "EUR"}
        fake.put("orders", str(number), {**plain, "billing": {"email": email}, "date_paid_gmt": None, **moment})
    with pulling(fake, tmp_path, "/wp-json/wc/v3", "ck_a:cs_b", kind="woocommerce", **ADDRESS) as shop:
        assert [report.error for report in shop.pull().sources] == [None, None]
        ((known,),) = shop.lake("web.customers")
        assert shop.lake("web.orders", "subject_id", "total") == [(known, 5990), (known, 5990)]
        assert shop.rows("consent_event", "purpose") == []


def test_stripe_changes_and_deletions_come_after_what_stands(tmp_path: Path) -> None:
    fake, seconds = FakeStripe(), NOW // 1_000_000
    for number in (1, 2):
        whole = {"id": f"cus_{number}", "email": f"person.{number}@example.org", "created": seconds - 9_000}
        plain = {**whole, "phone": None, "address": None, "delinquent": False}
        fake.put("customers", f"cus_{number}", plain)
        happened = {1: "customer.updated", 2: "customer.deleted"}[number]
        later = {"type": happened, "created": seconds + 30, "data": {"object": {**plain, "delinquent": True}}}
        fake.events.append({"id": f"evt_{number}", **later})
    with pulling(fake, tmp_path, "/v1", "rk_live_x", kind="stripe") as shop:
        assert [report.error for report in shop.pull().sources] == [None, None]
        assert [row[1] for row in shop.lake("web.customers", "subject_id", "owes")] == [False, False]
        report = shop.pull(now=NOW + MINUTE).sources[0]
        assert (report.error, report.deleted) == (None, 1)
        assert [row[1] for row in shop.lake("web.customers", "subject_id", "owes")] == [True]


def test_leaving_prestashops_newsletter_reaches_the_consents_though_nothing_is_dated(tmp_path: Path) -> None:
    fake = FakePresta()
    moment = {"date_add": "2026-07-01 12:00:00", "date_upd": "2026-07-01 12:00:00"}
    plain = {"id": 1, "email": "person.1@example.org", "firstname": "Zoé", "lastname": "D", "is_guest": "0", **moment}
    with pulling(fake, tmp_path, "/api", "KEY", kind="prestashop", **ADDRESS) as shop:
        for minutes, tick in enumerate("10"):
            fake.put("customers", "1", {**plain, "newsletter": tick, "optin": tick, "deleted": "0"})
            assert [report.error for report in shop.pull(now=NOW + minutes * MINUTE).sources] == [None, None]
            said = set(shop.rows("consent_event", "purpose", "state"))
            assert (("email_marketing", "ConsentRefused") in said) == (tick == "0")
            assert (("ad_list_matching", "ConsentRefused") in said) == (tick == "0")


def test_visits_are_those_of_whoever_was_signed_in_and_say_nothing_of_consent(tmp_path: Path) -> None:
    fake, seconds = FakeMatomo(), NOW // 1_000_000
    for number, (user, actions) in enumerate((("C1", 2), ("C1", 9), ("C2", 4), (None, 7))):
        times = {"firstActionTimestamp": seconds - 900, "lastActionTimestamp": seconds - 600 + number}
        plain = {"idVisit": number, "idSite": SITE, "userId": user, "actions": actions, **times}
        fake.put("visits", str(number), plain)
    said = {"kind": "matomo", "server": "https://stats.example.org", "site": SITE, "user_id": "external_id"}
    with pulling(fake, tmp_path, "", TOKEN, **said, consent_asked=True) as shop:
        assert [report.error for report in shop.pull().sources] == [None]
        found = shop.lake("web", "subject_id", "event", "actions")
        assert [len({who for who, _, _ in found}), sorted(row[1:] for row in found)] == [
            2,
            [("visit", 2), ("visit", 4), ("visit", 9)],
        ]
        assert shop.rows("consent_event", "purpose") == []
