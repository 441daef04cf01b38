"""What is particular to WooCommerce; what every source does stands in test_conformance.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.fake_vendor import Answer
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.errors import Refused, TryLater
from passerelle.connectors.sources.woocommerce import ERASED
from passerelle.privacy.errors import DefinitionError
from tests.connectors.sources.fake_woocommerce import WooWorld

NOW = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z


@pytest.fixture
def world(tmp_path: Path) -> Iterator[WooWorld]:
    made = WooWorld(tmp_path, "orders")
    yield made
    made.close()


def order(number: int, **more: object) -> dict[str, Any]:
    plain = {"id": number, "customer_id": number, "status": "completed", "total": "59.90", "currency": "EUR"}
    moments = dict.fromkeys(("date_created_gmt", "date_modified_gmt", "date_paid_gmt"), "2026-11-20T10:00:00")
    billing = {"email": f"person.{number}@example.org", "address_1": "1 rue de la Paix"}
    return {**plain, **moments, "billing": billing, "customer_ip_address": "192.0.2.1", **more}


def hold(world: WooWorld, *orders: dict[str, Any]) -> None:
    for one in orders:
        world.vendor.put("orders", str(one["id"]), one)


def pull(world: WooWorld, state: Mapping[str, Any] | None = None, *, now: int = NOW) -> list[Page]:
    return list(world.source.pull(world.resource, state, Context(now=now)))


def rows(world: WooWorld, *orders: dict[str, Any]) -> list[dict[str, Any]]:
    hold(world, *orders)
    made = typed(world.resource.shape, pull(world)[-1].rows, timezone=str(world.resource.timezone))
    assert made.bad.num_rows == 0
    found: list[dict[str, Any]] = made.table.to_pylist()
    return found


def test_an_order_changed_within_the_shops_offset_from_utc_is_not_missed(world: WooWorld) -> None:
    """With a `Z`, or without `dates_are_gmt`, WordPress would be asked for what changed two hours later."""
    state = pull(world)[-1].state
    hold(world, order(1, date_modified_gmt="2026-11-20T23:30:00"))
    later = NOW + 3_600_000_000
    assert pull(world, state, now=later)[-1].rows["id"].to_pylist() == ["1"]
    query = world.vendor.asked[-1].query
    assert (query["modified_after"], query["dates_are_gmt"]) == ("2026-11-20T23:00:00", "true")


def test_moments_that_say_no_zone_are_utc(world: WooWorld) -> None:
    (row,) = rows(world, order(1))
    assert row["ordered"].isoformat() == "2026-11-20T10:00:00+00:00"
    assert (row["total"], row["currency"], row["stage"]) == (5990, "EUR", "completed")


def test_a_guest_is_known_by_the_address_of_the_order_and_not_as_customer_0(world: WooWorld) -> None:
    (row,) = rows(world, order(1, customer_id=0))
    assert (row["customer"], row["email"]) == (None, "person.1@example.org")


def test_the_address_that_all_erased_people_share_is_nobodys(world: WooWorld) -> None:
    erased = [order(number, customer_id=0, billing={"email": ERASED}) for number in (1, 2)]
    assert {(row["customer"], row["email"]) for row in rows(world, *erased)} == {(None, None)}


def test_orders_in_the_trash_are_deleted_ones(world: WooWorld) -> None:
    found = rows(world, order(1), order(2, status="trash"))
    assert [(one["id"], one["trashed"]) for one in found] == [("1", "completed"), ("2", "trash")]


def test_a_short_page_in_the_middle_is_not_taken_for_the_last_and_its_gap_is_told(world: WooWorld) -> None:
    """An order that cannot be loaded, or may not be seen, is counted and left out of its page."""
    hold(world, *(order(number) for number in range(1, 8)))
    world.vendor.hidden = {"2"}
    pages = world.source.pull(world.resource, None, Context(now=NOW, page_rows=3))
    seen = list[str]()

    def read() -> None:
        for page in pages:
            seen.extend(page.rows["id"].to_pylist())

    with pytest.raises(TryLater, match="announced 7 records and sent 6"):
        read()
    assert sorted(set(seen)) == ["1", "3", "4", "5", "6", "7"]


def test_an_order_that_is_deleted_while_others_are_counted_hides_none(world: WooWorld) -> None:
    hold(world, *(order(number) for number in range(1, 10)))
    pages = world.source.pull(world.resource, None, Context(now=NOW, page_rows=3))
    seen = [next(pages)]
    del world.vendor.held["orders"]["1"]
    seen += pages
    assert {key for page in seen for key in page.rows["id"].to_pylist()} == {str(number) for number in range(1, 10)}


def test_only_what_the_record_names_is_asked_for(world: WooWorld) -> None:
    rows(world, order(1))
    asked = world.vendor.asked[0].query["_fields"].split(",")
    assert {"id", "customer_id", "billing.email", "status", "total"} <= set(asked)
    assert not [name for name in asked if name == "billing" or "ip" in name.split("_") or "note" in name]


def test_who_is_a_customer_is_the_shops_to_say(tmp_path: Path) -> None:
    world = WooWorld(tmp_path, role="all")
    plain: dict[str, Any] = {
        "email": "p@example.org",
        "billing": {},
        "date_modified_gmt": None,
        "is_paying_customer": False,
    }
    for number, role in ((1, "customer"), (2, "subscriber")):
        world.vendor.put("customers", str(number), {"id": number, "#role": role, **plain})
    assert pull(world)[-1].rows["id"].to_pylist() == ["1", "2"]
    assert world.vendor.asked[-1].query["role"] == "all"
    world.close()


def test_no_consent_is_read_where_woocommerce_records_none(world: WooWorld) -> None:
    assert [one for resource in world.source.resources for one in resource.shape.consents] == []


def test_half_a_token_is_a_mistake_that_is_not_shown(tmp_path: Path) -> None:
    world = WooWorld(tmp_path)
    (tmp_path / "key").write_text("ck_alone_8c1f", encoding="utf-8")
    with pytest.raises(DefinitionError, match="consumer key and its secret") as wrong:
        pull(world)
    assert "8c1f" not in repr(wrong.value)
    world.close()


def test_words_of_php_before_the_json_are_refused_and_not_shown(world: WooWorld) -> None:
    world.vendor.first = [Answer(b"<b>Notice</b>: person.1@example.org in functions.php\n[]")]
    with pytest.raises(Refused) as refused:
        pull(world)
    assert "person" not in repr(refused.value)
