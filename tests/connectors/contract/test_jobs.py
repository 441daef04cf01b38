"""Resources that come as files, against vendors like Salesforce (CSV by locator) and Shopify (JSON Lines elsewhere)."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import pyarrow as pa
import pytest

from passerelle.connectors.contract.bulk import Csv, JsonLines
from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.fake_vendor import Answer, Asked, FakeVendor
from passerelle.connectors.contract.jobs import Failed, JobResource, Ready
from passerelle.connectors.contract.records import Record, at, shape_of
from passerelle.connectors.contract.rest import RestSource
from passerelle.connectors.contract.roles import Attribute, Cursor, Identifier, Key, Tombstone
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.exchange import Ask, Clock, Reply
from passerelle.connectors.http import Endpoint, Session
from passerelle.privacy.vocabulary import Field

NOW = 1_795_219_200_000_000


class Contact(Record):
    id: Annotated[str, Key()]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = None
    owner: Annotated[str | None, Attribute()] = at("Owner", "Name")
    deleted: Annotated[bool, Tombstone()] = at("IsDeleted", default=False)
    updated: Annotated[datetime | None, Cursor()] = at("SystemModstamp")


class Customer(Record):
    id: Annotated[str, Key()]
    email: Annotated[str | None, Identifier(Field.EMAIL)] = at("defaultEmailAddress", "emailAddress")
    orders: Annotated[int | None, Attribute()] = at("numberOfOrders")
    updated: Annotated[datetime | None, Cursor()] = at("updatedAt")


class Bulk(FakeVendor):
    """Jobs with results in parts of three rows."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[str] = []
        self.jobs: dict[str, int] = {}
        self.announced: int | None = None
        self.slow = 2

    def answer(self, asked: Asked) -> Answer:
        if asked.method == "POST":
            self.jobs[f"j{len(self.jobs)}"] = self.slow
            return Answer({"id": f"j{len(self.jobs) - 1}"})
        _, _, job, *results = asked.path.split("/")
        if job not in self.jobs:
            return Answer(None, 404)
        if results:
            return self.part(int(asked.query.get("locator", "0")))
        self.jobs[job] -= 1
        done = self.jobs[job] < 0
        return Answer({"state": "JobComplete" if done else "InProgress", "rows": self.announced})

    def part(self, start: int) -> Answer:
        text = "\n".join(["id,email,Owner.Name,IsDeleted,SystemModstamp,Unasked", *self.rows[start : start + 3], ""])
        following = str(start + 3) if start + 3 < len(self.rows) else "null"
        return Answer(text.encode(), 200, {"Sforce-Locator": following})


def ready(reply: Reply) -> Ready | None:
    return Ready(rows=reply.at("rows")) if reply.at("state") == "JobComplete" else None


def contacts(vendor: FakeVendor, **more: Any) -> RestSource:  # noqa: ANN401 - of the resource
    plain: dict[str, Any] = {
        "submit": lambda window: Ask("jobs", method="POST", json={"since": window.since and window.since_iso}),
        "job": lambda reply: reply.at("id"),
        "poll": lambda job: Ask(f"jobs/{job}"),
        "ready": ready,
        "fetch": lambda job, part: Ask(f"jobs/{job}/results", {"locator": part} if part else {}),
        "following": lambda headers: headers.get("sforce-locator"),
    }
    resource = JobResource("contacts", Contact, **{**plain, **more})
    clock = Clock(sleep=lambda _seconds: None)
    return RestSource("crm", [resource], lambda: Session(Endpoint(vendor.url, allow_private=True), clock=clock))


def pull(source: RestSource, state: Any = None, rows: int = 3) -> list[Page]:  # noqa: ANN401 - any state
    again = None if state is None else json.loads(json.dumps(state))
    return list(source.pull(source.resources[0], again, Context(now=NOW, page_rows=rows)))


