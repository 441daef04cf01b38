"""HubSpot on loopback: searches, lists and merges as HubSpot has them, held against its descriptions where at hand."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from passerelle.connectors.contract.fake_vendor import Answer, Asked, Check, FakeVendor
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.hubspot import HubSpot, HubSpotSettings

CAP = 10_000
NO_WINDOW = "a list with associations has no filter by time: deals are read whole, each time"
NO_TRACE = "of an address that HubSpot no longer has it says nothing; contacts tell of deletions and merges"
ABSENT = "of whoever never left it says nothing, so a missing field means nothing"
WIDE = "/communication-preferences/2026-09/statuses/batch/unsubscribe-all/read"
NO_MERGES = "merged deals are not followed: a deal is an event, and the merged one is in no list any more"


class FakeHubSpot(FakeVendor):
    """`held` has every record, archived ones included; `unindexed` ids are not found by a search yet."""

    tokens = 0
    cap = CAP

    def __init__(self, *, check: Check | None = None) -> None:
        super().__init__(check=check)
        self.unindexed: set[str] = set()

    def handle(self, asked: Asked) -> Answer:
        if asked.path == "/oauth/2026-09/token":
            self.tokens += 1
            return Answer({"access_token": f"t{self.tokens}", "expires_in": 1800, "refresh_token": "r"})
        return super().handle(asked)

    def answer(self, asked: Asked) -> Answer:
        if asked.path == WIDE:
            left = self.held.get("opt_outs", {})
            named = [{"subscriberIdString": one, "wideStatuses": left.get(one, [])} for one in asked.json["inputs"]]
            times = dict.fromkeys(("startedAt", "completedAt"), "2026-11-21T00:00:00Z")
            return Answer({"status": "COMPLETE", "results": named, **times})
        path = asked.path.replace("/crm/v3/objects/", "/crm/objects/2026-09/")  # HubSpot's own client calls version 3
        kind, *search = path.removeprefix("/crm/objects/2026-09/").split("/")
        held = sorted(self.held.get(kind, {}).values(), key=lambda one: int(one["id"]))
        if search:
            return self._search([one for one in held if not archived(one)], asked.json)
        wanted = asked.query.get("archived", "").lower() == "true"
        found = [one for one in held if archived(one) == wanted and int(one["id"]) > int(asked.query.get("after", "0"))]
        names = asked.query.get("properties", "").split(",")
        some = [_shown(one, names, associations="associations" in asked.query) for one in found[: self.page]]
        more = {"paging": {"next": {"after": some[-1]["id"]}}} if len(found) > len(some) else {}
        return Answer({"results": some, **more})

    def _search(self, held: list[dict[str, Any]], body: dict[str, Any]) -> Answer:
        start, size = int(body["after"]), min(int(body["limit"]), self.page)
        if start + size > self.cap:
            return Answer({"status": "error", "message": "10,000"}, 400)
        (group,) = body["filterGroups"]
        found = [one for one in held if one["id"] not in self.unindexed]
        for rule in group["filters"]:
            found = [one for one in found if _fits(one, rule)]
        some = found[start : start + size]
        more = {"paging": {"next": {"after": str(start + size)}}} if len(found) > start + size else {}
        return Answer({"total": len(found), "results": [_shown(one, body["properties"]) for one in some], **more})


def archived(record: dict[str, Any]) -> bool:
    """Whether it is archived; `held` says it even where a test takes the key away from what is shown."""
    return bool(record.get("archived", record.get("#archived")))


def _fits(record: dict[str, Any], rule: dict[str, str]) -> bool:
    if rule["propertyName"] == "hs_object_id":
        held, wanted = int(record["id"]), int(rule["value"])
    else:
        said = record["properties"].get(rule["propertyName"])
        held = int(datetime.fromisoformat(said).timestamp() * 1000) if said else 0
        wanted = int(rule["value"])
    return {"GT": held > wanted, "GTE": held >= wanted, "LTE": held <= wanted}[rule["operator"]]


def _shown(record: dict[str, Any], names: list[str], *, associations: bool = False) -> dict[str, Any]:
    """A record as it is answered: the properties that were asked for, null where there is none."""
    shown = {name: value for name, value in record.items() if associations or name != "associations"}
    shown["properties"] = {name: record["properties"].get(name) for name in names if name}
    return shown


class HubSpotWorld(VendorWorld):
    """The connector and the fake. It is let in by tokens that end."""

    def __init__(self, folder: Path, resource: str = "contacts", check: Check | None = None, **said: object) -> None:
        lacks = {
            "contacts": {},
            "deals": {
                "only_what_changed_is_read_again": NO_WINDOW,
                "a_merged_record_names_the_one_it_became": NO_MERGES,
            },
            "opt_outs": {
                "tombstones_come_through": NO_TRACE,
                "a_merged_record_names_the_one_it_became": NO_TRACE,
                "a_lost_column_is_an_error_that_names_it": ABSENT,
            },
        }
        super().__init__(FakeHubSpot(check=check), resource=resource, lacks=lacks[resource])
        secret = {"client_id": "a", "client_secret": "b", "refresh_token": "r"}
        (folder / "oauth.json").write_text(json.dumps(secret), encoding="utf-8")
        (folder / "oauth.json").chmod(0o600)
        self.vendor.let_in = lambda asked: asked.headers.get("authorization", "").startswith("Bearer t")
        said = {"opt_outs": resource == "opt_outs", **said}
        plain = {"kind": "hubspot", "oauth_file": "oauth.json", "endpoint": self.vendor.url, "allow_private": True}
        settings = HubSpotSettings.model_validate_json(json.dumps({**plain, **said}), strict=True)
        self.source = HubSpot("hub", settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))

    def expire(self) -> None:
        assert isinstance(self.vendor, FakeHubSpot)
        given = {f"Bearer t{number}" for number in range(self.vendor.tokens + 1)}
        self.vendor.let_in = lambda asked: asked.headers.get("authorization") not in given

    def spoil(self, canary: str) -> None:
        """For opt-outs, a status that is none."""
        if self.resource.name == "opt_outs":
            status = {"status": {"surprise": canary}, "timestamp": "2026-01-02T00:00:00Z"}
            self._hold("K999999", {"subscriberIdString": "K999999", "wideStatuses": [status]})
        else:
            super().spoil(canary)

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """With what HubSpot sends besides; numbers are text in its JSON."""
        whole = {
            **record,
            "id": str(record["id"]),
            "createdAt": "2026-01-01T00:00:00Z",
            "url": "https://app.hubspot.com",
        }
        for one in whole.get("associations", {}).get("contacts", {}).get("results", ()):
            one |= {"id": str(one["id"]), "type": "deal_to_contact"}
        modified = record["properties"].get("lastmodifieddate") or record["properties"].get("hs_lastmodifieddate")
        return {**whole, "updatedAt": modified, "#archived": record.get("archived")}

    def _hold(self, key: str, record: dict[str, Any]) -> None:
        """A record that was merged is gone, and the one that stands names it. Who left all e-mail is a contact, too."""
        if self.resource.name == "opt_outs":
            (said,) = record["wideStatuses"]
            status = said["status"].upper() if isinstance(said["status"], str) else said["status"]
            more = {"channel": "EMAIL", "subscriberIdString": key, "wideStatusType": "PORTAL_WIDE", "status": status}
            self.vendor.held.setdefault("opt_outs", {})[key] = [{**said, **more}]  # type: ignore[assignment]
            stamp = said["timestamp"]
            contact = {"id": str(int(key[1:]) + 1), "archived": False, "createdAt": stamp, "updatedAt": stamp}
            properties = {"email": key, "lastmodifieddate": stamp}
            self.vendor.put("contacts", contact["id"], {**contact, "properties": properties})
            return
        into = record["properties"].pop("hs_merged_object_ids", None)
        if into is None:
            super()._hold(key, record)
            return
        self.vendor.held["contacts"].pop(key)
        winner = self.vendor.held["contacts"][str(into)]["properties"]
        known = winner.get("hs_merged_object_ids")
        winner["hs_merged_object_ids"] = f"{known};{key}" if known else key
        winner["lastmodifieddate"] = record["properties"]["lastmodifieddate"]
