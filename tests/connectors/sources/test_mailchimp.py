"""What is particular to Mailchimp; what every source does stands in test_conformance.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.fake_vendor import Answer, Asked
from passerelle.connectors.contract.fakes import fakes
from passerelle.connectors.contract.source import Context, Page
from passerelle.privacy.errors import DefinitionError
from tests.connectors.sources.fake_mailchimp import LIST, MailchimpWorld
from tests.connectors.sources.openapi import against

NOW = 1_795_219_200_000_000
DESCRIPTION = "mailchimp_members.yml"
PATHS = ("/lists/{list_id}/members",)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MailchimpWorld]:
    made = MailchimpWorld(tmp_path)
    yield made
    made.close()


def pull(world: MailchimpWorld, state: Mapping[str, Any] | None = None) -> list[Page]:
    return list(world.source.pull(world.resource, state, Context(now=NOW)))


def member(number: int, **more: object) -> dict[str, Any]:
    plain = {"contact_id": f"c{number}", "email_address": f"person.{number}@example.org", "status": "subscribed"}
    return {**plain, "list_id": LIST, "last_changed": f"2026-02-03T10:12:{number:02d}+00:00", **more}


def hold(world: MailchimpWorld, *members: dict[str, Any]) -> None:
    for one in members:
        world.vendor.put("shop", one["contact_id"], one)


def rows(world: MailchimpWorld, *members: dict[str, Any]) -> list[dict[str, Any]]:
    hold(world, *members)
    made = typed(world.resource.shape, pull(world)[-1].rows, timezone="UTC")
    assert made.bad.num_rows == 0
    found: list[dict[str, Any]] = made.table.to_pylist()
    return found


def test_what_is_asked_and_answered_is_as_the_vendor_describes_it(tmp_path: Path) -> None:
    world = MailchimpWorld(tmp_path, check=against(DESCRIPTION, paths=PATHS))
    world.put(fakes(world.resource.shape, range(7)))
    first = pull(world)
    assert sum(page.rows.num_rows for page in first) == 7
    pull(world, first[-1].state)
    assert {asked.query.get("status") for asked in world.vendor.asked} == {None, "archived"}
    world.close()


def test_a_fake_that_flatters_us_is_caught() -> None:
    check = against(DESCRIPTION, paths=PATHS)
    path = f"/3.0/lists/{LIST}/members"
    check(Asked("GET", path, {"sort_dir": "DESC"}, {}), Answer({"members": [member(1)], "total_items": 1}))
    for query, answer in (
        ({"sort_dir": "down"}, {"members": [], "total_items": 0}),
        ({"status": "forgotten"}, {"members": [], "total_items": 0}),
        ({}, {"members": [member(1, status="gone")], "total_items": 1}),
        ({}, {"members": [], "total_items": "none"}),
    ):
        with pytest.raises(Exception, match=r".+"):
            check(Asked("GET", path, query, {}), Answer(answer))


def test_a_member_that_changes_while_others_are_counted_hides_none(world: MailchimpWorld) -> None:
    hold(world, *(member(number) for number in range(9)))
    pages = world.source.pull(world.resource, None, Context(now=NOW, page_rows=3))
    seen = [next(pages)]
    hold(world, member(4, last_changed="2026-11-21T00:00:00+00:00"))
    del world.vendor.held["shop"]["c8"]
    seen += pages
    found = [key for page in seen for key in page.rows["id"].to_pylist()]
    assert set(found) >= {f"c{number}" for number in range(8) if number != 4}
    assert "c4" in pull(world, seen[-1].state)[-1].rows["id"].to_pylist()


def test_a_bare_403_is_waited_for_and_one_with_a_reason_is_not(world: MailchimpWorld) -> None:
    hold(world, member(1))
    world.vendor.first = [Answer(b"", 403), Answer(b"", 403)]
    assert pull(world)[-1].rows.num_rows == 1
    world.vendor.first = [Answer({"title": "Forbidden", "detail": "SECRET"}, 403)]
    with pytest.raises(DefinitionError) as refused:
        pull(world)
    assert "SECRET" not in repr(refused.value)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("subscribed", "ConsentGiven"),
        ("unsubscribed", "ConsentWithdrawn"),
        ("cleaned", "ConsentWithdrawn"),
        ("pending", None),
        ("transactional", None),
        ("archived", None),
    ],
)
def test_each_status_says_what_it_can(world: MailchimpWorld, status: str, state: str | None) -> None:
    (row,) = rows(world, member(1, status=status))
    for _, consent in [one for one in world.resource.shape.consents if one[0] == "by_email"]:
        assert consent.states.get(row["by_email"]) == state
        assert (row["by_email"] in consent.silent) == (state is None)
        assert (consent.at, consent.refused_at) == ("opted_at", "changed")
    assert (row["archived"] == "archived") == (status == "archived")


def test_archived_members_are_deleted_ones_and_deleted_ones_are_not_seen(world: MailchimpWorld) -> None:
    found = rows(world, member(1), member(2, status="archived"))
    assert [(one["id"], one["archived"]) for one in found] == [("c1", "subscribed"), ("c2", "archived")]


@pytest.mark.parametrize(
    "fields", [{}, {"merge_fields": {"PHONE": "", "ADDRESS": ""}}, {"timestamp_opt": "", "stats": {}}]
)
def test_what_is_empty_says_nothing(world: MailchimpWorld, fields: dict[str, Any]) -> None:
    (row,) = rows(world, member(1, **fields))
    assert {row[name] for name in ("phone", "opted_at", "revenue", "by_sms")} == {None}


def test_only_what_the_record_names_is_asked_for(tmp_path: Path) -> None:
    world = MailchimpWorld(tmp_path, merge_fields={"LOYALTY": "string", "POINTS": "integer"})
    (row,) = rows(world, member(1, merge_fields={"LOYALTY": "or", "POINTS": 12}, ip_opt="192.0.2.1"))
    assert (row["loyalty"], row["points"]) == ("or", 12)
    asked = world.vendor.asked[0].query["fields"].split(",")
    assert {"members.merge_fields.LOYALTY", "members.contact_id", "total_items"} <= set(asked)
    assert not [name for name in asked if "ip_" in name or "note" in name or name == "members.id"]
    world.close()