def ids(pages: list[Page]) -> list[str]:
    return [str(key) for page in pages for key in page.rows["id"].to_pylist()]


@pytest.fixture
def bulk() -> Iterator[Bulk]:
    made = Bulk()
    made.rows = [
        f'{n},a{n}@example.org,"Zoé, née D",{"true" if n == 1 else "false"},2026-02-03T10:12:00Z,x' for n in range(8)
    ]
    with made.running():
        yield made


def test_a_job_is_awaited_and_its_parts_are_read_as_arrow(bulk: Bulk) -> None:
    source = contacts(bulk)
    pages = pull(source)
    assert ids(pages) == [str(number) for number in range(8)]
    assert [page.watermark for page in pages] == [None, None, None, NOW]
    rows = typed(source.resources[0].shape, pages[1].rows, timezone="UTC")
    assert rows.bad.num_rows == 0
    assert rows.table["owner"].to_pylist()[0] == "Zoé, née D"
    assert rows.table["deleted"].to_pylist() == [False, True, False]
    pull(source, pages[-1].state)
    assert [json.loads(one.body) for one in bulk.asked if one.method == "POST"] == [
        {"since": None},
        {"since": "2026-11-20T23:00:00Z"},
    ]


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_pull_that_was_cut_submits_nothing_again(bulk: Bulk, cut: int) -> None:
    source = contacts(bulk)
    pages = pull(source)
    rest = pull(source, pages[cut].state)
    assert ids(pages[: cut + 1]) + ids(rest) == [str(number) for number in range(8)]
    assert len(bulk.jobs) == 1


def test_a_job_that_is_gone_is_submitted_anew_and_only_once(bulk: Bulk) -> None:
    source = contacts(bulk)
    state = pull(source)[1].state
    bulk.jobs = {"other": 0}
    assert ids(pull(source, state)) == [str(number) for number in range(8)]
    with pytest.raises(Refused, match="twice"):
        pull(contacts(bulk, poll=lambda _job: Ask("jobs/gone")))


def test_other_counts_than_announced_are_a_failure_and_the_window_is_read_again(bulk: Bulk) -> None:
    bulk.announced = 9
    found: list[Page] = []
    source = contacts(bulk)
    with pytest.raises(TryLater, match="announced 9 records and sent 8"):
        found.extend(source.pull(source.resources[0], None, Context(now=NOW, page_rows=3)))
    bulk.announced = 8
    again = pull(source, found[-1].state)
    assert (ids(again), again[-1].watermark) == ([str(number) for number in range(8)], NOW)
    assert all(page.watermark is None for page in found)


def test_a_vendor_that_takes_too_long_is_for_later_and_the_job_is_kept(bulk: Bulk) -> None:
    bulk.slow = 1000
    found: list[Page] = []
    source = contacts(bulk, patience=60)
    with pytest.raises(TryLater, match="still preparing"):
        found.extend(source.pull(source.resources[0], None, Context(now=NOW)))
    bulk.jobs["j0"] = 0
    assert len(ids(pull(source, found[-1].state))) == 8
    assert len(bulk.jobs) == 1


def test_a_job_that_failed_is_forgotten_and_the_next_pull_submits_another(bulk: Bulk) -> None:
    found: list[Page] = []
    failed = contacts(bulk, ready=lambda _reply: Failed(TryLater("It broke.")))
    with pytest.raises(TryLater, match="It broke"):
        found.extend(failed.pull(failed.resources[0], None, Context(now=NOW)))
    assert len(ids(pull(contacts(bulk), found[-1].state))) == 8
    assert len(bulk.jobs) == 2


def test_pages_of_a_part_are_no_longer_than_asked(bulk: Bulk) -> None:
    pages = pull(contacts(bulk), rows=1)
    assert {page.rows.num_rows for page in pages} == {0, 1}
    assert ids(pages) == [str(number) for number in range(8)]


