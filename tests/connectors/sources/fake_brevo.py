"""Brevo on loopback: what its reference and its client's models say of lists."""

import json
from pathlib import Path
from typing import Any

from passerelle.connectors.contract.fake_vendor import Answer, Asked, FakeVendor, not_before
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.brevo import Brevo, BrevoSettings

KEY = "xkeysib-of-brevo"
NO_TRACE = "a contact that is deleted, or merged, is in no list any more, and nothing tells of it"
NO_EXPIRY = "an API key does not end"
SPARSE = "what a contact has never had is left out, so a missing field means nothing"


class FakeBrevo(FakeVendor):
    """Contacts, blocked addresses and events, counted through."""

    def answer(self, asked: Asked) -> Answer:
        kind = {"contacts": "contacts", "blockedContacts": "blocked", "events": "events"}[asked.path.rsplit("/", 1)[-1]]
        query, held = asked.query, list(self.held.get(kind, {}).values())
        since, moment = {
            "contacts": (query.get("modifiedSince", ""), "modifiedAt"),
            "blocked": (f"{query['startDate']}T00:00:00Z" if "startDate" in query else "", "blockedAt"),
            "events": (query.get("startDate", ""), "event_date"),
        }[kind]
        found = [one for one in held if not since or not_before(str(one.get(moment) or ""), since)]
        if kind == "events":
            found.sort(key=lambda one: str(one["event_date"]), reverse=True)
        start = int(query.get("offset", "0"))
        some = found[start : start + min(self.page, int(query.get("limit", "50")))]
        return Answer({"events" if kind == "events" else "contacts": some, "count": len(found)})


class BrevoWorld(VendorWorld):
    """The connector and the fake."""

    def __init__(self, folder: Path, resource: str = "contacts", **said: object) -> None:
        lacks = {
            "tombstones_come_through": NO_TRACE,
            "a_merged_record_names_the_one_it_became": NO_TRACE,
            "a_lost_column_is_an_error_that_names_it": SPARSE,
            "a_token_that_ends_in_the_middle_is_renewed": NO_EXPIRY,
        }
        super().__init__(FakeBrevo(), resource=resource, lacks=lacks)
        self.vendor.let_in = lambda asked: asked.headers.get("api-key") == KEY
        (folder / "key").write_text(KEY, encoding="utf-8")
        (folder / "key").chmod(0o600)
        plain = {"kind": "brevo", "token_file": "key", "endpoint": f"{self.vendor.url}/v3", "allow_private": True}
        settings = BrevoSettings.model_validate_json(json.dumps({**plain, **said}), strict=True)
        self.settings = settings
        self.source = Brevo("letters", settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """With what Brevo sends besides."""
        return {**record, "listIds": [1], "whatsappBlacklisted": False} if self.resource.name == "contacts" else record
