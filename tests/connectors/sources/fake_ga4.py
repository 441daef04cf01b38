"""Google's Analytics Data API on loopback: reports by offset, with what they say of themselves."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from passerelle.connectors.contract.fake_vendor import Answer, Asked, FakeVendor
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.exchange import Clock
from passerelle.connectors.sources.ga4 import Ga4, Ga4Settings

TOKEN = "a-token-of-google"

TAKEN = "2026-11-20T04:50:09.119726379Z"
ALL_AGAIN = "an export is the whole audience each time"
ALL_TEXT = "an export has nothing but text"
NO_PAGES = "a job's rows are counted; one that answers something else is never ready"
NO_DELETIONS = "a report has nothing but figures, and says of none that it is gone"
NO_MERGES = "a report knows no people but by the number that the shop gave them"
NO_LOST_COLUMNS = "Google refuses a report with a dimension that is gone"
QUOTA = {
    "tokensPerDay": {"consumed": 8, "remaining": 199_992},
    "tokensPerHour": {"consumed": 8, "remaining": 39_992},
    "concurrentRequests": {"consumed": 0, "remaining": 10},
}


class FakeGa4(FakeVendor):
    """`metadata` is what reports say of themselves besides; `missing` rows are counted and not sent."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = [TOKEN]
        self.metadata: dict[str, Any] = {}
        self.quota: dict[str, Any] = QUOTA
        self.missing = 0
        self.ends = "ACTIVE"
        self.exports: dict[str, dict[str, Any]] = {}
        self.let_in = lambda asked: (
            asked.path == "/token" or asked.headers.get("authorization") == f"Bearer {self.tokens[-1]}"
        )

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            return Answer({"access_token": self.tokens[-1], "expires_in": 3599, "token_type": "Bearer"})
        if "/audienceExports" in asked.path:
            return self._exports(asked)
        if asked.path.rpartition("/")[2] != "1:runReport":
            return Answer({"error": {"code": 404, "status": "NOT_FOUND"}}, 404)
        body = asked.json
        first = body["dateRanges"][0]["startDate"].replace("-", "")
        held = [row for row in self.held.get("activity", {}).values() if not first.isdigit() or _day(row) >= first]
        held.sort(key=lambda row: [one["value"] for one in row["dimensionValues"]])
        start, limit = int(body.get("offset") or 0), int(body.get("limit") or 10_000)
        rows = held[start : start + min(limit, self.page)]
        metadata = {"currencyCode": "EUR", "timeZone": "Europe/Paris", **self.metadata}
        heads = [{"name": one["name"]} for one in body["dimensions"]]
        values = [{"name": one["name"], "type": "TYPE_FLOAT"} for one in body["metrics"]]
        found = {"rows": rows, "rowCount": len(held) + self.missing} if held else {}
        same = {
            "dimensionHeaders": heads,
            "metricHeaders": values,
            "metadata": metadata,
            "kind": "analyticsData#runReport",
        }
        return Answer({**same, **found, "propertyQuota": self.quota})

    def _exports(self, asked: Asked) -> Answer:
        name = f"properties/1/audienceExports/{len(self.exports)}"
        if asked.path.endswith("/audienceExports"):
            self.exports[name] = {"name": name, **asked.json, "beginCreatingTime": TAKEN, "state": "CREATING"}
            return Answer({"response": {"@type": "AudienceExport", **self.exports[name]}})
        path = asked.path.removeprefix("/").removeprefix("v1beta/")
        export = self.exports.get(path.removesuffix(":query"))
        if export is None:
            return Answer({"error": {"code": 404, "status": "NOT_FOUND"}}, 404)
        held = list(self.held.get("audience_buyers", {}).values())
        if path.endswith(":query"):
            start = int(asked.json.get("offset") or 0)
            rows = held[start : start + min(int(asked.json.get("limit") or 10_000), self.page)]
            return Answer({"audienceExport": export, "audienceRows": rows, "rowCount": len(held)})
        answer = Answer(dict(export))
        export |= {"state": self.ends, "rowCount": len(held) + self.missing}
        return answer


def _day(row: dict[str, Any]) -> str:
    return str(row["dimensionValues"][0]["value"])


class Ga4World(VendorWorld):
    """The connector and the fake."""

    def __init__(self, folder: Path, resource: str = "activity", **more: Any) -> None:  # noqa: ANN401 - settings
        export = resource != "activity"
        lacks = {
            **({"only_what_changed_is_read_again": ALL_AGAIN} if export else {}),
            **({"a_bad_record_stops_nothing_and_shows_nothing": ALL_TEXT} if export else {}),
            **({"paging_that_runs_in_a_circle_is_noticed": NO_PAGES} if export else {}),
            "a_merged_record_names_the_one_it_became": NO_MERGES,
            "tombstones_come_through": NO_DELETIONS,
            "a_lost_column_is_an_error_that_names_it": NO_LOST_COLUMNS,
        }
        self.fake = FakeGa4()
        super().__init__(self.fake, resource=resource, lacks=lacks)
        (folder / "key").write_text(json.dumps(service_account()), encoding="utf-8")
        (folder / "key").chmod(0o600)
        said = {"kind": "ga4", "property": "1", "service_account_file": "key", "person": "crm_id"}
        said |= {"endpoint": self.vendor.url, "timezone": "Europe/Paris"}
        more = {"audiences": {"buyers": "7"}, **more}
        settings = Ga4Settings.model_validate_json(json.dumps({**said, "allow_private": True, **more}), strict=True)
        self.source = Ga4("ga4", settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))

    def expire(self) -> None:
        """Take no more of the token that was given."""
        self.fake.tokens.append(f"{TOKEN}-{len(self.fake.tokens)}")

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """As Google writes it: days without dashes, figures as text."""
        if "metricValues" not in record:
            return {"dimensionValues": record["dimensionValues"]}
        day, *others = (one["value"] for one in record["dimensionValues"])
        plain = re.sub(r"\D", "", str(day))[:8]
        figures = [{"value": str(one["value"])} for one in record["metricValues"]]
        return {"dimensionValues": [{"value": one} for one in (plain, *others)], "metricValues": figures}


def service_account() -> dict[str, str]:
    """What stands in a service account's key file, as far as it is read."""
    return {"client_email": "a@b.example", "private_key": _key()}


@cache
def _key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem.decode()