def test_numbers_that_are_sent_as_text_are_read_as_such() -> None:
    lines = [b'{"id": "1", "numberOfOrders": "3"}\n{"id": "2", "numberOfOrders": null}\n']
    (block,) = JsonLines(quoted=True).tables(iter(lines), shape_of(Customer))
    assert (block.rows["orders"].to_pylist(), block.lost) == (["3", None], 0)
    (block,) = JsonLines().tables(iter(lines), shape_of(Customer))
    assert block.lost == 1


def test_a_file_elsewhere_is_fetched_without_our_token() -> None:
    class Shop(FakeVendor):
        def answer(self, asked: Asked) -> Answer:
            if asked.path.startswith("/files/"):
                return Answer(b"\n".join(json.dumps(line).encode() for line in lines))
            return Answer({"id": "op", "state": "JobComplete", "url": f"{self.url}/files/1.jsonl"})

    lines: list[dict[str, Any]] = [
        {"id": "gid://1", "defaultEmailAddress": {"emailAddress": "a@example.org"}, "numberOfOrders": 3},
        {"id": "gid://2", "defaultEmailAddress": None, "numberOfOrders": "CANARY"},
        {"id": "gid://3", "tags": ["x"], "updatedAt": "2026-02-03T10:12:00Z"},
    ]
    with Shop().running() as vendor:
        resource = JobResource(
            "customers",
            Customer,
            submit=lambda _window: Ask("graphql.json", method="POST"),
            job=lambda reply: reply.at("id"),
            poll=lambda _job: Ask("graphql.json"),
            ready=lambda reply: Ready(reply.at("url"), rows=3),
            elsewhere=True,
            format=JsonLines(),
        )
        session = lambda: Session(Endpoint(vendor.url, allow_private=True), headers={"x-token": "SECRET"})  # noqa: E731
        pages = pull(RestSource("shop", [resource], session), rows=100)
    assert ids(pages) == ["gid://1", "gid://3"]
    assert pages[-1].rows["email"].to_pylist() == ["a@example.org", None]
    assert pages[-1].quarantined["reason"].to_pylist() == ["unreadable_line"]
    assert "CANARY" not in repr([page.quarantined.to_pylist() for page in pages])
    assert "x-token" not in vendor.asked[-1].headers


def test_a_file_at_an_address_without_tls_is_not_fetched() -> None:
    session = Session(Endpoint("https://api.example.com"))
    with pytest.raises(Refused, match="not https"):
        session.elsewhere("http://files.example.com/1")


def test_blocks_of_any_size_give_the_same_rows() -> None:
    text = b"id,email,Owner.Name,IsDeleted,SystemModstamp\n" + b"".join(
        f'{n},,"a\nb",false,2026-01-01\n'.encode() for n in range(50_000)
    )
    shape = shape_of(Contact)
    for size in (7_001, 1 << 20):
        blocks = (text[place : place + size] for place in range(0, len(text), size))
        found = pa.concat_tables([block.rows for block in Csv().tables(blocks, shape)])
        assert found.num_rows == 50_000
        assert found["owner"][49_999].as_py() == "a\nb"
    lines = b"".join(b'{"id": "%d", "numberOfOrders": %d}\n' % (n, n) for n in range(60_000))
    blocks = (lines[place : place + 9_001] for place in range(0, len(lines), 9_001))
    read = [block.rows for block in JsonLines().tables(blocks, shape_of(Customer))]
    assert len(read) > 1
    assert pa.concat_tables(read)["orders"].to_pylist() == list(range(60_000))


def test_a_file_that_lacks_a_column_is_an_error_that_names_it() -> None:
    with pytest.raises(DefinitionError, match=r"no column Owner\.Name"):
        list(Csv().tables(iter([b"id,email,IsDeleted,SystemModstamp\n1,,,\n"]), shape_of(Contact)))
    assert list(Csv().tables(iter([]), shape_of(Contact))) == []
