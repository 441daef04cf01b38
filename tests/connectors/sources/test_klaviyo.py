"""What is particular to Klaviyo; what every source does stands in test_conformance.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.fake_vendor import Answer, Asked
from passerelle.connectors.contract.fakes import fakes
from passerelle.connectors.contract.records import shape_of
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.sources.klaviyo import Profile
from tests.connectors.sources.fake_klaviyo import KEY, METRIC, SENT, KlaviyoWorld
from tests.connectors.sources.openapi import against

NOW = 1_795_219_200_000_000
PATHS = ("/api/profiles", "/api/events")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[KlaviyoWorld]:
    made = KlaviyoWorld(tmp_path)
    yield made
    made.close()


def pull(world: KlaviyoWorld, state: Mapping[str, Any] | None = None) -> list[Page]:
    return list(world.source.pull(world.resource, state, Context(now=NOW)))


def profile(number: int, **attributes: object) -> dict[str, Any]:
    plain = {"email": f"person.{number}@example.org", "updated": "2026-02-03T10:12:00+00:00"}
    return {
        "type": "profile",
        "id": f"01J{number}",
        "attributes": {**plain, **attributes},
        "links": {"self": "https://x"},
    }


def rows(world: KlaviyoWorld, *profiles: dict[str, Any]) -> list[dict[str, Any]]:
    for one in profiles:
        world.vendor.put("profiles", one["id"], one)
    made = typed(world.resource.shape, pull(world)[-1].rows, timezone="UTC")
    assert made.bad.num_rows == 0
    found: list[dict[str, Any]] = made.table.to_pylist()
    return found


@pytest.mark.parametrize("resource", ["profiles", "placed_order"])
def test_what_is_asked_and_answered_is_as_the_vendor_describes_it(tmp_path: Path, resource: str) -> None:
    world = KlaviyoWorld(tmp_path, resource, check=against("klaviyo.json", paths=PATHS))
    world.put(fakes(world.resource.shape, range(7)))
    first = pull(world)
    assert sum(page.rows.num_rows for page in first) == 7
    pull(world, first[-1].state)
    assert world.vendor.asked[0].headers["revision"] == "2026-07-15"
    assert world.vendor.asked[0].headers["accept"] == "application/vnd.api+json"
    world.close()


def test_a_fake_that_flatters_us_is_caught() -> None:
    check = against("klaviyo.json", paths=PATHS)
    head = {"authorization": f"Klaviyo-API-Key {KEY}", "revision": "2026-07-15"}
    good = Asked("GET", "/api/profiles", {"sort": "updated"}, head)
    check(good, Answer({"data": [profile(1)], "links": {"self": "https://x"}}, headers=SENT))
    for asked, answer in (
        (good, Answer({"data": [{**profile(1), "type": "person"}], "links": {"self": "https://x"}}, headers=SENT)),
        (good, Answer({"data": []}, headers={"content-type": "application/json"})),
        (Asked("GET", "/api/profiles", {"page[size]": "500"}, head), Answer({"data": []}, headers=SENT)),
        (Asked("GET", "/api/profiles", {}, {"revision": "2026-07-15"}), Answer({"data": []}, headers=SENT)),
    ):
        with pytest.raises(Exception, match=r".+"):
            check(asked, answer)


def test_a_window_begins_a_second_early_as_only_greater_than_is_known(world: KlaviyoWorld) -> None:
    state = pull(world)[-1].state
    assert "filter" not in world.vendor.asked[0].query
    edge = profile(1, updated="2026-11-20T23:00:00Z")  # an hour before the pull, where the overlap begins
    world.vendor.put("profiles", edge["id"], edge)
    assert pull(world, state)[-1].rows["id"].to_pylist() == ["01J1"]
    assert world.vendor.asked[-1].query["filter"] == "greater-than(updated,2026-11-20T22:59:59Z)"


def test_only_what_the_record_names_is_asked_for(world: KlaviyoWorld) -> None:
    pull(world)
    asked = world.vendor.asked[0].query["fields[profile]"].split(",")
    assert "location.city" in asked
    assert "subscriptions.email.marketing.suppression" in asked
    assert not {"location", "location.ip", "location.latitude", "properties", "image"} & set(asked)
    assert not any("can_receive" in name for name in asked)


def test_custom_properties_come_as_attributes_whatever_they_are(tmp_path: Path) -> None:
    world = KlaviyoWorld(tmp_path, properties={"Loyalty Tier": "string", "points": "integer", "sizes": "string"})
    (row,) = rows(world, profile(1, properties={"Loyalty Tier": "or", "points": 12, "sizes": ["S", "M"]}))
    assert (row["loyalty_tier"], row["points"], row["sizes"]) == ("or", 12, '["S", "M"]')
    assert "properties" in world.vendor.asked[0].query["fields[profile]"].split(",")
    world.close()


def test_being_able_to_receive_is_no_consent(world: KlaviyoWorld) -> None:
    implicit = {"email": {"marketing": {"can_receive_email_marketing": True, "consent": "NEVER_SUBSCRIBED"}}}
    (row,) = rows(world, profile(1, subscriptions=implicit))
    assert row["by_email"] == "NEVER_SUBSCRIBED"
    said = [consent for name, consent in world.resource.shape.consents if name == "by_email"]
    assert all("never_subscribed" in one.silent and "never_subscribed" not in one.states for one in said)


def test_a_suppression_is_read_beside_the_consent(world: KlaviyoWorld) -> None:
    stands = {"reason": "SPAM_COMPLAINT", "timestamp": "2026-05-01T08:00:00+00:00"}
    agreed = {"consent": "SUBSCRIBED", "consent_timestamp": "2026-02-03T10:12:00+00:00", "suppression": [stands]}
    (row,) = rows(world, profile(1, subscriptions={"email": {"marketing": agreed}}))
    assert (row["by_email"], row["suppressed"]) == ("SUBSCRIBED", "SPAM_COMPLAINT")
    assert str(row["suppressed_at"]) == "2026-05-01 08:00:00+00:00"


@pytest.mark.parametrize("subscriptions", [None, {}, {"email": None}, {"email": {"marketing": {"suppression": []}}}])
def test_what_a_profile_never_had_says_nothing(world: KlaviyoWorld, subscriptions: object) -> None:
    (row,) = rows(world, profile(1, subscriptions=subscriptions, location=None))
    assert {row[name] for name in ("by_email", "by_sms", "suppressed", "city")} == {None}


def test_whatever_permits_a_mailing_is_marked_as_being_about_it() -> None:
    for name, consent in shape_of(Profile).consents:
        assert consent.channel is not None or consent.purpose in {"email_marketing", "sms_marketing"}, name


def test_events_are_those_of_the_metric_that_is_named(tmp_path: Path) -> None:
    world = KlaviyoWorld(tmp_path, "placed_order")
    world.put(fakes(world.resource.shape, range(2)))
    other = {**world.vendor.held["placed_order"]["K000001"], "id": "other"}
    other["relationships"] = {**other["relationships"], "metric": {"data": {"type": "metric", "id": "Zother"}}}
    world.vendor.put("placed_order", "other", other)
    assert pull(world)[-1].rows.num_rows == 2
    assert world.vendor.asked[0].query["filter"] == f'equals(metric_id,"{METRIC}")'
    assert world.resource.shape.event == "placed_order"
    world.close()
