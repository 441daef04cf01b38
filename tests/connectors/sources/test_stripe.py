"""What is particular to Stripe; what every source does stands in test_conformance.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.sources.stripe import VERSION
from passerelle.privacy.errors import DefinitionError
from tests.connectors.sources.fake_stripe import StripeWorld

NOW = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z
SECONDS = NOW // 1_000_000
DAY = 86_400


@pytest.fixture
def world(tmp_path: Path) -> Iterator[StripeWorld]:
    made = StripeWorld(tmp_path)
    yield made
    made.close()


def customer(number: int, **more: object) -> dict[str, Any]:
    plain = {"id": f"cus_{number}", "object": "customer", "email": f"person.{number}@example.org", "phone": None}
    return {**plain, "address": None, "created": SECONDS - 400 * DAY, "delinquent": False, "metadata": {}, **more}


def happens(world: StripeWorld, what: str, thing: dict[str, Any], *, ago: int = 0, **more: object) -> None:
    event = {"object": "event", "type": what, "created": SECONDS - ago, "data": {"object": thing}, **more}
    world.vendor.put(f"{what.partition('.')[0]}s", thing["id"], event)


def pull(
    world: StripeWorld, state: Mapping[str, Any] | None = None, *, now: int = NOW, name: str = "customers"
) -> list[Page]:
    resource = next(one for one in world.source.resources if one.name == name)
    return list(world.source.pull(resource, state, Context(now=now)))


def rows(world: StripeWorld, pages: list[Page], name: str = "customers") -> list[dict[str, Any]]:
    resource = next(one for one in world.source.resources if one.name == name)
    made = typed(resource.shape, pa.concat_tables([page.rows for page in pages]), timezone="UTC")
    assert made.bad.num_rows == 0
    found: list[dict[str, Any]] = made.table.to_pylist()
    return found


def test_customers_stand_at_first_and_change_after_that(world: StripeWorld) -> None:
    world.vendor.put("customers", "cus_1", customer(1))
    first = pull(world)
    happens(world, "customer.updated", customer(1, email="new@example.org"), ago=60)
    second = pull(world, first[-1].state, now=NOW + 1)
    assert [asked.path for asked in world.vendor.asked] == ["/v1/customers", "/v1/events"]
    assert [row["email"] for row in rows(world, second)] == ["new@example.org"]
    assert world.vendor.asked[1].query["created[gte]"] == str(SECONDS - 3600)


def test_of_two_events_of_one_second_the_newest_counts(world: StripeWorld) -> None:
    """The events come newest first, and the lake takes what came last where moments are the same."""
    state = pull(world)[-1].state
    for number in range(6):
        happens(world, "customer.updated", customer(1, phone=f"+3319900000{number}"))
    found = rows(world, pull(world, state, now=NOW + 1))
    assert [row["phone"] for row in found] == ["+33199000005"]


def test_what_stands_is_newer_than_an_event_before_it(world: StripeWorld) -> None:
    happens(world, "customer.updated", customer(1, email="old@example.org"), ago=600)
    world.vendor.put("customers", "cus_1", customer(1, email="now@example.org"))
    first = pull(world)
    late = pull(world, first[-1].state, now=NOW + 1)
    (stands,), (event,) = rows(world, first), rows(world, late)
    assert (stands["email"], event["email"]) == ("now@example.org", "old@example.org")
    assert stands["changed"] > event["changed"]


def test_deleted_customers_are_told_by_an_event_alone(world: StripeWorld) -> None:
    world.vendor.put("customers", "cus_1", customer(1))
    state = pull(world)[-1].state
    happens(world, "customer.deleted", customer(1), ago=60)
    (row,) = rows(world, pull(world, state, now=NOW + 1))
    assert (row["id"], row["happened"]) == ("cus_1", "customer.deleted")


def test_after_thirty_days_everything_is_read_again_and_that_is_told(world: StripeWorld) -> None:
    world.vendor.put("customers", "cus_1", customer(1))
    state = pull(world)[-1].state
    for days, path, told in ((29, "/v1/events", False), (31, "/v1/customers", True)):
        pages = pull(world, state, now=NOW + days * DAY * 1_000_000)
        assert world.vendor.asked[-1].path == path
        assert any("deleted" in warning for page in pages for warning in page.warnings) == told
    assert pages[-1].watermark == NOW + 31 * DAY * 1_000_000


def test_a_whole_list_that_is_cut_goes_on_as_such(world: StripeWorld) -> None:
    for number in range(7):
        world.vendor.put("customers", f"cus_{number}", customer(number))
    resource = world.resource
    pages = world.source.pull(resource, None, Context(now=NOW, page_rows=3))
    first = next(pages)
    rest = pull(world, first.state, now=NOW + DAY)
    assert {asked.path for asked in world.vendor.asked} == {"/v1/customers"}
    assert len(rows(world, [first, *rest])) == 7
    assert {row["changed"].timestamp() for row in rows(world, rest)} == {SECONDS}


@pytest.mark.parametrize(
    ("version", "more"),
    [("2011-06-21", {"active_card": None}), (None, {}), ("2027-01-01.next", {"new_thing": {"a": 1}})],
)
def test_events_of_any_version_of_the_api_are_read(world: StripeWorld, version: str | None, more: Any) -> None:  # noqa: ANN401 - any JSON
    state = pull(world)[-1].state
    happens(world, "customer.updated", customer(1, **more), api_version=version)
    assert [row["email"] for row in rows(world, pull(world, state, now=NOW + 1))] == ["person.1@example.org"]
    assert {asked.headers["stripe-version"] for asked in world.vendor.asked} == {VERSION}


@pytest.mark.parametrize(
    ("currency", "units", "amount"), [("eur", 5990, 5990), ("jpy", 500, 50_000), ("kwd", 5120, 512), ("isk", 500, 500)]
)
def test_amounts_are_read_in_the_smallest_unit_of_their_currency(
    world: StripeWorld, currency: str, units: int, amount: int
) -> None:
    charge = {"id": "ch_1", "customer": "cus_1", "billing_details": {"email": None}, "created": SECONDS}
    amounts = {"amount": units, "amount_refunded": 0, "currency": currency, "status": "succeeded"}
    world.vendor.put("charges", "ch_1", {**charge, **amounts})
    (row,) = rows(world, pull(world, name="charges"), "charges")
    assert (row["amount"], row["refunded"], row["currency"], row["stage"]) == (amount, 0, currency, "succeeded")


def test_a_refund_is_seen_though_the_payment_is_older(world: StripeWorld) -> None:
    charge = {"id": "ch_1", "customer": None, "billing_details": {"email": "g@example.org"}, "created": SECONDS - DAY}
    amounts = {"amount": 5990, "amount_refunded": 5990, "currency": "eur", "status": "succeeded"}
    state = pull(world, name="charges")[-1].state
    happens(world, "charge.refunded", {**charge, **amounts}, ago=60)
    (row,) = rows(world, pull(world, state, now=NOW + 1, name="charges"), "charges")
    assert (row["refunded"], row["email"], row["customer"]) == (5990, "g@example.org", None)


@pytest.mark.parametrize(
    ("key", "test_mode"), [("sk_test_8c1f", False), ("rk_test_8c1f", False), ("rk_live_8c1f", True)]
)
def test_a_key_for_the_other_kind_of_data_is_refused_before_anything_is_asked(
    tmp_path: Path,
    key: str,
    test_mode: bool,
) -> None:
    world = StripeWorld(tmp_path, key=key, test_mode=test_mode)
    with pytest.raises(DefinitionError, match="data") as wrong:
        pull(world)
    assert "8c1f" not in repr((wrong.value, wrong.value.advice))
    assert world.vendor.asked == []
    world.close()


def test_a_key_for_test_data_that_is_meant_is_taken(tmp_path: Path) -> None:
    world = StripeWorld(tmp_path, key="rk_test_of_stripe", test_mode=True)
    assert pull(world)[-1].watermark == NOW
    world.close()


def test_metadata_that_is_named_comes_from_both_lists(tmp_path: Path) -> None:
    world = StripeWorld(tmp_path, metadata={"Loyalty Tier": "string"})
    world.vendor.put("customers", "cus_1", customer(1, metadata={"Loyalty Tier": "gold"}))
    first = pull(world)
    happens(world, "customer.updated", customer(1, metadata={"Loyalty Tier": "silver", "note": "x"}), ago=60)
    second = pull(world, first[-1].state, now=NOW + 1)
    assert [row["loyalty_tier"] for row in rows(world, [*first, *second])] == ["gold", "silver"]
    world.close()
