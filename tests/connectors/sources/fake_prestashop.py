"""PrestaShop's webservice on loopback: filters, sorting and pages as its own code makes them."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from passerelle.connectors.contract.fake_vendor import Answer, Asked, FakeVendor
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.prestashop import PrestaShop, PrestaShopSettings

KEY = "KEYOFPRESTASHOP"
SECRETS = {"passwd": "$2y$10$secret", "secure_key": "5ec2e7", "reset_password_token": "70ce2"}

NO_MERGES = "customers are never merged"
NO_WINDOW = "whoever leaves the newsletter keeps the old date_upd, so customers are read whole, each time"
NO_EXPIRY = "a key does not end"
NO_TRACE = "an order is never deleted, but cancelled"


class FakePresta(FakeVendor):
    """Lists, by the fields that are named. A record that is put has moments in the shop's zone."""

    def answer(self, asked: Asked) -> Answer:
        kind, query = asked.path.rsplit("/", 1)[-1], asked.query
        if any("date_" in name for name in query if name.startswith("filter[")) and query.get("date") != "1":
            return Answer({"errors": [{"code": 32, "message": "This filter does not exist"}]}, 400)
        if query["display"] == "full":
            return Answer({kind: [{**one, **SECRETS} for one in self.held.get(kind, {}).values()]})
        found = [one for one in self.held.get(kind, {}).values() if _fits(one, query)]
        found.sort(key=lambda one: int(one["id"]))
        start, size = (int(part) for part in query["limit"].split(","))
        names = query["display"].strip("[]").split(",")
        some = [
            {name: one[name] for name in names if name in one} for one in found[start : start + min(size, self.page)]
        ]
        return Answer({kind: some} if some else [])


def _fits(record: dict[str, Any], query: Mapping[str, str]) -> bool:
    """Text is compared as MySQL compares a date; numbers as numbers."""
    for name, said in query.items():
        field, wanted = re.match(r"filter\[(\w+)\]", name), re.match(r">\[(.*)\]", said)
        if field is None:
            continue
        assert wanted is not None
        held = record[field[1]]
        if not (int(held) > int(wanted[1]) if field[1] == "id" else str(held) > wanted[1]):
            return False
    return True


class PrestaWorld(VendorWorld):
    """The connector and the fake."""

    vendor: FakePresta

    def __init__(self, folder: Path, resource: str = "customers", timezone: str = "Europe/Paris") -> None:
        lacks = {
            "a_merged_record_names_the_one_it_became": NO_MERGES,
            "a_token_that_ends_in_the_middle_is_renewed": NO_EXPIRY,
            **(
                {"only_what_changed_is_read_again": NO_WINDOW}
                if resource == "customers"
                else {"tombstones_come_through": NO_TRACE, "a_lost_column_is_an_error_that_names_it": NO_TRACE}
            ),
        }
        super().__init__(FakePresta(), resource=resource, lacks=lacks)
        self.zone = ZoneInfo(timezone)
        login = "Basic " + b64encode(f"{KEY}:".encode()).decode()
        self.vendor.let_in = lambda asked: asked.headers.get("authorization") == login
        (folder / "key").write_text(KEY, encoding="utf-8")
        (folder / "key").chmod(0o600)
        plain = {"kind": "prestashop", "token_file": "key", "shop": "https://shop.example.org", "timezone": timezone}
        more = {"endpoint": f"{self.vendor.url}/api", "allow_private": True}
        settings = PrestaShopSettings.model_validate_json(json.dumps({**plain, **more}), strict=True)
        self.source = PrestaShop("presta", settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """As PrestaShop has it: all but the number is text, moments are the shop's."""
        whole = {name: _text(value) for name, value in record.items() if name != "id"}
        moments = {name: self._local(value) for name, value in whole.items() if "date_" in name}
        return {"id": record["id"], **whole, **moments}

    def _local(self, said: str) -> str:
        try:
            return f"{datetime.fromisoformat(said).astimezone(self.zone):%Y-%m-%d %H:%M:%S}"
        except ValueError:
            return said


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
