"""A vendor described in YAML keeps the promises of a source, however it pages and lets us in."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.conformance import conformance
from passerelle.connectors.contract.fake_vendor import Answer, Asked, FakeVendor
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.rest import Rest, RestSettings
from passerelle.privacy.errors import PasserelleError

NOW = 1_795_219_200_000_000
FIELDS: dict[str, Any] = {
    "customer_id": {"key": True, "identifier": "external_id", "column": "id"},
    "email": {"identifier": "email", "column": "emails.0.value"},
    "spent": {"attribute": "money", "column": "totals.spent"},
    "news": {"consent": {"purpose": "email_marketing", "given": ["yes"], "withdrawn": ["no"]}},
    "gone": {"tombstone": True},
    "updated_at": {"cursor": "timestamp"},
}
CURSOR = {"cursor": {"at": "meta.next", "parameter": "cursor"}}


class FakeCrm(FakeVendor):
    """Gives tokens that end, and people behind a cursor."""

    tokens = 0

    def answer(self, asked: Asked) -> Answer:
        people, following = self.cursor_page(
            self.held.get("records", {}), asked, since="updated_since", moment="updated_at"
        )
        return Answer({"data": {"items": people}, "meta": {"next": following or None}})

    def handle(self, asked: Asked) -> Answer:
        if asked.path != "/token":
            return super().handle(asked)
        self.tokens += 1
        return Answer({"access_token": f"t{self.tokens}", "expires_in": 3600})


class FakeGraphQl(FakeCrm):
    """The same people, asked for by a query's variables."""

    def answer(self, asked: Asked) -> Answer:
        return super().answer(replace(asked, query=asked.json["variables"]))


class RestWorld(VendorWorld):
    """The YAML and the fake."""

    def __init__(self, folder: Path, fake: FakeCrm | None = None, **more: object) -> None:
        lacks = {"a_merged_record_names_the_one_it_became": "FIELDS has no field for merges"}
        super().__init__(fake or FakeCrm(), lacks=lacks)
        secret(folder / "oauth.json", json.dumps({"client_id": "a", "client_secret": "b"}))
        login = {"token_url": f"{self.vendor.url}/token", "file": "oauth.json", "grant": "client_credentials"}
        settings = described(self.vendor.url, authentication={"oauth": login}, **more)
        self.source = Rest("newcrm", settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))
        self.vendor.let_in = lambda asked: asked.headers.get("authorization") != "Bearer t0"

    def expire(self) -> None:
        given = {f"Bearer t{number}" for number in range(self.vendor.tokens + 1)}  # type: ignore[attr-defined]
        self.vendor.let_in = lambda asked: asked.headers.get("authorization") not in given

    def spoil(self, canary: str) -> None:
        record: dict[str, Any] = {"id": "bad", "emails": [], "totals": {"spent": canary}, "news": None, "gone": False}
        self._hold("bad", {**record, "updated_at": "2026-01-02T00:00:00Z"})


test_a_vendor_in_yaml = conformance(RestWorld)
PEOPLE = "query ($cursor: String, $updated_since: String) { items(after: $cursor) { ...fields } }"
SINCE = {"updated_since": "{since}"}
test_a_graphql_vendor_in_yaml = pytest.mark.slow(
    conformance(lambda folder: RestWorld(folder, FakeGraphQl(), graphql=PEOPLE, query=SINCE))
)


