"""A typed REST resource: a few lines, and what follows from them."""

import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any

import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.paging import CursorPage, LinkPage, NumberedPage, OffsetPage, Paginator
from passerelle.connectors.contract.records import Record, at
from passerelle.connectors.contract.rest import RestResource, RestSource, Window
from passerelle.connectors.contract.roles import Attribute, Consent, Cursor, Identifier, Key, Kind, Tombstone, states
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.exchange import Ask
from passerelle.connectors.http import Endpoint, Session
from passerelle.connectors.quota import HeaderQuota, Quota
from passerelle.privacy.vocabulary import Field, Purpose
from tests.connectors.contract.vendor import Behaviour, Vendor, cursor_pages, link_pages, numbered_pages, vendor

LATE = "2026-11-20T23:59:59Z"
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


def people(
    made: Vendor,
    pages: Paginator | None = None,
    records: str = "data",
    *,
    quotas: Mapping[str, Quota] = MappingProxyType({}),
    record: type[Record] = Person,
    **more: Any,  # noqa: ANN401 - of the resource
) -> RestSource:
    pages = pages or CursorPage("additional_data.next_cursor", "cursor")
    resource = RestResource("persons", record, path="people", records=records, pages=pages, query=since, **more)
    return RestSource("pipeline", [resource], lambda: Session(Endpoint(made.url, allow_private=True)), quotas=quotas)


def person(number: int, **more: object) -> dict[str, Any]:
    return {"id": f"K{number}", "emails": [{"value": f"person.{number}@example.org"}], "visits": number, **more}


def pull(source: RestSource, state: Mapping[str, Any] | None = None, *, page_rows: int = 3) -> list[Page]:
    return list(source.pull(source.resources[0], state, Context(now=NOW, page_rows=page_rows)))


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


