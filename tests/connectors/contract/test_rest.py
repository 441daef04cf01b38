"""A typed REST resource: a few lines, and what follows from them."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.conformance import PROMISES, a_lost_column_is_an_error_that_names_it
from passerelle.connectors.contract.paging import CursorPage, LinkPage, NumberedPage, OffsetPage, Paginator
from passerelle.connectors.contract.records import Record, at
from passerelle.connectors.contract.rest import RestResource, RestSource, Window
from passerelle.connectors.contract.roles import Attribute, Consent, Cursor, Identifier, Key, Tombstone, states
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.errors import Refused
from passerelle.connectors.http import Endpoint, Session
from passerelle.privacy.vocabulary import Field, Purpose
from tests.connectors.contract.vendor import Behaviour, Vendor, cursor_pages, link_pages, numbered_pages, vendor

NOW = 1_795_219_200_000_000


class Person(Record):
    id: Annotated[str, Key()]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("emails", 0, "value")
    visits: Annotated[int | None, Attribute()] = None
    opted: Annotated[str | None, Consent(Purpose.EMAIL_MARKETING, states(given=("yes",), withdrawn=("no",)))] = None
    deleted: Annotated[bool, Tombstone()] = at("is_deleted", default=False)
    updated: Annotated[datetime | None, Cursor()] = None


def since(window: Window) -> Mapping[str, str]:
    return {"since": window.since_iso} if window.since is not None else {}


def people(made: Vendor, pages: Paginator | None = None, records: str = "data") -> RestSource:
    pages = pages or CursorPage("additional_data.next_cursor", "cursor")
    resource = RestResource("persons", Person, path="people", records=records, pages=pages, query=since)
    return RestSource("pipeline", [resource], lambda: Session(Endpoint(made.url, allow_private=True)))


def person(number: int, **more: object) -> dict[str, Any]:
    return {"id": f"K{number}", "emails": [{"value": f"person.{number}@example.org"}], "visits": number, **more}


def pull(source: RestSource, state: Mapping[str, Any] | None = None) -> list[Page]:
    return list(source.pull(source.resources[0], state, Context(now=NOW)))


def ids(pages: list[Page]) -> list[str]:
    return [key for page in pages for key in page.rows["id"].to_pylist()]


@pytest.mark.parametrize(
    ("behave", "pages", "records"),
    [
        (cursor_pages, CursorPage("additional_data.next_cursor", "cursor"), "data"),
        (link_pages, LinkPage(), ""),
        (numbered_pages, NumberedPage("page", 3), "data"),
        (numbered_pages, OffsetPage("offset", 3, "limit"), "data"),
    ],
)
def test_every_way_of_paging_brings_every_record_once(behave: Behaviour, pages: Paginator, records: str) -> None:
    with vendor(behave) as made:
        made.people = [person(number) for number in range(8)]
        found = pull(people(made, pages, records))
    assert ids(found) == [f"K{number}" for number in range(8)]
    assert found[0].rows["email"].to_pylist()[0] == "person.0@example.org"
    assert [page.watermark for page in found] == [None, None, NOW]


def test_a_bad_record_goes_to_quarantine_alone_and_shows_nothing() -> None:
    with vendor() as made:
        made.people = [person(0), person(1, visits="SECRET"), person(2)]
        (page,) = pull(people(made))
    assert ids([page]) == ["K0", "K2"]
    assert page.quarantined.to_pylist() == [
        {"place": "persons page 1 record 2", "field": "visits", "reason": "int_parsing"}
    ]


def test_a_cursor_that_repeats_is_refused() -> None:
    def circle(_made: Vendor, _path: str, _query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, json.dumps({"data": [], "additional_data": {"next_cursor": "x"}}).encode()

    with vendor(circle) as made, pytest.raises(Refused, match="circle"):
        pull(people(made))


def test_a_next_link_to_elsewhere_is_refused() -> None:
    def foreign(_made: Vendor, _path: str, _query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, json.dumps({"data": [person(1)], "next": "http://evil.example/"}).encode()

    with vendor(foreign) as made, pytest.raises(Refused, match="leads away"):
        pull(people(made, LinkPage("next")))


def test_an_answer_of_another_form_is_refused() -> None:
    with vendor() as made:
        made.first = [(200, {}, b'{"errors": "SECRET"}')]
        with pytest.raises(Refused, match="form") as refused:
            pull(people(made))
    assert "SECRET" not in str(refused.value)


def test_the_next_pull_asks_from_the_last_window_less_the_overlap() -> None:
    with vendor() as made:
        made.people = [person(1)]
        state = json.loads(json.dumps(pull(people(made))[-1].state))
        pull(people(made), state)
    assert [query for _, query in made.asked] == [{}, {"since": "2026-11-20T23:00:00Z"}]


def test_tombstones_and_times_arrive_typed() -> None:
    with vendor() as made:
        made.people = [person(1, is_deleted=True, updated="2026-02-03T10:12:00+02:00"), person(2)]
        source = people(made)
        (page,) = pull(source)
    rows = typed(source.resources[0].shape, page.rows, timezone="UTC")
    assert rows.bad.num_rows == 0
    assert rows.table["deleted"].to_pylist() == [True, False]
    assert str(rows.table["updated"].to_pylist()[0]) == "2026-02-03 08:12:00+00:00"


class RestWorld:
    """The vendor, as the conformance suite handles it."""

    def __init__(self, made: Vendor) -> None:
        self._made = made
        self.source = people(made)

    def put(self, rows: pa.Table) -> None:
        held = {one["id"]: one for one in self._made.people}
        for row in rows.to_pylist():
            held[row["id"]] = {
                "id": row["id"],
                "emails": [{"value": row["email"]}],
                "visits": int(row["visits"]),
                "opted": row["opted"],
                "is_deleted": row["deleted"] == "oui",
                "updated": row["updated"],
            }
        self._made.people = sorted(held.values(), key=lambda one: str(one["updated"]))

    def spoil(self, canary: str) -> None:
        self._made.people.append({"id": "bad", "visits": canary, "updated": "2026-01-02T00:00:00Z"})

    def lose(self, column: str) -> None:
        for one in self._made.people:
            one.pop(column, None)


# A vendor leaves out what is empty: a member that is not there is no lost column. And `since` is the pull's own
# clock, so a record written earlier with an old time is found only within the overlap of that clock.
NOT_OF_REST = {
    a_lost_column_is_an_error_that_names_it.__name__,
    "only_what_changed_is_read_again",
    "a_late_commit_is_found",
}
NOT_OF_REST |= {"a_cursor_in_the_future_hides_nothing", "tombstones_come_through"}


@pytest.mark.parametrize(
    "promise", [one for one in PROMISES if one.__name__ not in NOT_OF_REST], ids=lambda one: one.__name__
)
def test_rest_keeps_the_promises_of_a_source(promise: Any, tmp_path: Path) -> None:  # noqa: ANN401, ARG001
    with vendor() as made:
        promise(RestWorld(made))
