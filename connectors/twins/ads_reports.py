"""The Google Ads twin: queries over user lists and offline jobs, of the few shapes that are asked, and nothing else."""

import re
from collections.abc import Iterator
from typing import Any

from google.ads.googleads.v26.services.types import google_ads_service

from passerelle.connectors.twins.ads_errors import AdsRefusal
from passerelle.connectors.twins.ads_jobs import FAILED, PENDING, RUNNING, SUCCESS
from passerelle.connectors.twins.data_manager import MATCH_RATE, rounded
from passerelle.connectors.twins.faults import Fault
from passerelle.connectors.twins.messages import Message
from passerelle.connectors.twins.world import World

QUERY = re.compile(
    r"SELECT (?P<fields>[a-z_., ]+) FROM (?P<resource>user_list|offline_user_data_job)"
    r"(?: WHERE (?P<where>[a-z_.]+) = (?P<value>\d+|'[^'\\]*'))?",
    re.ASCII,
)
KNOWN = {
    "user_list": {
        "id", "name", "description", "type", "size_for_search", "size_for_display", "match_rate_percentage",
        "eligible_for_search", "eligible_for_display", "membership_status", "membership_life_span",
    },
    "offline_user_data_job": {
        "resource_name", "id", "external_id", "status", "failure_reason",
        "customer_match_user_list_metadata.user_list",
    },
}  # fmt: skip
SMALLEST = 100
OPEN, CRM_BASED = 2, 7


class AdsReports:
    """Answers queries out of a `World`. Raises `AdsRefusal`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def search(self, request: Message, _fault: Fault | None) -> Message:
        """Rows of one query, in one page."""
        response = google_ads_service.SearchGoogleAdsResponse.pb()()
        self._fill(request, response)
        response.total_results_count = len(response.results)
        return response

    def stream(self, request: Message, _fault: Fault | None) -> Message:
        """The same, as the only piece of a stream."""
        response = google_ads_service.SearchGoogleAdsStreamResponse.pb()()
        self._fill(request, response)
        return response

    def _fill(self, request: Message, response: Message) -> None:
        asked = QUERY.fullmatch(" ".join(request.query.split()))
        if asked is None:
            raise AdsRefusal("query_error", "EXPECTED_SELECT", "The twin answers queries on lists and jobs only.")
        resource = asked["resource"]
        fields = [name.strip().removeprefix(f"{resource}.") for name in asked["fields"].split(",")]
        where = (asked["where"] or "").removeprefix(f"{resource}.")
        if unknown := {*fields, *([where] if where else [])} - KNOWN[resource]:
            raise AdsRefusal("query_error", "UNRECOGNIZED_FIELD", f"Unrecognized field: {min(unknown)}")
        rows = self._lists if resource == "user_list" else self._jobs
        wanted = (asked["value"] or "").strip("'")
        for values in rows(request.customer_id):
            if where and str(values[where]) != wanted:
                continue
            row = getattr(response.results.add(), resource)
            for name in fields:
                _set(row, name, values[name])

    def _lists(self, account: str) -> Iterator[dict[str, Any]]:
        for audience in self._world.audiences.values():
            if audience.platform != "google_ads" or audience.account != account:
                continue
            count = len(audience.people)
            yield {
                "id": int(audience.id),
                "name": audience.name,
                "description": audience.description,
                "type": CRM_BASED,
                "size_for_search": rounded(count),
                "size_for_display": rounded(count),
                "match_rate_percentage": MATCH_RATE,
                "eligible_for_search": count >= SMALLEST,
                "eligible_for_display": count >= SMALLEST,
                "membership_status": OPEN,
                "membership_life_span": int(str(audience.settings["membership_days"])),
            }

    def _jobs(self, account: str) -> Iterator[dict[str, Any]]:
        """Each job. Asking how one stands brings it nearer to its end."""
        for name, job in self._world.jobs.items():
            if job["account"] != account:
                continue
            change = self._world.changes.get(f"job:{name}")
            if change is not None:
                self._world.poll(change)
            status = PENDING if not job["started"] else RUNNING
            if change is not None and change.done:
                status = FAILED if job["failure"] else SUCCESS
            yield {
                "resource_name": name,
                "id": job["id"],
                "external_id": job["external_id"],
                "status": status,
                "failure_reason": job["failure"] if status == FAILED else 0,
                "customer_match_user_list_metadata.user_list": f"customers/{account}/userLists/{job['audience']}",
            }


def _set(row: Message, path: str, value: object) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        row = getattr(row, parent)
    setattr(row, "type_" if name == "type" else name, value)  # as the SDK has it
