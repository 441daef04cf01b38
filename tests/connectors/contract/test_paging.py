"""Ways of paging that look at the records themselves, against vendors that behave so."""

import json
from datetime import datetime
from typing import Annotated, Any

import pytest

from passerelle.connectors.contract.asking import Window
from passerelle.connectors.contract.keyset import Keyset
from passerelle.connectors.contract.paging import RangePage
from passerelle.connectors.contract.records import Record
from passerelle.connectors.contract.roles import Cursor, Identifier, Key
from passerelle.connectors.errors import Refused
from passerelle.connectors.exchange import Ask
from passerelle.privacy.vocabulary import Field
from tests.connectors.contract.test_rest import ids, people, person, pull
from tests.connectors.contract.vendor import Answer, Vendor, vendor


class Numbered(Record):
    id: Annotated[int, Key()]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = None
    updated: Annotated[datetime | None, Cursor()] = None


@pytest.mark.parametrize("said", ["all", "some", "nothing"])
@pytest.mark.parametrize("past", [0, 1], ids=["the last counts", "the last does not count"])
@pytest.mark.parametrize("count", [0, 8, 9])
def test_a_range_of_numbers_ends_with_416_or_where_content_range_says_so(count: int, past: int, said: str) -> None:
    """Whether or not a server takes the last number of a range for part of it, and knows how many there are."""

    def ranges(made: Vendor, _path: str, _query: dict[str, str]) -> Answer:
        first, last = map(int, made.headers[-1]["range"].removeprefix("records=").split("-"))
        if first >= len(made.people):
            return 416, {}, b""
        some = made.people[first : last + 1 - past]
        whole = len(made.people) if said == "all" else "*"
        head = {} if said == "nothing" else {"content-range": f"records {first}-{first + len(some) - 1}/{whole}"}
        return 206, head, json.dumps(some).encode()

    with vendor(ranges) as made:
        made.people = [person(number) for number in range(count)]
        found = pull(people(made, RangePage(3), ""))
    assert ids(found) == [f"K{number}" for number in range(count)]
    assert len(made.asked) <= count // (3 - past) + (1 if said == "all" else 2)


def keyset_ask(window: Window, step: Any) -> Ask:  # noqa: ANN401
    return Ask("query", {"since": window.since_iso if window.since else "", **step})


def keyset(made: Vendor, _path: str, query: dict[str, str]) -> Answer:
    """What comes after (updated, id), in that order."""
    after = (query.get("updated", ""), int(query.get("id", "-1")))
    everyone = sorted(made.people, key=lambda one: (one["updated"], one["id"]))
    return 200, {}, json.dumps({"data": [one for one in everyone if (one["updated"], one["id"]) > after][:3]}).encode()


def test_equal_moments_at_a_pages_edge_are_told_apart_by_their_keys() -> None:
    with vendor(keyset) as made:
        made.people = [{"id": number, "updated": "2026-02-03T10:12:00.000000Z"} for number in range(10)]
        source = people(made, Keyset("updated", "id", 3), record=Numbered, ask=keyset_ask)
        found = pull(source)
        again = pull(source, json.loads(json.dumps(found[1].state)))
    assert ids(found) == [str(number) for number in range(10)]
    assert ids(again) == ["6", "7", "8", "9"]


def test_a_row_that_moves_while_it_is_paged_is_not_missed() -> None:
    def moving(made: Vendor, path: str, query: dict[str, str]) -> Answer:
        answer = keyset(made, path, query)
        made.people[5]["updated"] = "2026-03-01T00:00:00.000000Z"
        return answer

    with vendor(moving) as made:
        made.people = [{"id": number, "updated": f"2026-02-{number + 1:02d}T00:00:00.000000Z"} for number in range(8)]
        found = pull(people(made, Keyset("updated", "id", 3), record=Numbered, ask=keyset_ask))
    assert sorted(set(ids(found))) == [str(number) for number in range(8)]


def test_a_page_of_bad_records_alone_cannot_lead_on() -> None:
    bad = b'{"data": [{"id": "x"}, {"id": "y"}, {"id": "z"}]}'
    with vendor(lambda *_: (200, {}, bad)) as made, pytest.raises(Refused, match="No record of a page could be read"):
        pull(people(made, Keyset("updated", "id", 3), record=Numbered, ask=keyset_ask))
