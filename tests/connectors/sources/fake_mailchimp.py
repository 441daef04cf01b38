"""Mailchimp on loopback: members by offset, held against its description where that is at hand."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from passerelle.connectors.contract.fake_vendor import Answer, Asked, Check, FakeVendor, not_before
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.mailchimp import Mailchimp, MailchimpSettings

KEY = "key-us21"
LIST = "a1b2c3"

NO_MERGES = "a member is known by its address: there are no merges"
NO_EXPIRY = "an API key does not end"
SPARSE = "what a member has never had is left out, so a missing field means nothing"


class FakeMailchimp(FakeVendor):
    """Members by list; archived ones are shown only where they are asked for. `before` is called before each answer."""

    def answer(self, asked: Asked) -> Answer:
        query = asked.query
        held = [
            one for some in self.held.values() for one in some.values() if one["list_id"] == asked.path.split("/")[3]
        ]
        wanted = query.get("status") == "archived"
        found = [one for one in held if (one.get("status") == "archived") == wanted]
        since = query.get("since_last_changed", "")
        found = [one for one in found if not since or not_before(str(one.get("last_changed") or ""), since)]
        found.sort(key=lambda one: str(one.get("last_changed") or ""), reverse=query.get("sort_dir") == "DESC")
        start = int(query["offset"])
        some = found[start : start + min(self.page, int(query["count"]))]
        names = [name.split(".")[1] for name in query["fields"].split(",") if name.startswith("members.")]
        shown = [{name: value for name, value in one.items() if name in names} for one in some]
        return Answer({"members": shown, "total_items": len(found)})


class MailchimpWorld(VendorWorld):
    """The connector and the fake."""

    def __init__(self, folder: Path, check: Check | None = None, **said: object) -> None:
        lacks = {
            "a_merged_record_names_the_one_it_became": NO_MERGES,
            "a_lost_column_is_an_error_that_names_it": SPARSE,
            "a_token_that_ends_in_the_middle_is_renewed": NO_EXPIRY,
        }
        super().__init__(FakeMailchimp(check=check), lacks=lacks)
        login = "Basic " + b64encode(f"passerelle:{KEY}".encode()).decode()
        self.vendor.let_in = lambda asked: asked.headers.get("authorization") == login
        (folder / "key").write_text(KEY, encoding="utf-8")
        (folder / "key").chmod(0o600)
        plain = {"kind": "mailchimp", "token_file": "key", "server": "us21", "audiences": {"shop": LIST}}
        more = {"endpoint": f"{self.vendor.url}/3.0", "allow_private": True}
        settings = MailchimpSettings.model_validate_json(json.dumps({**plain, **more, **said}), strict=True)
        self.source = Mailchimp("mail", settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """As Mailchimp has it: a status says whether a member is archived."""
        said = {"status": "subscribed", **{name: value for name, value in record.items() if value is not None}}
        return {**said, "list_id": LIST, "tags": []}
