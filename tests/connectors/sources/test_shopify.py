"""What is particular to Shopify; what every source does stands in test_conformance.py."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.contract.fake_vendor import Answer, Asked, Check
from passerelle.connectors.contract.fakes import fakes
from passerelle.connectors.contract.source import Context, Page
from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.sources.shopify import Shopify, ShopifySettings
from tests.connectors.sources.fake_shopify import TOKEN, FakeShopify, ShopifyWorld
from tests.connectors.sources.shopify_setup import Unavailable, cache_folder, fetched

NOW = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z


@pytest.fixture
def bulk(tmp_path: Path) -> Iterator[ShopifyWorld]:
    world = ShopifyWorld(tmp_path, bulk=True)
    world.put(fakes(world.resource.shape, range(5)))
    yield world
    world.close()


def pull(world: ShopifyWorld, state: Any = None, *, into: list[Page] | None = None) -> list[Page]:  # noqa: ANN401 - any state
    found = [] if into is None else into
    again = None if state is None else json.loads(json.dumps(state))
    found.extend(world.source.pull(world.resource, again, Context(now=NOW)))
    return found


def count(pages: list[Page]) -> int:
    return sum(page.rows.num_rows for page in pages)


def queries(world: ShopifyWorld) -> list[str | None]:
    asked = [one.json["variables"] for one in world.vendor.asked if one.path.endswith("graphql.json")]
    return [one["query"] for one in asked if "query" in one]


# --- bulk operations
def test_a_file_with_fewer_records_than_shopify_counted_is_a_failure(bulk: ShopifyWorld) -> None:
    bulk.fake.announced = 6
    found: list[Page] = []
    with pytest.raises(TryLater, match="announced 6 records and sent 5"):
        pull(bulk, into=found)
    assert [page.watermark for page in found if page.watermark] == []
    bulk.fake.announced = None
    assert count(pull(bulk, found[-1].state)) == 5
    assert len(bulk.fake.operations) == 2


def test_partial_data_of_a_failed_operation_is_not_taken_and_the_next_pull_submits_another(bulk: ShopifyWorld) -> None:
    bulk.fake.ends = {"status": "FAILED", "errorCode": "INTERNAL_SERVER_ERROR", "url": None}
    found: list[Page] = []
    with pytest.raises(TryLater, match=r"not everything \(FAILED, INTERNAL_SERVER_ERROR\)") as error:
        pull(bulk, into=found)
    assert "bulk: false" in error.value.advice
    assert (count(found), [page.watermark for page in found if page.watermark]) == (0, [])
    bulk.fake.ends = {}
    assert count(pull(bulk, found[-1].state)) == 5
    assert len(bulk.fake.operations) == 2


def test_an_operation_that_lacks_scopes_is_a_mistake_of_the_settings(bulk: ShopifyWorld) -> None:
    bulk.fake.ends = {"status": "FAILED", "errorCode": "ACCESS_DENIED", "url": None}
    with pytest.raises(DefinitionError, match="ACCESS_DENIED") as error:
        pull(bulk)
    assert "protected customer data" in error.value.advice


def test_an_operation_that_found_nobody_has_no_file(bulk: ShopifyWorld) -> None:
    bulk.fake.held.clear()
    last = pull(bulk)[-1]
    assert (last.rows.num_rows, last.watermark) == (0, NOW)
    assert not any(one.path.startswith("/files/") for one in bulk.vendor.asked)


@pytest.mark.parametrize(("code", "error"), [("LIMIT_REACHED", TryLater), ("INVALID", Refused)])
def test_an_operation_that_is_not_taken_says_why(bulk: ShopifyWorld, code: str, error: type[Exception]) -> None:
    refused = {"bulkOperation": None, "userErrors": [{"code": code}]}
    pull(bulk)
    bulk.vendor.first = [Answer({"data": {"bulkOperationRunQuery": refused}})]
    with pytest.raises(error):
        pull(bulk)


def test_the_file_is_fetched_without_the_token_and_its_address_is_not_kept(bulk: ShopifyWorld) -> None:
    pages = pull(bulk)
    fetched_ = [one for one in bulk.vendor.asked if one.path.startswith("/files/")]
    assert len(fetched_) == 1
    assert TOKEN not in repr(fetched_[0].headers)
    assert "/files/" not in json.dumps([page.state for page in pages])


def test_only_the_first_pull_is_an_operation_and_a_look_is_none(bulk: ShopifyWorld) -> None:
    state = pull(bulk)[-1].state
    pull(bulk, state)
    assert len(bulk.fake.operations) == 1
    assert count(list(bulk.source.pull(bulk.resource, None, Context(now=NOW, sample=True)))) == 5
    assert len(bulk.fake.operations) == 1


# --- lists
def test_customers_are_asked_for_from_the_day_before_and_orders_from_the_second(tmp_path: Path) -> None:
    wanted = {
        "customers": "updated_at:>='2026-11-19'",
        "orders": "test:false AND updated_at:>='2026-11-20T23:00:00Z'",
    }
    for resource, query in wanted.items():
        world = ShopifyWorld(tmp_path, resource)
        pull(world, {"until": NOW, "step": None})
        assert queries(world) == [query]
        world.close()


def test_each_page_begins_after_the_last_number_so_that_no_list_ends_at_25000(tmp_path: Path) -> None:
    world = ShopifyWorld(tmp_path)
    world.put(fakes(world.resource.shape, range(7)))
    assert count(pull(world)) == 7
    assert queries(world) == [None, "id:>=4", "id:>=7"]
    assert all("after" not in one.json["variables"] for one in world.vendor.asked)
    world.close()


def test_being_throttled_in_an_answer_of_200_is_waited_for(tmp_path: Path) -> None:
    world = ShopifyWorld(tmp_path)
    world.put(fakes(world.resource.shape, range(2)))
    status = {"maximumAvailable": 1000.0, "currentlyAvailable": 0, "restoreRate": 50.0}
    cost = {"requestedQueryCost": 100, "actualQueryCost": None, "throttleStatus": status}
    errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
    world.vendor.first = [Answer({"errors": errors, "extensions": {"cost": cost}})]
    assert count(pull(world)) == 2
    assert isinstance(world.source, Shopify)
    assert world.source.limits["requests"] == "1900 of 2000 points"
    world.close()


def test_data_that_needs_approval_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    world = ShopifyWorld(tmp_path)
    errors = [{"message": "CANARY", "extensions": {"code": "ACCESS_DENIED"}}]
    world.vendor.first = [Answer({"data": {"customers": None}, "errors": errors})]
    with pytest.raises(DefinitionError) as error:
        pull(world)
    assert "CANARY" not in repr((error.value, error.value.advice))
    world.close()


def test_one_way_in_is_needed(tmp_path: Path) -> None:
    for more in ({}, {"token_file": "a", "client_file": "b"}):
        with pytest.raises(DefinitionError, match="client_file"):
            ShopifySettings.model_validate_json(json.dumps({"kind": "shopify", "shop": "x", **more}))
    assert tmp_path.exists()


# --- the vendor's own schema
@pytest.fixture(scope="module")
def check() -> Callable[[], Check]:
    from tests.connectors.sources.graphql_contract import against_graphql, schema_of

    try:
        return lambda: against_graphql(schema_of(fetched(cache_folder())))
    except Unavailable as problem:
        pytest.skip(str(problem))


@pytest.mark.shopify
@pytest.mark.parametrize("by_job", [False, True])
@pytest.mark.parametrize("resource", ["customers", "orders"])
def test_what_is_asked_and_answered_is_as_shopifys_schema_says(
    tmp_path: Path,
    check: Callable[[], Check],
    resource: str,
    by_job: bool,
) -> None:
    world = ShopifyWorld(tmp_path, resource, bulk=by_job, check=check())
    world.put(fakes(world.resource.shape, range(5)))
    pages = pull(world)
    assert count(pages) == 5
    pull(world, pages[-1].state)
    world.close()


@pytest.mark.shopify
def test_a_fake_that_flatters_us_is_caught(tmp_path: Path, check: Callable[[], Check]) -> None:
    world = ShopifyWorld(tmp_path)
    world.put(fakes(world.resource.shape, range(1)))
    pull(world)
    asked = world.vendor.asked[-1]
    good = json.loads(FakeShopify.answer(world.fake, asked).content)
    node = good["data"]["customers"]["nodes"][0]
    check()(asked, Answer(good))
    for spoilt in (
        {**node, "createdAt": None},
        {**node, "unasked": 1},
        {**node, "numberOfOrders": 3},
        {**node, "defaultEmailAddress": {**node["defaultEmailAddress"], "marketingState": "REDACTED"}},
    ):
        connection = {**good["data"]["customers"], "nodes": [spoilt]}
        with pytest.raises(ValueError, match=r".+"):
            check()(asked, Answer({"data": {"customers": connection}}))
    for document in ("{ customers(first: 1) { nodes { email } } }", "{ customers { nodes { acceptsMarketing } } }"):
        body = json.dumps({"query": document, "variables": {}}).encode()
        with pytest.raises(ValueError, match=r"deprecated|Cannot query"):
            check()(Asked("POST", "/graphql.json", {}, {}, body), Answer({"data": {}}))
    world.close()
