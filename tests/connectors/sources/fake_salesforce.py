"""Salesforce on loopback: query jobs of the Bulk API 2.0 with CSV in parts, tokens of client credentials."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

from passerelle.connectors.contract.fake_vendor import Answer, Asked, FakeVendor, not_before
from passerelle.connectors.contract.worlds import VendorWorld
from passerelle.connectors.exchange import Clock, inside
from passerelle.connectors.sources.salesforce import VERSION, Salesforce, SalesforceSettings

TOKEN = "a-token-of-salesforce"
JOBS = f"/services/data/{VERSION}/jobs/query"

NO_CIRCLE = "a job's parts are named by locators; one that leads to itself is refused in test_salesforce.py"
NO_LOST_COLUMNS = "Salesforce refuses to query a field that is gone, or that the user may not see"
NO_MERGES = "neither roles in opportunities nor consents are merged"

_SELECT = re.compile(r"SELECT (.+) FROM (\w+)(?: WHERE (.+))?")
_LIMITS = {"Sforce-Limit-Info": "api-usage=18/5000"}


class FakeSalesforce(FakeVendor):
    """Holds rows by object. `ends` is the state that jobs end in; `announced` miscounts; `unknown` fields are none."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = [TOKEN]
        self.jobs: dict[str, dict[str, Any]] = {}
        self.ends = "JobComplete"
        self.announced: int | None = None
        self.unknown: set[str] = set()
        self.lifetime: dict[str, Any] = {}
        self.let_in = lambda asked: (
            asked.path == "/services/oauth2/token" or asked.headers.get("authorization") == f"Bearer {self.tokens[-1]}"
        )

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/services/oauth2/token":
            issued = {"access_token": self.tokens[-1], "instance_url": self.url, "token_type": "Bearer"}
            return Answer({**issued, "issued_at": "1795219200000", **self.lifetime})
        path, _, job = asked.path.partition(f"{JOBS}/")
        if path == JOBS and asked.method == "POST":
            return self._submitted(asked.json)
        job, _, results = job.partition("/")
        if job not in self.jobs:
            return Answer([{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}], 404)
        if results:
            return self._part(self.jobs[job], asked.query)
        return Answer(self._polled(self.jobs[job]), headers=_LIMITS)

    def _submitted(self, body: dict[str, Any]) -> Answer:
        found = _SELECT.fullmatch(body["query"])
        if found is None or body["operation"] not in {"query", "queryAll"}:
            return Answer([{"errorCode": "MALFORMED_QUERY", "message": "unexpected token"}], 400)
        columns = found[1].split(", ")
        if self.unknown & set(columns):
            return Answer([{"errorCode": "INVALID_FIELD", "message": "No such column"}], 400)
        rows = [row for row in self.held.get(found[2], {}).values() if _is_in(row, found[3] or "")]
        if body["operation"] == "query":
            rows = [row for row in rows if not row.get("IsDeleted")]
        job = f"750R0000000zlh{len(self.jobs)}"
        self.jobs[job] = {"id": job, "columns": columns, "rows": rows, "object": found[2], "polled": 0, **body}
        return Answer(self._described(job, "UploadComplete"), headers=_LIMITS)

    def _described(self, job: str, state: str) -> dict[str, Any]:
        held = self.jobs[job]
        same = {name: held[name] for name in ("id", "operation", "object")}
        return {**same, "state": state, "contentType": "CSV", "apiVersion": 67.0, "columnDelimiter": "COMMA"}

    def _polled(self, held: dict[str, Any]) -> dict[str, Any]:
        held["polled"] += 1
        if held["polled"] == 1:
            return self._described(held["id"], "InProgress")
        count = len(held["rows"]) if self.announced is None else self.announced
        return {**self._described(held["id"], self.ends), "numberRecordsProcessed": count, "retries": 0}

    def _part(self, held: dict[str, Any], query: Any) -> Answer:  # noqa: ANN401 - a mapping
        start = int(query.get("locator") or 0)
        following = start + min(int(query.get("maxRecords") or self.page), self.page)
        rows = held["rows"][start:following]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(held["columns"])
        writer.writerows([[_text(inside(row, column)) for column in held["columns"]] for row in rows])
        locator = str(following) if following < len(held["rows"]) else "null"
        headers = {"Sforce-Locator": locator, "Sforce-NumberOfRecords": str(len(rows)), "content-type": "text/csv"}
        return Answer(out.getvalue().encode(), headers={**headers, **_LIMITS})