def secret(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8")
    path.chmod(0o600)


def described(url: str, **more: object) -> RestSettings:
    plain = {
        "kind": "rest",
        "url": url,
        "path": "people",
        "records": "data.items",
        "query": {"limit": "3", "updated_since": "{since}"},
        "paging": CURSOR,
        "quota": {"requests": 1000},
        "allow_private": True,
        "grain": "person",
        "fields": FIELDS,
    }
    return RestSettings.model_validate_json(json.dumps({**plain, **more}), strict=True)


class Scripted(FakeVendor):
    """Answers what it was told to."""

    def answer(self, _asked: Asked) -> Answer:
        return Answer([])


def pull(folder: Path, url: str, **more: object) -> list[Page]:
    source = Rest("newcrm", described(url, records="", **more), folder=folder)
    return list(source.pull(source.resources[0], None, Context(now=NOW)))


@pytest.mark.parametrize(
    ("paging", "second"),
    [
        ({"number": {"size": 2, "size_parameter": "per_page"}}, ({"page": "2", "per_page": "2"}, None)),
        ({"offset": {"size": 2}}, ({"offset": "2", "limit": "2"}, None)),
        ({"range": {"size": 2}}, ({}, "records=2-3")),
        ({"link": {}}, ({"after": "x"}, None)),
    ],
)
def test_every_way_of_paging_can_be_described(
    tmp_path: Path, paging: dict[str, Any], second: tuple[dict[str, str], str | None]
) -> None:
    link = {"link": '</people?after=x>; rel="next"'}
    with Scripted().running() as vendor:
        vendor.first = [Answer([{"id": 1}, {"id": 2}], 200, link), Answer([{"id": 3}])]
        (page,) = pull(tmp_path, vendor.url, paging=paging, query={})
    assert page.rows["customer_id"].to_pylist() == ["1", "2", "3"]
    assert (dict(vendor.asked[1].query), vendor.asked[1].headers.get("range")) == second


@pytest.mark.parametrize(
    ("login", "header"),
    [
        ({"header": {"name": "X-Api-Key", "token_file": "token"}}, ("x-api-key", "SECRET")),
        ({"header": {"prefix": "Bearer ", "token_command": ["cat", "token"]}}, ("authorization", "Bearer SECRET")),
        ({"basic": {"user": {"token_file": "token"}}}, ("authorization", "Basic U0VDUkVUOg==")),
    ],
)
def test_every_way_of_being_let_in_can_be_described(
    tmp_path: Path, login: dict[str, Any], header: tuple[str, str]
) -> None:
    secret(tmp_path / "token", "SECRET\n")
    with Scripted().running() as vendor:
        pull(tmp_path, vendor.url, authentication=login, paging=None, headers={"x-version": "7"})
    assert vendor.asked[0].headers[header[0]] == header[1]
    assert vendor.asked[0].headers["x-version"] == "7"


def test_moments_are_filled_in_from_the_second_pull_on(tmp_path: Path) -> None:
    query = {"a": "{since}", "b": "{since_date}..{until_date}", "c": "{since_seconds}", "d": "{until}", "e": "x"}
    with Scripted().running() as vendor:
        source = Rest("newcrm", described(vendor.url, records="", query=query, paging=None), folder=tmp_path)
        (first,) = source.pull(source.resources[0], None, Context(now=NOW))
        list(source.pull(source.resources[0], first.state, Context(now=NOW)))
    assert vendor.asked[0].query == {"d": "2026-11-21T00:00:00Z", "e": "x"}
    assert vendor.asked[1].query == {
        "a": "2026-11-20T23:00:00Z",
        "b": "2026-11-20..2026-11-21",
        "c": "1795215600",
        "d": "2026-11-21T00:00:00Z",
        "e": "x",
    }


def test_columns_are_asked_for_by_their_names(tmp_path: Path) -> None:
    query = {"fields": "{fields}", "f": ["{fields}", "more"]}
    fields = {**FIELDS, "city": {"identifier": "city", "column": "emails.0.city"}}
    with Scripted().running() as vendor:
        pull(tmp_path, vendor.url, query=query, paging=None, fields=fields)
    names = "id,emails,totals,news,gone,updated_at"
    assert vendor.asked[0].query == {"fields": names, "f": f"{names},more"}  # the fake joins what is sent several times


DOCUMENT = """query ($take: Int, $skip: Int, $since: DateTime) {
  customers(take: $take, skip: $skip, after: $since) { items { ...fields } totalItems }
}"""
GRAPHQL = {
    "graphql": DOCUMENT,
    "path": "admin-api",
    "records": "data.customers.items",
    "count": "data.customers.totalItems",
    "query": {"since": "{since}"},
    "paging": {"offset": {"parameter": "skip", "size_parameter": "take", "size": 2}},
}


def customers(*numbers: int, total: int) -> Answer:
    items = [{"id": number, "emails": [{"value": f"p{number}@example.org"}], "totals": None} for number in numbers]
    return Answer({"data": {"customers": {"items": items, "totalItems": total}}})


def test_a_graphql_query_asks_for_the_columns_and_pages_by_its_variables(tmp_path: Path) -> None:
    with Scripted().running() as vendor:
        source = Rest("newcrm", described(vendor.url, **GRAPHQL, sparse=True), folder=tmp_path)
        vendor.first = [customers(1, 2, total=3), customers(3, total=3)]
        pages = list(source.pull(source.resources[0], None, Context(now=NOW)))
        vendor.first = [customers(total=0)]
        list(source.pull(source.resources[0], pages[-1].state, Context(now=NOW)))
    assert [key for page in pages for key in page.rows["customer_id"].to_pylist()] == ["1", "2", "3"]
    asked = [json.loads(one.body) for one in vendor.asked]
    fields = "id emails { value } totals { spent } news gone updated_at"
    assert {one["query"] for one in asked} == {DOCUMENT.replace("...fields", fields)}
    assert [one["variables"] for one in asked] == [
        {"skip": 0, "take": 2},
        {"skip": 2, "take": 2},
        {"skip": 0, "take": 2, "since": "2026-11-20T23:00:00Z"},
    ]
    assert {(one.method, one.path) for one in vendor.asked} == {("POST", "/admin-api")}


def test_a_graphql_cursor_goes_back_as_it_came(tmp_path: Path) -> None:
    paging = {"cursor": {"at": "data.customers.end", "parameter": "after"}}
    answer = {"data": {"customers": {"items": [{"id": 1}], "end": "7"}}}
    with Scripted().running() as vendor:
        source = Rest("newcrm", described(vendor.url, **{**GRAPHQL, "paging": paging}, sparse=True), folder=tmp_path)
        vendor.first = [Answer(answer), Answer({"data": {"customers": {"items": [], "end": None}}})]
        list(source.pull(source.resources[0], None, Context(now=NOW)))
    assert [json.loads(one.body)["variables"] for one in vendor.asked] == [{}, {"after": "7"}]


@pytest.mark.parametrize(("code", "exit_code"), [("FORBIDDEN", 2), ("GRAPHQL_VALIDATION_FAILED", 7)])
def test_what_graphql_refuses_with_http_200_is_no_empty_page(tmp_path: Path, code: str, exit_code: int) -> None:
    with Scripted().running() as vendor:
        vendor.first = [Answer({"errors": [{"message": "canary", "extensions": {"code": code}}], "data": None})]
        source = Rest("newcrm", described(vendor.url, **GRAPHQL), folder=tmp_path)
        with pytest.raises(PasserelleError) as failed:
            list(source.pull(source.resources[0], None, Context(now=NOW)))
    assert failed.value.exit_code == exit_code
    assert "canary" not in repr((failed.value, failed.value.advice))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({**GRAPHQL, "graphql": "{ customers { items { id } } }"}, "names its fields itself"),
        ({**GRAPHQL, "graphql": "# all of them\n mutation { customers { ...fields } }"}, "is no query"),
        ({**GRAPHQL, "paging": {"link": {}}}, "no headers to page by"),
        ({**GRAPHQL, "fields": {**FIELDS, "spent": {"attribute": "money", "column": "a} b"}}}, "no field called spent"),
        ({"query": {"f": ["{fields}", "{sinse}"]}}, "word in braces"),
        ({"query": {"since": "{sinse}"}}, "word in braces"),
        ({"fields": {name: role for name, role in FIELDS.items() if name != "updated_at"}}, "no field is the cursor"),
        ({"paging": {"link": {}, "range": {"size": 1}}}, "Give one of"),
        ({"authentication": {}}, "Give one of"),
        ({"authentication": {"header": {"name": "x"}}}, "either `token_file` or"),
        ({"quota": {"seconds": 3}}, "Give `requests`"),
    ],
)
def test_what_cannot_be_meant_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(DefinitionError, match=said):
        described("https://api.example.com", **more)
