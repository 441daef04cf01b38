"""google-ads, for what it remains right for: size, match rate and eligibility of a list, by one GAQL query.

Its messages take seconds to import, so this module is loaded when a state is asked for, and only v26 of it.
"""

from collections.abc import Callable
from typing import Any

import grpc
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.ads.googleads.v26.services.services.google_ads_service import GoogleAdsServiceClient
from google.ads.googleads.v26.services.services.google_ads_service.transports.grpc import GoogleAdsServiceGrpcTransport
from google.ads.googleads.v26.services.types.google_ads_service import SearchGoogleAdsRequest
from google.api_core import exceptions
from google.protobuf.message import DecodeError

from passerelle.connectors.contract.destination import AudienceState
from passerelle.connectors.destinations import google_credentials
from passerelle.connectors.destinations.google_errors import Trouble
from passerelle.connectors.destinations.google_trouble import attempt, trouble
from passerelle.connectors.destinations.google_types import Credentials, Message
from passerelle.connectors.destinations.google_wire import grpc_options
from passerelle.connectors.destinations.quiet import quieten
from passerelle.connectors.destinations.retrying import with_retries

LOGGERS = (
    "google.ads.googleads.client",
    "google.ads.googleads.v26.services.services.google_ads_service.client",
    "google.ads.googleads.v26.services.services.google_ads_service.transports.grpc",
)
FAILURE = "google.ads.googleads.v26.errors.googleadsfailure-bin"
QUERY = (
    "SELECT user_list.id, user_list.membership_status, user_list.size_for_search, user_list.size_for_display, "
    "user_list.match_rate_percentage, user_list.eligible_for_search, user_list.eligible_for_display FROM user_list"
)


class Reports:
    """Reads one account's lists."""

    def __init__(
        self,
        account: str,
        login_account: str | None,
        *,
        credentials: Credentials,
        endpoint: str | None,
        timeout: float,
        sleep: Callable[[float], None],
    ) -> None:
        quieten(LOGGERS)
        self._account = account
        self._headers = [("login-customer-id", login_account)] if login_account else []
        self._credentials = credentials
        self._timeout = timeout
        self._sleep = sleep
        kind = GoogleAdsServiceGrpcTransport
        transport = kind(**grpc_options(kind, credentials, endpoint))
        self._client = GoogleAdsServiceClient(transport=transport)

    def state(self, list_id: str) -> AudienceState | None:
        """Size, match rate and eligibility of a list; None where Google Ads does not know it (yet)."""
        google_credentials.refresh(self._credentials)
        rows = with_retries(lambda _: self._search(list_id), self._sleep)
        return _state(rows[0].user_list) if rows else None

    def _search(self, list_id: str) -> list[Message]:
        request = SearchGoogleAdsRequest(
            customer_id=self._account, query=f"{QUERY} WHERE user_list.id = {int(list_id)}"
        )

        def call() -> list[Message]:
            habits: dict[str, Any] = {"retry": None, "timeout": self._timeout, "metadata": self._headers}
            return list(self._client.search(request=request, **habits))

        return attempt(call, changes=False, read=_ads_trouble)


def _ads_trouble(error: exceptions.GoogleAPICallError) -> Trouble:
    """Google Ads puts its reasons into trailing metadata."""
    plain = trouble(error)
    call = error.errors[0] if error.errors else None
    metadata = call.trailing_metadata() if isinstance(call, grpc.Call) else ()
    for key, value in metadata or ():
        if key == FAILURE:
            reason = _first_reason(value)
            return Trouble(plain.code, reason or plain.reason, (), plain.quota, plain.wait_seconds)
    return plain


def _first_reason(raw: bytes) -> str:
    try:
        failure = GoogleAdsFailure.pb().FromString(raw)
    except DecodeError:
        return ""
    for one in failure.errors:
        family = one.error_code.WhichOneof("error_code")
        if family:
            number = getattr(one.error_code, family)
            names = one.error_code.DESCRIPTOR.fields_by_name[family].enum_type.values_by_number
            return str(names[number].name) if number in names else ""
    return ""


def _state(row: Message) -> AudienceState:
    sizes = [int(row.size_for_search), int(row.size_for_display)]
    problems = [
        f"Not eligible for {where} yet (Google asks for about 100 active members)."
        for where, eligible in (("Search", row.eligible_for_search), ("Display", row.eligible_for_display))
        if not eligible
    ]
    rate = int(row.match_rate_percentage)
    status = getattr(row.membership_status, "name", str(row.membership_status)).lower()
    return AudienceState(status, min(sizes), max(sizes), rate / 100 if rate else None, tuple(problems))
