"""What is particular to HubSpot; what every source does stands in test_conformance.py."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.fake_vendor import Answer, Asked
from passerelle.connectors.contract.fakes import fakes
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.errors import TryLater
from passerelle.connectors.sources.hubspot import HubSpotSettings
from passerelle.privacy.errors import DefinitionError
from tests.connectors.sources.fake_hubspot import WIDE, FakeHubSpot, HubSpotWorld
from tests.connectors.sources.openapi import against

NOW = 1_795_219_200_000_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[HubSpotWorld]:
    made = HubSpotWorld(tmp_path)
    yield made
    made.close()


def pull(world: HubSpotWorld, state: Mapping[str, Any] | None = None, *, now: int = NOW) -> list[Page]:
    return list(world.source.pull(world.resource, state, Context(now=now)))


def ids(pages: list[Page]) -> list[int]:
    return [int(key) for page in pages for key in page.rows["id"].to_pylist()]


def contact(number: int, modified: datetime, **more: str | None) -> dict[str, Any]:
    """A contact as it is held; `archived` is of the record, all else are properties."""
    stamp = modified.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    properties = {"email": f"person.{number}@example.org", "lastmodifieddate": stamp, **more}
    record = {"id": str(number), "archived": False, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": stamp}
    return {**record, "properties": properties}


def put(world: HubSpotWorld, *records: dict[str, Any]) -> None:
    for record in records:
        world.vendor.put("contacts", record["id"], record)


LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def described(asked: Asked, answer: Answer) -> None:
    """Each request against the description that has its path."""
    name = "hubspot_subs_2026-09.json" if "communication-preferences" in asked.path else "hubspot_contacts_2026-09.json"
    against(name)(asked, answer)


@pytest.mark.parametrize("resource", ["contacts", "deals", "opt_outs"])
def test_what_is_asked_and_answered_is_as_the_vendor_describes_it(tmp_path: Path, resource: str) -> None:
    against("hubspot_contacts_2026-09.json")  # skips here where it is not at hand
    world = HubSpotWorld(tmp_path, resource, check=described)
    world.put(fakes(world.resource.shape, range(7)))
    first = pull(world)
    assert sum(page.rows.num_rows for page in first) == 7
    pull(world, first[-1].state)
    assert len(world.vendor.asked) > 4
    assert (WIDE in {asked.path for asked in world.vendor.asked}) == (resource == "opt_outs")
    world.close()


def test_leaving_all_email_has_a_time_and_coming_back_grants_nothing(tmp_path: Path) -> None:
    world = HubSpotWorld(tmp_path, "opt_outs")
    for number in (1, 2, 3):
        put(world, contact(number, LONG_AGO))
    left = {"status": "UNSUBSCRIBED", "timestamp": "2026-05-01T08:00:00Z", "wideStatusType": "PORTAL_WIDE"}
    for number, status in ((1, "UNSUBSCRIBED"), (2, "SUBSCRIBED")):
        world.vendor.held.setdefault("opt_outs", {})[f"person.{number}@example.org"] = [{**left, "status": status}]  # type: ignore[assignment]
    rows = typed(world.resource.shape, pull(world)[0].rows, timezone="UTC").table.to_pylist()
    assert [(one["status"], one["since"] is not None) for one in rows] == [
        ("UNSUBSCRIBED", True),
        ("SUBSCRIBED", True),
        (None, False),
    ]
    assert {consent.channel for _, consent in world.resource.shape.consents} == {"email"}, "so no yes grants anything"
    world.close()


def test_addresses_are_asked_about_a_hundred_at_a_time(tmp_path: Path) -> None:
    world = HubSpotWorld(tmp_path, "opt_outs")
    world.vendor.page = 200
    put(world, *(contact(number, LONG_AGO) for number in range(1, 131)))
    pull(world)
    assert [len(asked.json["inputs"]) for asked in world.vendor.asked if asked.path == WIDE] == [100, 30]
    assert not any("@" in json.dumps([asked.path, dict(asked.query)]) for asked in world.vendor.asked)
    world.close()


def test_a_fake_that_flatters_us_is_caught() -> None:
    check = against("hubspot_contacts_2026-09.json")
    path, head = "/crm/objects/2026-09/contacts", {"authorization": "Bearer x", "content-type": "application/json"}
    good = {"id": "1", "archived": False, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}
    check(Asked("GET", path, {}, head), Answer({"results": [{**good, "properties": {"email": None}}]}))
    search = {"filterGroups": [{"filters": [{"propertyName": "email", "operator": "IS"}]}], "properties": []}
    body = json.dumps({**search, "sorts": [], "limit": 3, "after": "0"}).encode()
    for asked, answer in (
        (Asked("GET", path, {}, head), Answer({"results": [good]})),
        (Asked("GET", path, {}, head), Answer({"results": [{**good, "id": 1, "properties": {}}]})),
        (Asked("GET", path, {"archived": "perhaps"}, head), Answer({"results": []})),
        (Asked("POST", f"{path}/search", {}, head, body), Answer({"total": 0, "results": []})),
    ):
        with pytest.raises(Exception, match=r".+"):
            check(asked, answer)


def test_a_search_past_its_cap_goes_on(world: HubSpotWorld) -> None:
    assert isinstance(world.vendor, FakeHubSpot)
    world.vendor.cap = 6
    put(world, *(contact(number, LONG_AGO) for number in range(1, 30)))
    assert ids(pull(world)) == list(range(1, 30))


def test_many_contacts_of_one_import_share_their_moment_and_all_come(world: HubSpotWorld) -> None:
    put(world, *(contact(number, LONG_AGO) for number in range(1, 12)))
    state = pull(world)[-1].state
    late = datetime.fromtimestamp(NOW / 1e6, UTC) - timedelta(minutes=10)
    put(world, *(contact(number, late) for number in range(1, 12)))
    assert ids(pull(world, state)) == list(range(1, 12))


def test_a_contact_that_leaves_the_window_moves_no_other_past_us(world: HubSpotWorld) -> None:
    put(world, *(contact(number, LONG_AGO) for number in range(1, 10)))
    pages = world.source.pull(world.resource, None, Context(now=NOW, page_rows=3))
    seen = [next(pages)]
    after = datetime.fromtimestamp(NOW / 1e6, UTC) + timedelta(minutes=1)
    put(world, *(contact(number, after) for number in (1, 2)))
    seen += pages
    assert ids(seen) == list(range(1, 10))
    assert ids(pull(world, seen[-1].state, now=NOW + 300_000_000)) == [1, 2]


def test_what_the_index_shows_late_is_found_by_the_next_pull(world: HubSpotWorld) -> None:
    assert isinstance(world.vendor, FakeHubSpot)
    put(world, contact(1, LONG_AGO), contact(2, datetime.fromtimestamp(NOW / 1e6, UTC) - timedelta(minutes=30)))
    world.vendor.unindexed = {"2"}
    first = pull(world)
    assert ids(first) == [1]
    world.vendor.unindexed = set()
    assert ids(pull(world, first[-1].state, now=NOW + 60_000_000)) == [2]


def test_fewer_contacts_than_the_search_found_are_a_failure(world: HubSpotWorld) -> None:
    put(world, contact(1, LONG_AGO))
    shown = {**contact(1, LONG_AGO), "archived": False}
    world.vendor.first = [Answer({"total": 2, "results": [shown]})]
    with pytest.raises(TryLater, match="announced 2 records and sent 1"):
        pull(world)


def test_archived_contacts_follow_as_deleted(world: HubSpotWorld) -> None:
    put(world, contact(1, LONG_AGO), {**contact(2, LONG_AGO), "archived": True, "archivedAt": "2026-11-01T00:00:00Z"})
    rows = typed(world.resource.shape, pull(world)[-1].rows, timezone="UTC").table.to_pylist()
    assert [(one["id"], one["archived"]) for one in rows] == [("1", False), ("2", True)]


def test_a_merge_that_makes_a_third_contact_names_both_it_came_from(world: HubSpotWorld) -> None:
    put(world, contact(33, LONG_AGO, hs_merged_object_ids="11;22", hs_email_optout="true"))
    rows = typed(world.resource.shape, pull(world)[-1].rows, timezone="UTC").table.to_pylist()
    assert [(one["id"], one["absorbed"]) for one in rows] == [("33", None), ("11", "33"), ("22", "33")]
    assert [one["opted_out"] for one in rows] == ["true", None, None], "the lost records said nothing of it"
    assert {one["modified"] for one in rows} == {LONG_AGO}


def test_an_empty_text_is_none_and_says_nothing(world: HubSpotWorld) -> None:
    put(world, contact(1, LONG_AGO, phone="", createdate="", hs_merged_object_ids="", hs_email_optout=""))
    made = typed(world.resource.shape, pull(world)[-1].rows, timezone="UTC")
    (row,) = made.table.to_pylist()
    assert made.bad.num_rows == 0
    assert {row[name] for name in ("phone", "created", "absorbed", "opted_out")} == {None}


def test_a_contact_is_asked_only_for_what_its_record_names(tmp_path: Path) -> None:
    world = HubSpotWorld(tmp_path, properties={"Loyalty Tier": "string", "points": "integer"})
    put(world, contact(1, LONG_AGO, **{"Loyalty Tier": "or", "points": "12"}))
    row = typed(world.resource.shape, pull(world)[-1].rows, timezone="UTC").table.to_pylist()[0]
    assert (row["loyalty_tier"], row["points"]) == ("or", 12)
    asked = world.vendor.asked[0].json["properties"]
    assert {"email", "Loyalty Tier", "points", "hs_merged_object_ids"} <= set(asked)
    assert "hs_object_id" not in asked
    world.close()


@pytest.mark.parametrize("name", ["Email", "at", "7"])
def test_a_property_that_would_take_anothers_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DefinitionError, match="cannot be an attribute"):
        HubSpotWorld(tmp_path, properties={name: "string"})


def test_one_way_of_being_let_in_is_given() -> None:
    for said in ({}, {"token_file": "a", "oauth_file": "b"}):
        with pytest.raises(DefinitionError, match="`token_file` or `token_command` or `oauth_file`"):
            HubSpotSettings.model_validate_json(json.dumps({"kind": "hubspot", **said}), strict=True)