def test_pages_that_go_back_a_little_miss_nothing_where_records_vanish() -> None:
    def vanishing(made: Vendor, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        answer = numbered_pages(made, path, query)
        if query["offset"] == "0":
            del made.people[:2]
        return answer

    for back, found in ((0, [0, 1, 2, 3, 6, 7]), (2, list(range(8)))):
        with vendor(vanishing) as made:
            made.page = 4
            made.people = [person(number) for number in range(8)]
            read = ids(pull(people(made, OffsetPage("offset", 4, "limit", back=back)), page_rows=100))
            assert len(read) == len(set(read))
        assert sorted(read) == [f"K{number}" for number in found], "each once"


def test_a_total_says_where_the_last_page_is_however_short_pages_are() -> None:
    with vendor(counted(0)) as made:
        made.page = 2
        made.people = [person(number) for number in range(5)]
        made.behave = lambda one, path, query: counted(0)(one, path, {"cursor": query["offset"]})
        assert len(ids(pull(people(made, OffsetPage("offset", 100, "limit", total="meta.total"))))) == 5


def test_what_a_page_repeats_does_not_hide_that_some_are_missing() -> None:
    def counting(made: Vendor, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        status, _, body = numbered_pages(made, path, query)
        return status, {}, json.dumps({**json.loads(body), "total": 6}).encode()

    with vendor(counting) as made:
        made.people = [person(number) for number in range(5)]
        with pytest.raises(TryLater, match="announced 6 records and sent 5"):
            pull(people(made, OffsetPage("offset", 3, "limit", back=1), count="total"))


def test_small_pages_are_handed_over_together() -> None:
    with vendor() as made:
        made.people = [person(number) for number in range(100)]
        found = pull(people(made), page_rows=50)
        assert [page.rows.num_rows for page in found] == [48, 48, 4]
        rest = pull(people(made), json.loads(json.dumps(found[0].state)), page_rows=50)
    assert ids(rest) == [f"K{number}" for number in range(48, 100)]


def test_what_was_read_before_a_failure_is_handed_over_first() -> None:
    with vendor(failing_from("6")) as made:
        made.people = [person(number) for number in range(9)]
        found = list[Page]()
        with pytest.raises(Refused):
            found.extend(people(made).pull(people(made).resources[0], None, Context(now=NOW)))
    assert ids(found) == [f"K{number}" for number in range(6)]
    assert found[-1].state["step"] == {"cursor": "6"}


def failing_from(cursor: str) -> Behaviour:
    def behave(made: Vendor, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        return (404, {}, b"") if query.get("cursor") == cursor else cursor_pages(made, path, query)

    return behave


def counted(more: int) -> Behaviour:
    def behave(made: Vendor, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        status, _, body = cursor_pages(made, path, query)
        total = len(made.people) + more
        return status, {"x-total": str(total)}, json.dumps({**json.loads(body), "meta": {"total": total}}).encode()

    return behave


@pytest.mark.parametrize("count", ["meta.total", "header:x-total"])
def test_fewer_records_than_announced_are_a_failure_that_reads_the_window_again(count: str) -> None:
    with vendor(counted(0)) as made:
        made.people = [person(number) for number in range(5)]
        assert [page.total for page in pull(people(made, count=count))] == [5, 5]
        made.behave = counted(2)
        found: list[Page] = []
        with pytest.raises(TryLater, match="announced 7 records and sent 5"):
            found.extend(people(made, count=count).pull(people(made).resources[0], None, Context(now=NOW)))
        assert found[-1].watermark is None
        made.behave = counted(0)
        again = pull(people(made, count=count), found[-1].state)
    assert ids(again) == [f"K{number}" for number in range(5)]
    assert again[-1].watermark == NOW


def test_what_is_left_is_counted_where_the_vendor_announces_that() -> None:
    def left(less: int) -> Behaviour:
        def behave(made: Vendor, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
            status, _, body = cursor_pages(made, path, query)
            total = len(made.people) - int(query.get("cursor", "0")) + less
            return status, {}, json.dumps({**json.loads(body), "total": total}).encode()

        return behave

    with vendor(left(0)) as made:
        made.people = [person(number) for number in range(5)]
        assert [page.total for page in pull(people(made, count="total", counts="rest"))] == [5, 5]
        made.behave = left(1)
        with pytest.raises(TryLater, match="announced 6 records and sent 5"):
            pull(people(made, count="total", counts="rest"))


def test_new_fields_are_told_of_once_and_only_where_they_look_like_names() -> None:
    with vendor() as made:
        made.people = [person(1, updated=LATE, nick="x", deal=3)]
        first = pull(people(made))
        made.people = [person(1, updated=LATE, nick="x", deal=3, **{"tier": 1, "zoe@example.org": 2, "k0612345678": 3})]
        second = pull(people(made), first[-1].state)
        third = pull(people(made), second[-1].state)
    assert first[-1].warnings == third[-1].warnings == ()
    assert second[-1].warnings == (
        "persons has new fields: tier, 2 more. They are not read until its record names them.",
    )
    assert "example" not in repr(second[-1].state)
    assert "0612345678" not in repr(second[-1].state)


def test_a_field_that_vanishes_is_an_error_before_anything_is_kept() -> None:
    with vendor() as made:
        made.people = [person(number, updated=LATE, is_deleted=False) for number in range(30)]
        made.page = 25
        state = pull(people(made))[-1].state
        made.people = [person(number, updated=LATE) for number in range(30)]
        found: list[Page] = []
        with pytest.raises(
            DefinitionError, match="None of 25 records of persons has is_deleted, which was there before"
        ):
            found.extend(people(made).pull(people(made).resources[0], state, Context(now=NOW)))
        assert found == []
        made.people[20]["is_deleted"] = True
        assert len(ids(pull(people(made), state))) == 30
        made.people = [person(1, updated=LATE)]
        assert len(ids(pull(people(made, sparse=True), state))) == 1


def test_any_request_may_be_asked() -> None:
    def ask(window: Window, step: Mapping[str, str]) -> Ask:
        body = {"properties": list(window.asked), "after": step.get("cursor")}
        return Ask("search", {"cursor": step["cursor"]} if step else {}, "POST", json=body, headers={"x-version": "1"})

    with vendor() as made:
        made.people = [person(number) for number in range(5)]
        found = pull(people(made, ask=ask))
    assert len(ids(found)) == 5
    assert [json.loads(body)["after"] for body in made.bodies] == [None, "3"]
    assert json.loads(made.bodies[0])["properties"] == ["id", "emails", "visits", "opted", "is_deleted", "updated"]
    assert made.headers[0]["x-version"] == "1"


def test_fields_under_a_key_are_asked_for_by_their_names_there() -> None:
    class Contact(Record):
        id: Annotated[str, Key()]
        email: Annotated[str | None, Identifier(Field.EMAIL)] = at("properties", "email")
        gone: Annotated[bool, Tombstone()] = at("archived", default=False)

    resource = RestResource("contacts", Contact, path="contacts", records="results", under="properties")
    assert resource.asked == ("email",)


def test_a_vendor_that_sends_everything_as_text_is_cast_as_the_roles_say() -> None:
    class Contact(Record):
        id: Annotated[int, Key()]
        email: Annotated[str | None, Identifier(Field.EMAIL)] = None
        visits: Annotated[str | None, Attribute(Kind.INTEGER)] = None
        updated: Annotated[str | None, Cursor()] = None

    with vendor() as made:
        made.people = [{"id": 7, "visits": "12", "updated": "2026-02-03T10:12:00Z"}, {"id": 8, "visits": ""}]
        source = people(made, record=Contact)
        (page,) = pull(source)
    rows = typed(source.resources[0].shape, page.rows, timezone="UTC")
    assert rows.bad.num_rows == 0
    assert (rows.table["id"].to_pylist(), rows.table["visits"].to_pylist()) == (["7", "8"], [12, None])


def test_a_resource_counts_against_the_quota_that_it_names() -> None:
    with vendor() as made:
        made.people = [person(1)]
        search, core = HeaderQuota("x-left"), HeaderQuota("x-left")
        source = people(made, quota="search", quotas={"search": search, "": core})
        made.first = [(200, {"x-left": "7"}, b'{"data": []}')]
        pull(source)
        assert source.limits == {"search": "7 requests left", "requests": ""}


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