def _text(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _is_in(row: dict[str, Any], where: str) -> bool:
    """Whether a row is in. Of `(… OR …)` one is enough; a condition that is not known is an error."""
    return all(any(_holds(row, one) for one in part.strip("()").split(" OR ")) for part in _conjunctions(where) if part)


def _conjunctions(where: str) -> list[str]:
    return [part.strip() for part in re.split(r" AND (?![^(]*\))", where)]


def _holds(row: dict[str, Any], condition: str) -> bool:
    parts = [re.fullmatch(r"\(*([\w.]+) (>=|<=|=|!=) ('.*'|\S+?)\)*", one) for one in condition.split(" AND ")]
    for part in parts:
        if part is None:
            raise ValueError(condition)
        value, wanted = inside(row, part[1]), part[3].strip("'")
        if part[2] in {"=", "!="}:
            same = value is None if wanted == "null" else value == wanted
            if same is (part[2] == "!="):
                return False
        elif value is None or not (
            not_before(str(value), wanted) if part[2] == ">=" else not_before(wanted, str(value))
        ):
            return False
    return True


OBJECTS = {"contacts": "Contact", "leads": "Lead", "deals": "OpportunityContactRole", "individuals": "Individual"}
OBJECTS["consents_1"] = "ContactPointTypeConsent"


class SalesforceWorld(VendorWorld):
    """The connector and the fake."""

    def __init__(self, folder: Path, resource: str = "contacts", **more: Any) -> None:  # noqa: ANN401 - settings
        lacks = {
            "paging_that_runs_in_a_circle_is_noticed": NO_CIRCLE,
            "a_lost_column_is_an_error_that_names_it": NO_LOST_COLUMNS,
        }
        if resource not in {"contacts", "leads"}:
            lacks["a_merged_record_names_the_one_it_became"] = NO_MERGES
        self.fake = FakeSalesforce()
        super().__init__(self.fake, resource=resource, lacks=lacks)
        (folder / "secret").write_text('{"client_id": "c", "client_secret": "s"}', encoding="utf-8")
        (folder / "secret").chmod(0o600)
        said: dict[str, Any] = {
            "kind": "salesforce",
            "domain": "acme",
            "client_file": "secret",
            "endpoint": self.vendor.url,
        }
        purposes = {"Newsletter d'Acme": "email_marketing"}
        said |= {"allow_private": True, "individuals": True, "purposes": purposes, **more}
        settings = SalesforceSettings.model_validate_json(json.dumps(said), strict=True)
        self.source = Salesforce("sf", settings, folder=folder, clock=Clock(sleep=lambda _seconds: None))

    def expire(self) -> None:
        """Take no more of the token that was given."""
        self.fake.tokens.append(f"{TOKEN}-{len(self.fake.tokens)}")

    def _hold(self, key: str, record: dict[str, Any]) -> None:
        self.vendor.put(OBJECTS[self.resource.name], key, self.dressed(record))

    def dressed(self, record: dict[str, Any]) -> dict[str, Any]:
        """With what is asked for and not read."""
        if self.resource.name == "deals":
            return {**record, "SystemModstamp": "2026-01-01T00:00:00Z"}
        return {**record, "DataUsePurpose": {"Name": "Newsletter d\\'Acme"}, "EffectiveFrom": None}
