"""Shopify's Admin GraphQL on loopback: lists by conditions, bulk operations, tokens of client credentials."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from passerelle.connectors.contract.fake_vendor import Answer, Asked, Check, FakeVendor, Held
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.shopify import Shopify, ShopifySettings

TOKEN = "a-token-of-shopify"

NO_MERGES = "a merge is told by the webhook customers/merge alone"
NO_DELETIONS = "a deleted order is told by the webhook orders/delete alone"
NO_LOST_COLUMNS = "GraphQL refuses a query for a field that is gone, and never leaves one out"
NO_EXPIRY = "a token of before 2026 does not end"
NO_CIRCLE = "a bulk operation has no pages; one that answers something else is taken for failed"

_CONDITION = re.compile(r"(\w+):(>=)?'?([^' ]+)'?")
_COST = {"requestedQueryCost": 52, "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": 1900}}


class FakeShopify(FakeVendor):
    """`ends` is what the next bulk operations end as, instead of being complete; `announced` miscounts them."""

    def __init__(self, *, check: Check | None = None) -> None:
        super().__init__(check=check)
        self.tokens = [TOKEN]
        self.operations: list[dict[str, Any]] = []
        self.polled: set[str] = set()
        self.ends: dict[str, Any] = {}
        self.announced: int | None = None
        self.let_in = lambda asked: (
            asked.path[:7] != "/admin/"
            or "x-shopify-access-token" not in asked.headers
            or (asked.headers["x-shopify-access-token"] == self.tokens[-1])
        )

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/admin/oauth/access_token":
            given = asked.form == {"grant_type": "client_credentials", "client_id": "c", "client_secret": "s"}
            body = {"access_token": self.tokens[-1], "scope": "read_customers", "expires_in": 86399}
            return Answer(body) if given else Answer({"error": "invalid_client"}, 400)
        if asked.path.startswith("/files/"):
            return Answer(self.operations[int(asked.path.split("/")[-1])]["lines"])
        document, variables = asked.json["query"], asked.json["variables"]
        if document.startswith("mutation Submit"):
            data = self._submitted(variables["query"])
        elif document.startswith("query Poll"):
            data = self._polled(variables["id"])
        else:
            name = re.findall(r"\) \{ (\w+)\(", document)[0]
            data = {name: self._list(name, variables["first"], variables["query"] or "")}
        restored = {**_COST["throttleStatus"], "restoreRate": 100.0}  # type: ignore[dict-item]
        return Answer({"data": data, "extensions": {"cost": {**_COST, "throttleStatus": restored}}})

    def _list(self, name: str, first: int, conditions: str) -> dict[str, Any]:
        found = matching(self.held.get(name, {}), conditions)
        size = min(first, self.page)
        return {"nodes": found[:size], "pageInfo": {"hasNextPage": len(found) > size}}

    def _submitted(self, inner: str) -> dict[str, Any]:
        name, _, conditions = re.findall(r'^\{ (\w+)(\(query: "([^"]*)"\))?', inner)[0]
        found = matching(self.held.get(name, {}), conditions)
        lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in found).encode()
        self.operations.append({"lines": lines, "count": len(found)})
        operation = {"id": f"gid://shopify/BulkOperation/{len(self.operations) - 1}"}
        return {"bulkOperationRunQuery": {"bulkOperation": operation, "userErrors": []}}

    def _polled(self, gid: str) -> dict[str, Any]:
        done = gid in self.polled
        self.polled.add(gid)
        operation = self.operations[int(gid.rsplit("/", maxsplit=1)[-1])]
        count = operation["count"] if self.announced is None else self.announced
        url = f"{self.url}/files/{gid.rsplit('/', maxsplit=1)[-1]}" if operation["lines"] else None
        complete = {"status": "COMPLETED", "errorCode": None, "url": url, "rootObjectCount": str(count)}
        running = {"status": "RUNNING", "errorCode": None, "url": None, "rootObjectCount": "0"}
        return {"bulkOperation": {**complete, **self.ends} if done else running}


def matching(held: Held, conditions: str) -> list[dict[str, Any]]:
    """Records by Shopify's search syntax, in the order of their numbers."""
    found = sorted(held.values(), key=lambda one: int(one["legacyResourceId"]))
    for name, _, value in _CONDITION.findall(conditions):
        if name == "id":
            found = [one for one in found if int(one["legacyResourceId"]) >= int(value)]
        elif name == "updated_at":
            found = [one for one in found if str(one["updatedAt"])[: len(value)] >= value]
    return found


class ShopifyWorld(VendorWorld):
    """The connector and the fake. `bulk`: by client credentials and bulk operations; else by a lasting token."""

    def __init__(
        self, folder: Path, resource: str = "customers", *, bulk: bool = False, check: Check | None = None
    ) -> None:
        lacks = {
            "a_merged_record_names_the_one_it_became": NO_MERGES,
            "a_lost_column_is_an_error_that_names_it": NO_LOST_COLUMNS,
            **({"paging_that_runs_in_a_circle_is_noticed": NO_CIRCLE} if bulk else {}),
            **({} if bulk else {"a_token_that_ends_in_the_middle_is_renewed": NO_EXPIRY}),
            **({"tombstones_come_through": NO_DELETIONS} if resource == "orders" else {}),
        }
        self.fake = FakeShopify(check=check)
        super().__init__(self.fake, resource=resource, lacks=lacks)
        secret, text = ("client_file", '{"client_id": "c", "client_secret": "s"}') if bulk else ("token_file", TOKEN)
        (folder / "secret").write_text(text, encoding="utf-8")
        (folder / "secret").chmod(0o600)
        endpoint = f"{self.vendor.url}/admin/api/2026-10"
        said = {"kind": "shopify", "shop": "x", secret: "secret", "endpoint": endpoint, "allow_private": True}
        settings = ShopifySettings.model_validate_json(json.dumps({**said, "bulk": bulk}), strict=True)
        self.source = Shopify("shop", settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))

    def expire(self) -> None:
        """Take no more of the token that was given."""
        self.fake.tokens.append(f"{TOKEN}-{len(self.fake.tokens)}")

    def put(self, rows: pa.Table) -> None:
        """Hold these; whether somebody is erased and what SMS may be sent stand in the same place."""
        plain = rows.to_pylist()
        for row in plain:
            if "erased" in row:
                row["erased"] = row["sms_marketing"] = row["erased"] or row["sms_marketing"].upper()
        super().put(pa.Table.from_pylist(plain, schema=rows.schema))

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """As Shopify writes it: long and exact numbers as text, words of its own lists."""
        return dict(_written(record, ()))


_WORDS = {"countryCodeV2": "FR", "currencyCode": "EUR", "displayFinancialStatus": "PAID"}


def _written(value: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, Mapping):
        return {name: _written(one, (*path, name)) for name, one in value.items()}
    last = path[-1]
    if value is not None and last in _WORDS:
        return _WORDS[last]
    if last in {"marketingState", "state"}:
        return str(value).upper()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
