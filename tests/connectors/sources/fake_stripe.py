"""Stripe on loopback: objects as they stand, and the events of what became of them."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from passerelle.connectors.contract.fake_vendor import Answer, Asked, FakeVendor
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.stripe import VERSION, Stripe, StripeSettings

KEY = "rk_live_of_stripe"

NO_MERGES = "customers are never merged"
NO_EXPIRY = "a key does not end by itself"
NO_TRACE = "a payment is never deleted"
BY_TYPE = "events are asked for by their types: one without a type is none"


class FakeStripe(FakeVendor):
    """Lists go backwards, by the moment and then by when they were made here. What is put here is an event."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    def put(self, resource: str, key: str, record: Mapping[str, Any]) -> None:
        """An event, and what it makes of its object. Without an object: one that is just there."""
        event = dict(record) if "data" in record else {"data": {"object": dict(record)}}
        if event.get("type") == "customer.deleted":
            self.held.get(resource, {}).pop(key, None)
        else:
            super().put(resource, key, event["data"]["object"])
        if "data" in record:
            self.events.append({**event, "id": f"evt_{len(self.events):06d}"})

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("stripe-version") != VERSION:
            return Answer({"error": {"type": "invalid_request_error"}}, 400)
        kind, query = asked.path.rsplit("/", 1)[-1], asked.query
        if kind == "events":
            types = {value for name, value in query.items() if name.startswith("types[")}
            found = [one for one in self.events if one.get("type") in types and _since(one, query)]
        else:
            found = list(self.held.get(kind, {}).values())
        order = sorted(enumerate(found), key=lambda one: (str(one[1]["created"]).rjust(12, "0"), one[0]), reverse=True)
        found = [one for _, one in order]
        after = query.get("starting_after")
        start = 1 + [one["id"] for one in found].index(after) if after else 0
        some = found[start : start + min(self.page, int(query["limit"]))]
        return Answer({"object": "list", "data": some, "has_more": len(found) > start + len(some), "url": asked.path})


def _since(event: dict[str, Any], query: Mapping[str, str]) -> bool:
    return not isinstance(event["created"], int) or event["created"] >= int(query["created[gte]"])


class StripeWorld(VendorWorld):
    """The connector and the fake."""

    vendor: FakeStripe

    def __init__(self, folder: Path, resource: str = "customers", *, key: str = KEY, **said: object) -> None:
        lacks = {
            "a_merged_record_names_the_one_it_became": NO_MERGES,
            "a_token_that_ends_in_the_middle_is_renewed": NO_EXPIRY,
            "a_lost_column_is_an_error_that_names_it": BY_TYPE,
        }
        if resource == "charges":
            lacks |= {"tombstones_come_through": NO_TRACE, "a_lost_column_is_an_error_that_names_it": NO_TRACE}
        super().__init__(FakeStripe(), resource=resource, lacks=lacks)
        self.vendor.let_in = lambda asked: asked.headers.get("authorization") == f"Bearer {key}"
        (folder / "key").write_text(key, encoding="utf-8")
        (folder / "key").chmod(0o600)
        plain = {"kind": "stripe", "token_file": "key", "endpoint": f"{self.vendor.url}/v1", "allow_private": True}
        self.settings = StripeSettings.model_validate_json(json.dumps({**plain, **said}), strict=True)
        self.source = Stripe("till", self.settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """An event as Stripe has it: seconds since 1970, amounts in smallest units."""
        thing = record["data"]["object"]
        thing |= {"created": _seconds(thing["created"]), "livemode": True}
        if "amount" in thing:
            thing |= {name: round(thing[name] * 100) for name in ("amount", "amount_refunded")} | {"currency": "eur"}
        kind = "charge.updated" if "amount" in thing else record.get("type") or "customer.updated"
        return {**record, "created": _seconds(record["created"]), "type": kind, "api_version": "2019-02-19"}


def _seconds(moment: Any) -> Any:  # noqa: ANN401 - what a test spoils is left as it is
    try:
        return int(datetime.fromisoformat(moment).timestamp())
    except (TypeError, ValueError):
        return moment
