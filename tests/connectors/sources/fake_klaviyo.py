"""Klaviyo on loopback: JSON:API lists, held against its OpenAPI description where that is at hand."""

import json
import re
from pathlib import Path
from typing import Any

from passerelle.connectors.contract.fake_vendor import Answer, Asked, Check, FakeVendor, not_before
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.klaviyo import Klaviyo, KlaviyoSettings

KEY = "pk_of_klaviyo"
METRIC = "Y7abcd"
SENT = {"content-type": "application/vnd.api+json"}

NO_TRACE = "a deleted or merged profile is in no list any more, and nothing tells of it"
EVENTS_STAND = "an event is neither deleted nor merged"
NO_EXPIRY = "a private key does not end"
SPARSE = "what a profile has never had is left out, so a missing field means nothing"

_FILTER = re.compile(r'(greater-than|greater-or-equal|equals)\((\w+),"?([^")]+)"?\)')


class FakeKlaviyo(FakeVendor):
    """Profiles and events, the latter told apart by their metric."""

    def answer(self, asked: Asked) -> Answer:
        kind = asked.path.rsplit("/", 1)[-1]
        moment = {"profiles": "updated", "events": "datetime"}[kind]
        held = [
            one
            for name, some in self.held.items()
            if (name == "profiles") == (kind == "profiles")
            for one in some.values()
        ]
        found = sorted(held, key=lambda one: str(one.get("attributes", {}).get(moment) or ""))
        for operator, field, value in _FILTER.findall(asked.query.get("filter", "")):
            found = [one for one in found if _fits(one, operator, field, value)]
        start = int(asked.query.get("page[cursor]", "0"))
        following = start + self.page
        kept = "".join(f"&{name}={value}" for name, value in asked.query.items() if name == "filter")
        link = f"{self.url}{asked.path}?page[cursor]={following}{kept}"
        links = {"self": f"{self.url}{asked.path}", **({"next": link} if following < len(found) else {})}
        names = asked.query.get(f"fields[{kind[:-1]}]")
        shown = [_shown(one, names.split(",") if names else None) for one in found[start:following]]
        return Answer({"data": shown, "links": links}, headers=SENT)


def _fits(record: dict[str, Any], operator: str, field: str, value: str) -> bool:
    if field == "metric_id":
        return bool(record["relationships"]["metric"]["data"]["id"] == value)
    held = str(record.get("attributes", {}).get(field) or "")
    return not_before(held, value) and (operator == "greater-or-equal" or held != value)


def _shown(record: dict[str, Any], names: list[str] | None) -> dict[str, Any]:
    """A record with the topmost attributes that were asked for; all where a link leads on, which holds them itself."""
    wanted = None if names is None else {name.split(".")[0] for name in names}
    attributes = {
        name: value for name, value in record.get("attributes", {}).items() if wanted is None or name in wanted
    }
    return {**record, "attributes": attributes}


class KlaviyoWorld(VendorWorld):
    """The connector and the fake."""

    def __init__(self, folder: Path, resource: str = "profiles", check: Check | None = None, **said: object) -> None:
        gone = NO_TRACE if resource == "profiles" else EVENTS_STAND
        lacks = {
            "tombstones_come_through": gone,
            "a_merged_record_names_the_one_it_became": gone,
            "a_lost_column_is_an_error_that_names_it": SPARSE,
            "a_token_that_ends_in_the_middle_is_renewed": NO_EXPIRY,
        }
        super().__init__(FakeKlaviyo(check=check), resource=resource, lacks=lacks)
        self.vendor.let_in = lambda asked: asked.headers.get("authorization") == f"Klaviyo-API-Key {KEY}"
        (folder / "key").write_text(KEY, encoding="utf-8")
        (folder / "key").chmod(0o600)
        plain = {"kind": "klaviyo", "token_file": "key", "endpoint": f"{self.vendor.url}/api", "allow_private": True}
        settings = KlaviyoSettings.model_validate_json(
            json.dumps({**plain, "events": {"placed_order": METRIC}, **said}), strict=True
        )
        self.source = Klaviyo("shopmail", settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))

    def spoil(self, canary: str) -> None:
        """One record whose number is none, or whose address is an object."""
        if self.resource.name != "profiles":
            super().spoil(canary)
            return
        self._hold(
            "bad", {"id": "bad", "attributes": {"email": {"surprise": canary}, "updated": "2026-01-02T00:00:00Z"}}
        )

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """With what Klaviyo sends besides."""
        kind = "profile" if self.resource.name == "profiles" else "event"
        attributes = dict(record["attributes"])
        for channel, what in attributes.get("subscriptions", {}).items():
            what["marketing"][f"can_receive_{channel}_marketing"] = True
            what["marketing"]["consent"] = what["marketing"]["consent"].upper()
            for one in what["marketing"].get("suppression", ()):
                one["reason"] = one["reason"].upper()
        whole = {**record, "type": kind, "links": {"self": f"{self.vendor.url}/api/{kind}s/{record['id']}"}}
        if kind == "event":
            person = {"type": "profile", "id": record["relationships"]["profile"]["data"]["id"]}
            metric = {"type": "metric", "id": METRIC}
            whole["relationships"] = {name: {"data": one} for name, one in (("profile", person), ("metric", metric))}
        return {**whole, "attributes": attributes}
