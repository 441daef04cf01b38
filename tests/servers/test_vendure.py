"""A real Vendure, a shop that is asked by GraphQL, read through `kind: rest`."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.sources.rest import Rest, RestSettings
from passerelle.privacy.errors import PasserelleError
from tests.servers.running import Vendure, vendure
from tests.servers.vendure_setup import Unavailable
from tests.waiting import until

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("servers"), pytest.mark.timeout(600)]

COUNT = 25
NOW = 1_795_219_200_000_000
CREATE = """mutation ($input: CreateCustomerInput!) {
  createCustomer(input: $input) { ... on Customer { id } ... on ErrorResult { message } }
}"""
UPDATE = "mutation ($input: UpdateCustomerInput!) { updateCustomer(input: $input) { __typename } }"
CUSTOMERS = """query ($skip: Int, $take: Int, $since: DateTime) {
  customers(options: {skip: $skip, take: $take, sort: {id: ASC}, filter: {updatedAt: {after: $since}}}) {
    items { ...fields }
    totalItems
  }
}"""


@pytest.fixture(scope="module")
def shop() -> Iterator[Vendure]:
    try:
        with vendure() as made:
            for number in range(COUNT):
                create(made, number)
            yield made
    except Unavailable as problem:
        pytest.skip(str(problem))


def create(shop: Vendure, number: int) -> str:
    said = {"firstName": "Zoé", "lastName": f"Évrard {number}", "emailAddress": f"person.{number}@example.org"}
    made: str = shop.ask(CREATE, input=said)["createCustomer"]["id"]
    return made


def described(shop: Vendure, folder: Path, key: str = "", **more: object) -> Rest:
    (folder / "key").write_text(key or shop.key, encoding="utf-8")
    (folder / "key").chmod(0o600)
    plain: dict[str, Any] = {
        "kind": "rest",
        "url": shop.url,
        "allow_private": True,
        "path": "admin-api",
        "authentication": {"header": {"name": "vendure-api-key", "token_file": "key"}},
        "graphql": CUSTOMERS,
        "query": {"since": "{since}"},
        "paging": {"offset": {"parameter": "skip", "size_parameter": "take", "size": 10}},
        "records": "data.customers.items",
        "count": "data.customers.totalItems",
        "overlap": "0s",
        "grain": "person",
        "fields": {
            "id": {"key": True},
            "email": {"identifier": "email", "column": "emailAddress"},
            "name": {"identifier": "last_name", "column": "lastName"},
            "updated_at": {"cursor": "timestamp", "column": "updatedAt"},
        },
    }
    settings = RestSettings.model_validate_json(json.dumps({**plain, **more}), strict=True)
    return Rest("boutique", settings, folder=folder)


def pull(source: Rest, state: State | None = None, now: int = NOW) -> tuple[list[dict[str, Any]], Page]:
    """What came, and the last page; all of it could be cast."""
    (resource,) = source.resources
    pages = list(source.pull(resource, state, Context(now=now)))
    tables = [typed(resource.shape, page.rows, timezone="UTC") for page in pages]
    assert sum(one.bad.num_rows for one in tables) == 0
    return [row for one in tables for row in one.table.to_pylist()], pages[-1]


def test_customers_are_counted_through_and_only_what_changed_comes_again(shop: Vendure, tmp_path: Path) -> None:
    source = described(shop, tmp_path)
    first, _ = pull(source)
    assert {row["email"] for row in first} >= {f"person.{number}@example.org" for number in range(COUNT)}
    later = max(int(row["updated_at"].timestamp() * 1e6) for row in first) + 1_000_000
    _, page = pull(source, now=later)
    assert pull(source, page.state, now=later)[0] == []
    until(lambda: time.time() * 1e6 > later)  # Vendure's clock is this machine's, and says when a customer changed
    changed = first[3]["id"]
    shop.ask(UPDATE, input={"id": changed, "lastName": "Nouveau"})
    again, _ = pull(source, page.state)
    assert [(row["id"], row["name"]) for row in again] == [(changed, "Nouveau")]


def test_a_wrong_key_is_a_mistake_and_a_wrong_question_is_no_empty_page(shop: Vendure, tmp_path: Path) -> None:
    with pytest.raises(PasserelleError) as refused:
        pull(described(shop, tmp_path, key="wrong"))
    assert refused.value.exit_code == 2
    fields = {"id": {"key": True}, "email": {"identifier": "email", "column": "emailAdress"}}
    with pytest.raises(PasserelleError) as unknown:
        pull(described(shop, tmp_path, fields=fields, query={}))
    assert unknown.value.exit_code == 7


def test_a_customer_that_was_deleted_is_in_no_list(shop: Vendure, tmp_path: Path) -> None:
    """Vendure keeps deleted customers to itself: what tells of them is not its list."""
    source = described(shop, tmp_path)
    gone = create(shop, COUNT)
    before, _ = pull(source)
    shop.ask("mutation ($id: ID!) { deleteCustomer(id: $id) { result } }", id=gone)
    after, _ = pull(source)
    assert {row["id"] for row in before} - {row["id"] for row in after} == {gone}
