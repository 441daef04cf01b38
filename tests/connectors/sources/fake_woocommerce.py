"""WooCommerce on loopback: lists as its own code and WordPress' make them."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from passerelle.connectors.contract.fake_vendor import Answer, Asked, FakeVendor
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.woocommerce import WooCommerce, WooCommerceSettings

TOKEN = "ck_of_a_shop:cs_of_a_shop"
PARIS = timezone(timedelta(hours=2))
"""The shop's zone, in summer."""

NO_MERGES = "accounts and orders are never merged"
NO_TRACE = "a customer is deleted for good, and no list tells of it"
NO_WINDOW = "customers have no filter by time: they are read whole, each time"
NO_EXPIRY = "a consumer key does not end"


class FakeWoo(FakeVendor):
    """Records in the order of their numbers. `hidden` orders are counted, and left out of their page."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden: set[str] = set()

    def answer(self, asked: Asked) -> Answer:
        kind, query = asked.path.rsplit("/", 1)[-1], asked.query
        found = [one for one in self.held.get(kind, {}).values() if _listed(kind, one, query)]
        found.sort(key=lambda one: int(one["id"]))
        start, size = int(query.get("offset", "0")), min(self.page, int(query.get("per_page", "10")))
        some = [one for one in found[start : start + size] if str(one["id"]) not in self.hidden]
        names = query["_fields"].split(",")
        shown = [{name: one[name] for name in one if _wanted(name, names)} for one in some]
        return Answer(shown, headers={"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(-(-len(found) // size))})


def _wanted(name: str, names: list[str]) -> bool:
    return any(one == name or one.startswith(f"{name}.") for one in names)


def _listed(kind: str, one: dict[str, Any], query: Any) -> bool:  # noqa: ANN401 - a mapping
    if kind == "customers":
        return query.get("role", "customer") in {"all", one["#role"]}
    if (one.get("status", one.get("#status")) == "trash") != (query.get("status") == "trash"):
        return False
    if "modified_after" not in query:
        return True
    return bool(one["date_modified_gmt"]) and _moment(one, query) > as_wordpress_reads(query["modified_after"])


def _moment(one: dict[str, Any], query: Any) -> datetime:  # noqa: ANN401 - a mapping
    """The column that is compared: of local time, unless `dates_are_gmt`."""
    said = datetime.fromisoformat(one["date_modified_gmt"])
    return said if query.get("dates_are_gmt") == "true" else said + timedelta(hours=2)


def as_wordpress_reads(text: str) -> datetime:
    """A moment that says its zone becomes one of the shop's zone, whatever it is compared with."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is None else found.astimezone(PARIS).replace(tzinfo=None)


class WooWorld(VendorWorld):
    """The connector and the fake."""

    vendor: FakeWoo

    def __init__(self, folder: Path, resource: str = "customers", **said: object) -> None:
        lacks = {
            "a_merged_record_names_the_one_it_became": NO_MERGES,
            "a_token_that_ends_in_the_middle_is_renewed": NO_EXPIRY,
        }
        if resource == "customers":
            lacks |= {
                "only_what_changed_is_read_again": NO_WINDOW,
                "tombstones_come_through": NO_TRACE,
                "a_lost_column_is_an_error_that_names_it": NO_TRACE,
            }
        super().__init__(FakeWoo(), resource=resource, lacks=lacks)
        login = "Basic " + b64encode(TOKEN.encode()).decode()
        self.vendor.let_in = lambda asked: asked.headers.get("authorization") == login
        (folder / "key").write_text(TOKEN, encoding="utf-8")
        (folder / "key").chmod(0o600)
        plain = {"kind": "woocommerce", "token_file": "key", "shop": "https://shop.example.org"}
        more = {"endpoint": f"{self.vendor.url}/wp-json/wc/v3", "allow_private": True}
        settings = WooCommerceSettings.model_validate_json(json.dumps({**plain, **more, **said}), strict=True)
        self.source = WooCommerce("woo", settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """As WooCommerce has it: moments that say no zone, amounts as text."""
        whole = {name: _zoneless(value) if name.endswith("_gmt") else value for name, value in record.items()}
        if "total" in whole:
            status = record.get("status") or "completed"
            whole |= {"total": f"{whole['total']:.2f}", "status": status, "#status": status, "meta_data": []}
        return {"#role": "customer", **whole}


def _zoneless(moment: Any) -> Any:  # noqa: ANN401 - what a test spoils is left as it is
    try:
        return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (TypeError, ValueError):
        return moment
