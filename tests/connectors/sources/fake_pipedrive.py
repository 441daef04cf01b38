"""Pipedrive on loopback, held against its OpenAPI description where that is at hand."""

import json
from pathlib import Path
from typing import Any

from passerelle.connectors.contract.fake_vendor import Answer, Asked, Check, FakeVendor
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.pipedrive import Pipedrive, PipedriveSettings

TOKEN = "a-token-of-pipedrive"

NO_MERGES = "a merge deletes the loser and does not say into whom"
NO_EXPIRY = "an API token does not end"


class FakePipedrive(FakeVendor):
    """Lists of version 2."""

    def answer(self, asked: Asked) -> Answer:
        resource = asked.path.rsplit("/", 1)[-1]
        held = self.held.get(resource, {})
        if resource == "deals" and "deleted" not in asked.query.get("status", "").split(","):
            held = {key: one for key, one in held.items() if not one.get("is_deleted")}
        found, following = self.cursor_page(held, asked, since="updated_since")
        return Answer({"success": True, "data": found, "additional_data": {"next_cursor": following or None}})


class PipedriveWorld(VendorWorld):
    """The connector and the fake."""

    def __init__(self, folder: Path, resource: str = "persons", check: Check | None = None) -> None:
        lacks = {
            "a_merged_record_names_the_one_it_became": NO_MERGES,
            "a_token_that_ends_in_the_middle_is_renewed": NO_EXPIRY,
        }
        super().__init__(FakePipedrive(check=check), resource=resource, lacks=lacks)
        self.vendor.let_in = lambda asked: asked.headers.get("x-api-token") == TOKEN
        (folder / "token").write_text(TOKEN, encoding="utf-8")
        (folder / "token").chmod(0o600)
        said: dict[str, Any] = {"kind": "pipedrive", "token_file": "token", "endpoint": f"{self.vendor.url}/api/v2"}
        settings = PipedriveSettings.model_validate_json(
            json.dumps({**said, "allow_private": True, "marketing_status": resource == "persons"}), strict=True
        )
        self.source = Pipedrive("pipe", settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """With what Pipedrive sends besides."""
        return {**record, "owner_id": 1, "org_id": None, "label_ids": [], "custom_fields": {}}
