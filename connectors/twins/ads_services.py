"""The services of the Ads API that the twin knows, on google-ads' own messages, which take seconds to import."""

from collections.abc import Mapping
from typing import Any

from google.ads.googleads.v26.services.types import (
    google_ads_service,
    offline_user_data_job_service,
    user_list_service,
)
from google.longrunning.operations_pb2 import Operation

from passerelle.connectors.twins.ads_jobs import AdsJobs
from passerelle.connectors.twins.ads_lists import AdsLists
from passerelle.connectors.twins.ads_reports import AdsReports
from passerelle.connectors.twins.world import World


def services(world: World) -> Mapping[str, Mapping[str, Any]]:
    """Service -> method -> its name in a fault script, what it does, request and response type."""
    reports, lists, jobs = AdsReports(world), AdsLists(world), AdsJobs(world)
    reading, listing, offline = google_ads_service, user_list_service, offline_user_data_job_service
    return {
        "GoogleAdsService": {
            "Search": (
                "google_ads.search", reports.search, reading.SearchGoogleAdsRequest, reading.SearchGoogleAdsResponse,
            ),
            "SearchStream": (
                "google_ads.search_stream", reports.stream,
                reading.SearchGoogleAdsStreamRequest, reading.SearchGoogleAdsStreamResponse,
            ),
        },
        "UserListService": {
            "MutateUserLists": (
                "google_ads.lists.mutate", lists.mutate,
                listing.MutateUserListsRequest, listing.MutateUserListsResponse,
            ),
        },
        "OfflineUserDataJobService": {
            "CreateOfflineUserDataJob": (
                "google_ads.jobs.create", jobs.create,
                offline.CreateOfflineUserDataJobRequest, offline.CreateOfflineUserDataJobResponse,
            ),
            "AddOfflineUserDataJobOperations": (
                "google_ads.jobs.add", jobs.add,
                offline.AddOfflineUserDataJobOperationsRequest, offline.AddOfflineUserDataJobOperationsResponse,
            ),
            "RunOfflineUserDataJob": (
                "google_ads.jobs.run", jobs.run, offline.RunOfflineUserDataJobRequest, Operation,
            ),
        },
    }  # fmt: skip
