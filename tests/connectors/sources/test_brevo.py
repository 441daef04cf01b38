"""What is particular to Brevo; what every source does stands in test_conformance.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.fake_vendor import Answer
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.errors import TryLater
from passerelle.connectors.exchange import Clock, Reply, WaitHeader
from passerelle.connectors.sources.brevo import Brevo
from tests.connectors.sources.fake_brevo import BrevoWorld

NOW = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BrevoWorld]:
    made = BrevoWorld(tmp_path)
    yield made
    made.close()


def contact(number: int, **more: object) -> dict[str, Any]:
    plain = {
        "id": number,
        "email": f"person.{number}@example.org",
        "attributes": {},
        "modifiedAt": "2026-02-03T10:12:00Z",
    }
    return {**plain, "createdAt": "2026-01-01T00:00:00Z", "emailBlacklisted": False, "smsBlacklisted": False, **more}


def pull(world: BrevoWorld, state: Mapping[str, Any] | None = None, name: str = "contacts") -> list[Page]:
    resource = next(one for one in world.source.resources if one.name == name)
    return list(world.source.pull(resource, state, Context(now=NOW)))


def rows(world: BrevoWorld, name: str = "contacts") -> list[dict[str, Any]]:
    resource = next(one for one in world.source.resources if one.name == name)
    made = typed(resource.shape, pull(world, name=name)[-1].rows, timezone="UTC")
    assert made.bad.num_rows == 0
    found: list[dict[str, Any]] = made.table.to_pylist()
    return found


def test_a_contact_that_is_deleted_while_others_are_counted_hides_none(world: BrevoWorld) -> None:
    for number in range(9):
        world.vendor.put("contacts", str(number), contact(number))
    pages = world.source.pull(world.resource, None, Context(now=NOW, page_rows=3))
    seen = [next(pages)]
    del world.vendor.held["contacts"]["1"]
    seen += pages
    assert sorted(int(key) for page in seen for key in page.rows["id"].to_pylist()) == list(range(9))


def test_the_blacklists_veto_and_not_being_on_them_says_nothing(world: BrevoWorld) -> None:
    world.vendor.put("contacts", "1", contact(1, emailBlacklisted=True))
    (row,) = rows(world)
    assert (row["no_email"], row["no_sms"]) == ("true", "false")
    for _, consent in world.resource.shape.consents:
        assert consent.states["true"] == "ConsentWithdrawn"
        assert "false" in consent.silent
        assert consent.at is None, "modifiedAt dates no consent"


@pytest.mark.parametrize("names", [("FIRSTNAME", "LASTNAME"), ("PRENOM", "NOM")])
def test_names_are_found_in_french_accounts_too(world: BrevoWorld, names: tuple[str, str]) -> None:
    world.vendor.put("contacts", "1", contact(1, attributes=dict(zip(names, ("Zoé", "D'Ambrosio"), strict=True))))
    (row,) = rows(world)
    assert (row["first_name"] or row["prenom"], row["last_name"] or row["nom"]) == ("Zoé", "D'Ambrosio")


def test_attributes_that_are_named_come_whatever_they_are(tmp_path: Path) -> None:
    world = BrevoWorld(tmp_path, attributes={"LOYALTY": "string", "VISITS": "integer", "VIP": "boolean"})
    world.vendor.put("contacts", "1", contact(1, attributes={"LOYALTY": "or", "VISITS": 12, "VIP": True}))
    (row,) = rows(world)
    assert (row["loyalty"], row["visits"], row["vip"]) == ("or", 12, True)
    world.close()


def test_blocked_addresses_have_a_reason_and_a_time_and_are_asked_for_by_whole_days(world: BrevoWorld) -> None:
    blocked = {"email": "person.1@example.org", "reason": {"code": "unsubscribedViaEmail"}}
    world.vendor.put(
        "blocked", "1", {**blocked, "blockedAt": "2026-11-20T23:30:00Z", "senderEmail": "shop@example.org"}
    )
    assert rows(world, "blocked")[0]["reason"] == "unsubscribedViaEmail"
    state = pull(world, name="blocked")[-1].state
    assert pull(world, state, "blocked")[-1].rows.num_rows == 1
    query = world.vendor.asked[-1].query
    assert (query["startDate"], query["endDate"]) == ("2026-11-20", "2026-11-21")


def test_custom_events_are_read_by_day_and_contact(tmp_path: Path) -> None:
    world = BrevoWorld(tmp_path, event_properties={"amount": "money"})
    event = {"contact_id": 1, "event_name": "video_played", "event_date": "2026-11-20T10:00:00Z"}
    world.vendor.put("events", "1", {**event, "event_properties": {"amount": 59.9, "secret": "x"}})
    (row,) = rows(world, "events")
    assert (row["contact"], row["name"], row["amount"]) == ("1", "video_played", 5990)
    state = pull(world, name="events")[-1].state
    assert "startDate" not in world.vendor.asked[-1].query
    pull(world, state, "events")
    assert world.vendor.asked[-1].query["startDate"] == "2026-11-20T00:00:00Z"
    world.close()


def test_the_wait_that_its_own_header_asks_for_is_waited(tmp_path: Path) -> None:
    world = BrevoWorld(tmp_path)
    waits = list[float]()
    world.source = Brevo(
        "letters",
        world.settings,
        folder=tmp_path,
        clock=Clock(sleep=waits.append, now=lambda: 1_000.0),
    )
    world.vendor.put("contacts", "1", contact(1))
    world.vendor.first = [Answer({}, 429, {"x-sib-ratelimit-remaining": "0", "x-sib-ratelimit-reset": "7"})]
    assert pull(world)[-1].rows.num_rows == 1
    assert 7.0 in waits
    world.vendor.first = [Answer({}, 429, {"x-sib-ratelimit-remaining": "0", "x-sib-ratelimit-reset": "1800"})]
    with pytest.raises(TryLater) as later:
        pull(world, name="events")
    assert later.value.wait.seconds == 1800
    world.close()


@pytest.mark.parametrize(
    ("headers", "wait"),
    [({"x-reset": "7"}, 7.0), ({"retry-after": "3", "x-reset": "7"}, 3.0), ({"x-reset": "soon"}, None), ({}, None)],
)
def test_a_header_of_the_vendors_own_says_how_long_to_wait(headers: dict[str, str], wait: float | None) -> None:
    assert WaitHeader("x-reset")(Reply(429, headers, b""), 0.0) == wait
