"""The Google Ads twin: `GoogleAdsService.Search` over user lists, and nothing else.

The messages of google-ads take seconds to import, so that happens on the first question.
"""

import re
from collections.abc import Callable
from functools import cache

import grpc

from passerelle.connectors.twins.data_manager import rounded
from passerelle.connectors.twins.faults import GrpcError
from passerelle.connectors.twins.messages import Message
from passerelle.connectors.twins.world import World

FAILURE_KEY = "google.ads.googleads.v26.errors.googleadsfailure-bin"
QUERY = re.compile(r"SELECT (?P<fields>[a-z_., ]+) FROM user_list(?: WHERE user_list\.id = (?P<id>\d+))?", re.ASCII)
KNOWN = {
    "user_list.id", "user_list.name", "user_list.size_for_search", "user_list.size_for_display",
    "user_list.match_rate_percentage", "user_list.eligible_for_search", "user_list.eligible_for_display",
    "user_list.membership_status",
}  # fmt: skip
MATCH_RATE = 60
SMALLEST = 100


class AdsRefusal(Exception):
    """One error of the Ads API: its family (a field of ErrorCode), its name, the gRPC status around it."""

    def __init__(self, family: str, name: str, message: str, code: str = "INVALID_ARGUMENT") -> None:
        super().__init__(message)
        self.family = family
        self.name = name
        self.message = message
        self.code = code


@cache
def service_types() -> Message:
    """Messages of GoogleAdsService."""
    from google.ads.googleads.v26.services.types import google_ads_service

    return google_ads_service


def search(world: World, request: Message) -> Message:
    """Answer a query, of the one shape that is known."""
    asked = QUERY.fullmatch(" ".join(request.query.split()))
    if asked is None:
        raise AdsRefusal("query_error", "EXPECTED_SELECT", "The twin answers queries on user_list only.")
    fields = {name.strip() for name in asked["fields"].split(",")}
    if fields - KNOWN:
        raise AdsRefusal("query_error", "UNRECOGNIZED_FIELD", f"Unrecognized field: {min(fields - KNOWN)}")
    response = service_types().SearchGoogleAdsResponse.pb()()
    for audience in world.audiences.values():
        if audience.platform != "google_ads" or audience.account != request.customer_id:
            continue
        if asked["id"] not in {None, audience.id}:
            continue
        row = response.results.add().user_list
        count = len(audience.people)
        values = {
            "id": int(audience.id),
            "name": audience.name,
            "size_for_search": rounded(count),
            "size_for_display": rounded(count),
            "match_rate_percentage": MATCH_RATE,
            "eligible_for_search": count >= SMALLEST,
            "eligible_for_display": count >= SMALLEST,
            "membership_status": 2,
        }
        for name in fields:
            setattr(row, name.removeprefix("user_list."), values[name.removeprefix("user_list.")])
    response.total_results_count = len(response.results)
    return response


def scripted(fault: GrpcError) -> AdsRefusal:
    """A scripted error: `reason` is `family.NAME`, or nothing for a bare gRPC status."""
    family, _, name = fault.reason.partition(".")
    return AdsRefusal(family, name, fault.message, fault.code)


def abort(context: grpc.ServicerContext, refusal: AdsRefusal) -> None:
    """End a call as the Ads API refuses one: details travel in trailing metadata."""
    metadata: list[tuple[str, str | bytes]] = [("request-id", "twin-request")]
    if refusal.family:
        from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure

        failure = GoogleAdsFailure.pb()()
        error = failure.errors.add(message=refusal.message)
        code = error.error_code
        field = code.DESCRIPTOR.fields_by_name[refusal.family]
        setattr(code, refusal.family, field.enum_type.values_by_name[refusal.name].number)
        metadata.append((FAILURE_KEY, failure.SerializeToString()))
    context.set_trailing_metadata(tuple(metadata))
    status: Callable[[str], Message] = grpc.StatusCode.__getitem__
    context.abort(status(refusal.code), refusal.message)
