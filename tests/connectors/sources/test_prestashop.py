"""What is particular to PrestaShop; what every source does stands in test_conformance.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.sources.prestashop import ANONYMOUS, PrestaShopSettings
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.vocabulary import ADS, EvidenceGrade, Purpose
from tests.connectors.sources.fake_prestashop import PrestaWorld

NOW = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z
NEVER = "0000-00-00 00:00:00"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[PrestaWorld]:
    made = PrestaWorld(tmp_path)
    yield made
    made.close()


def customer(number: int, **more: object) -> dict[str, Any]:
    plain = {"id": number, "email": f"person.{number}@example.org", "firstname": "Zoé", "lastname": "D'Ambrosio"}
    moments = {"date_add": "2026-07-01 12:00:00", "date_upd": "2026-07-01 12:00:00", "newsletter_date_add": NEVER}
    return {**plain, **moments, "is_guest": "0", "newsletter": "0", "optin": "0", "deleted": "0", **more}


def order(number: int, **more: object) -> dict[str, Any]:
    plain = {"id": number, "id_customer": "1", "current_state": "2", "valid": "1", "total_paid": "59.900000"}
    return {**plain, "id_currency": "1", "date_add": "2026-07-01 12:00:00", "date_upd": "2026-07-01 12:00:00", **more}


def hold(world: PrestaWorld, kind: str, *records: dict[str, Any]) -> None:
    for one in records:
        world.vendor.put(kind, str(one["id"]), one)


def pull(
    world: PrestaWorld, state: Mapping[str, Any] | None = None, *, name: str = "customers", now: int = NOW
) -> list[Page]:
    resource = next(one for one in world.source.resources if one.name == name)
    return list(world.source.pull(resource, state, Context(now=now)))


def rows(world: PrestaWorld, name: str = "customers") -> list[dict[str, Any]]:
    resource = next(one for one in world.source.resources if one.name == name)
    found: list[dict[str, Any]] = []
    for page in pull(world, name=name):
        made = typed(resource.shape, page.rows, timezone=str(resource.timezone))
        assert made.bad.num_rows == 0
        found += made.table.to_pylist()
    return found


def test_an_empty_list_has_not_the_form_of_a_page_and_is_no_failure(world: PrestaWorld) -> None:
    pages = pull(world)
    assert sum(page.rows.num_rows for page in pages) == 0
    assert pages[-1].watermark == NOW


def test_passwords_and_tokens_are_never_asked_for(world: PrestaWorld) -> None:
    hold(world, "customers", customer(1))
    pull(world)
    asked = world.vendor.asked[0].query["display"]
    assert asked.startswith("[id,email,")
    assert not [word for word in ("full", "passwd", "secure_key", "token", "ip_") if word in asked]


def test_moments_are_the_shops_and_are_asked_for_as_such(world: PrestaWorld) -> None:
    hold(world, "orders", order(1, date_upd="2026-11-21 00:30:00"))
    (row,) = rows(world, "orders")
    assert row["ordered"].isoformat() == "2026-07-01T10:00:00+00:00", "summer"
    assert row["changed"].isoformat() == "2026-11-20T23:30:00+00:00", "winter"
    state = pull(world, name="orders")[-1].state
    assert sum(page.rows.num_rows for page in pull(world, state, name="orders")) == 1
    assert world.vendor.asked[-2].query["filter[date_upd]"] == ">[2026-11-20 23:00:00]"
    assert world.vendor.asked[-2].query["date"] == "1"


def test_an_order_told_late_in_the_hour_that_comes_twice_is_not_missed(world: PrestaWorld) -> None:
    """At 2026-10-25T01:00Z the clocks of Paris go back from three to two."""
    ended = 1_792_893_000_000_000  # 01:50 UTC, ten to three for the second time
    state = pull(world, name="orders", now=ended)[-1].state
    hold(world, "orders", order(1, date_upd="2026-10-25 02:20:00"))
    pages = pull(world, state, name="orders", now=ended + 3_600_000_000)
    assert [key for page in pages for key in page.rows["id"].to_pylist()] == ["1"]


def test_who_leaves_the_newsletter_by_its_module_is_seen_though_nothing_is_dated(world: PrestaWorld) -> None:
    hold(world, "customers", customer(1, newsletter="1"))
    state = pull(world)[-1].state
    hold(world, "customers", customer(1, newsletter="0"))
    (row,) = [one for page in pull(world, state) for one in page.rows.to_pylist()]
    assert row["newsletter"] == "0"


def test_neither_tick_grants_anything_and_each_one_missing_vetoes_its_own(world: PrestaWorld) -> None:
    said = {(name, one.purpose): one for name, one in world.source.resources[0].shape.consents}
    assert set(said) == {("newsletter", Purpose.EMAIL_MARKETING), *(("partners", purpose) for purpose in ADS)}
    for consent in said.values():
        assert (consent.grade, consent.states["0"]) == (EvidenceGrade.C, "ConsentRefused")
        assert consent.at is None, "newsletter_date_add dates no refusal"


def test_a_moment_that_never_was_is_none(world: PrestaWorld) -> None:
    hold(world, "customers", customer(1, date_upd=NEVER))
    (row,) = rows(world)
    assert row["changed"] is None


@pytest.mark.parametrize("email", sorted(ANONYMOUS))
def test_the_customer_who_stands_for_all_erased_ones_has_no_address(world: PrestaWorld, email: str) -> None:
    hold(world, "customers", customer(1, email=email))
    assert [row["email"] for row in rows(world)] == [None]


def test_deleted_customers_are_listed_as_such(world: PrestaWorld) -> None:
    hold(world, "customers", customer(1), customer(2, deleted="1"))
    assert [(row["id"], row["deleted"]) for row in rows(world)] == [("1", False), ("2", True)]


def test_records_that_cannot_be_read_are_passed_and_those_after_them_come(world: PrestaWorld) -> None:
    hold(world, "orders", order(1), *(order(number, current_state="broken") for number in range(2, 9)), order(9))
    pages = pull(world, name="orders")
    assert [key for page in pages for key in page.rows["id"].to_pylist()] == ["1", "9"]
    assert sum(page.quarantined.num_rows for page in pages) >= 7


def test_a_zone_that_is_none_is_a_mistake_of_the_settings() -> None:
    with pytest.raises(DefinitionError, match="Mars/Olympus"):
        PrestaShopSettings(kind="prestashop", shop="https://x.example", token_file=Path("k"), timezone="Mars/Olympus")
