"""Matomo on loopback: visits as its own code lists them, with what it refuses."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from passerelle.connectors.contract.fake_vendor import Answer, Asked, FakeVendor
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.matomo import Matomo, MatomoSettings

TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
SITE = 7

NO_TRACE = "a visit that was deleted is in no list, and nothing tells of it"
NO_MERGES = "visits are never merged"
NO_EXPIRY = "a token ends on the day that was set for it, and no other can be asked for"


class FakeMatomo(FakeVendor):
    """Visits, as `Live.getLastVisitsDetails` gives them: by the time of the last action, then by number.

    `refuses` is the message of an error, which Matomo sends as if all were well.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refuses = ""

    def answer(self, asked: Asked) -> Answer:
        form = asked.form
        if self.refuses or form.get("module") != "API" or form.get("method") != "Live.getLastVisitsDetails":
            return Answer({"result": "error", "message": self.refuses or "The method is not available."})
        if "token_auth" in asked.query or asked.method != "POST":
            return Answer({"result": "error", "message": "The token must be sent in a POST."}, 401)
        found = [one for one in self.held.get("visits", {}).values() if _listed(one, form)]
        found.sort(key=lambda one: (one["lastActionTimestamp"], one["idVisit"]))
        if form.get("filter_sort_order") != "asc":
            found.reverse()
        start, size = int(form.get("filter_offset", "0")), int(form.get("filter_limit", "10"))
        names = form["showColumns"].split(",")
        return Answer([{name: one[name] for name in names if name in one} for one in found[start : start + size]])


def _listed(one: dict[str, Any], form: Mapping[str, str]) -> bool:
    if one["idSite"] != int(form["idSite"]) or (form.get("segment") == "userId!=" and not one["userId"]):
        return False
    return not form.get("minTimestamp") or bool(one["lastActionTimestamp"] > int(form["minTimestamp"]))


class MatomoWorld(VendorWorld):
    """The connector and the fake."""

    vendor: FakeMatomo

    def __init__(self, folder: Path, **said: object) -> None:
        lacks = {
            "tombstones_come_through": NO_TRACE,
            "a_lost_column_is_an_error_that_names_it": NO_TRACE,
            "a_merged_record_names_the_one_it_became": NO_MERGES,
            "a_token_that_ends_in_the_middle_is_renewed": NO_EXPIRY,
        }
        super().__init__(FakeMatomo(), lacks=lacks)
        self.vendor.let_in = lambda asked: asked.form.get("token_auth") == TOKEN
        (folder / "token").write_text(TOKEN, encoding="utf-8")
        (folder / "token").chmod(0o600)
        plain = {"kind": "matomo", "token_file": "token", "server": "https://stats.example.org", "site": SITE}
        more = {"endpoint": self.vendor.url, "allow_private": True, "user_id": "external_id", "consent_asked": True}
        whole = {**plain, **more, "visits_a_request": 3, "start": "2026-01-01", **said}
        settings = MatomoSettings.model_validate_json(json.dumps(whole), strict=True)
        self.source = Matomo("web", settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """As Matomo has it: moments are seconds since 1970."""
        moments = {name: _seconds(record[name]) for name in record if name.endswith("Timestamp")}
        return {"idSite": SITE, **record, **moments, "visitIp": "192.0.2.0", "latitude": "48.85"}


def _seconds(moment: Any) -> Any:  # noqa: ANN401 - what a test spoils is left as it is
    try:
        return int(datetime.fromisoformat(moment).timestamp())
    except (TypeError, ValueError):
        return moment
