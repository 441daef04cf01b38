"""google-ads as transport: our channels, timeouts, retries and reading of errors; no client of its own configuration.

Its messages take seconds to import, so this module is loaded when something is asked of Google Ads, and only v26 of it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

import grpc
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.api_core import exceptions
from google.protobuf.message import DecodeError

from passerelle.connectors.destinations import google_credentials
from passerelle.connectors.destinations.google_errors import Trouble
from passerelle.connectors.destinations.google_trouble import attempt, trouble
from passerelle.connectors.destinations.google_types import Credentials, Message
from passerelle.connectors.destinations.google_wire import grpc_options
from passerelle.connectors.destinations.quiet import quieten
from passerelle.connectors.destinations.retrying import with_retries

_SERVICES = ("google_ads_service", "user_list_service", "offline_user_data_job_service")
_PACKAGE = "google.ads.googleads.v26.services.services"
LOGGERS = (
    "google.ads.googleads.client",
    *(f"{_PACKAGE}.{name}.{module}" for name in _SERVICES for module in ("client", "transports.grpc")),
)
FAILURE = "google.ads.googleads.v26.errors.googleadsfailure-bin"
PATIENCE = 61.0
"""Seconds. A quota per minute and a list that another job changes are waited for; longer waits are for the next run."""
TRIES = 4
T = TypeVar("T")


class AdsWire:
    """Calls to Google Ads for one account. Every method raises the errors of `connectors.errors`, and nothing else."""

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
        self.account = account
        self._headers = [("login-customer-id", login_account)] if login_account else []
        self._credentials = credentials
        self._endpoint = endpoint
        self._timeout = timeout
        self._sleep = sleep

    def search(self, query: str) -> list[Message]:
        """Rows of a query."""
        from google.ads.googleads.v26.services.types.google_ads_service import SearchGoogleAdsRequest

        request = SearchGoogleAdsRequest(customer_id=self.account, query=query)
        return self.call(lambda **habits: list(self._reading.search(request=request, **habits)), changes=False)

    def mutate_lists(self, request: Message) -> Message:
        """Make lists. Tried once: a second try could find the name taken by the first."""
        return self.call(lambda **habits: self._lists.mutate_user_lists(request=request, **habits), tries=1)

    def create_job(self, request: Message) -> str:
        """Make a job; its resource name. Tried once: the caller knows how to find it again."""
        made = self.call(lambda **habits: self._jobs.create_offline_user_data_job(request=request, **habits), tries=1)
        return str(made.resource_name)

    def add_operations(self, request: Message) -> Mapping[int, str]:
        """Add operations to a job; the places of those that were refused, with Google's reason."""
        answer = self.call(lambda **habits: self._jobs.add_offline_user_data_job_operations(request=request, **habits))
        return _refused_places(type(answer).pb(answer).partial_failure_error.details)

    def run_job(self, request: Message) -> None:
        """Start a job. Raises `AlreadyThere` where it was started before."""
        self.call(lambda **habits: self._jobs.run_offline_user_data_job(request=request, **habits))

    def call(self, method: Callable[..., T], *, changes: bool = True, tries: int = TRIES) -> T:
        """Call with our habits: no retries but ours, no wait without an end."""
        google_credentials.refresh(self._credentials)
        habits: dict[str, Any] = {"retry": None, "timeout": self._timeout, "metadata": self._headers}
        return with_retries(
            lambda _try: attempt(lambda: method(**habits), changes=changes, read=_ads_trouble),
            self._sleep,
            patience=PATIENCE,
            tries=tries,
        )

    @cached_property
    def _reading(self) -> Message:
        from google.ads.googleads.v26.services.services import google_ads_service as service
        from google.ads.googleads.v26.services.services.google_ads_service.transports import grpc as transports

        return service.GoogleAdsServiceClient(transport=self._transport(transports.GoogleAdsServiceGrpcTransport))

    @cached_property
    def _lists(self) -> Message:
        from google.ads.googleads.v26.services.services import user_list_service as service
        from google.ads.googleads.v26.services.services.user_list_service.transports import grpc as transports

        return service.UserListServiceClient(transport=self._transport(transports.UserListServiceGrpcTransport))

    @cached_property
    def _jobs(self) -> Message:
        from google.ads.googleads.v26.services.services import offline_user_data_job_service as service
        from google.ads.googleads.v26.services.services.offline_user_data_job_service.transports import grpc as them

        kind = them.OfflineUserDataJobServiceGrpcTransport
        return service.OfflineUserDataJobServiceClient(transport=self._transport(kind))

    def _transport(self, kind: Message) -> Message:
        return kind(**grpc_options(kind, self._credentials, self._endpoint))


def _ads_trouble(error: exceptions.GoogleAPICallError) -> Trouble:
    """Google Ads puts its reasons into trailing metadata."""
    plain = trouble(error)
    call = error.errors[0] if error.errors else None
    metadata = call.trailing_metadata() if isinstance(call, grpc.Call) else ()
    for key, value in metadata or ():
        if key == FAILURE:
            first = next(iter(_failures(value)), None)
            if first is None:
                return plain
            wait = float(first.details.quota_error_details.retry_delay.seconds) or plain.wait_seconds
            return Trouble(plain.code, _word(first) or plain.reason, (), plain.quota, wait)
    return plain


def _refused_places(details: Sequence[Message]) -> Mapping[int, str]:
    """Part of a request may fail though the call does not: operation -> reason."""
    found: dict[int, str] = {}
    for packed in details:
        for error in _failures(packed.value):
            for element in error.location.field_path_elements:
                if element.field_name == "operations":
                    found.setdefault(int(element.index), _word(error))
    return found


def _failures(raw: bytes) -> Sequence[Message]:
    try:
        failure = GoogleAdsFailure.pb().FromString(raw)
    except DecodeError:
        return ()
    errors: Sequence[Message] = failure.errors
    return errors


def _word(error: Message) -> str:
    family = error.error_code.WhichOneof("error_code")
    if not family:
        return ""
    number = getattr(error.error_code, family)
    names = error.error_code.DESCRIPTOR.fields_by_name[family].enum_type.values_by_number
    return str(names[number].name) if number in names else ""
