"""google-ads-datamanager as transport: our channels, timeouts, retries and reading of errors."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
from google.ads import datamanager_v1 as dm
from google.ads.datamanager_v1.services.ingestion_service.transports import IngestionServiceGrpcTransport
from google.ads.datamanager_v1.services.user_list_service.transports import UserListServiceGrpcTransport
from google.api_core import exceptions
from google.rpc import error_details_pb2

from passerelle.connectors.destinations import google_credentials
from passerelle.connectors.destinations.endpoint import is_loopback, target
from passerelle.connectors.destinations.google_errors import Trouble, explain
from passerelle.connectors.destinations.google_types import Credentials, Message
from passerelle.connectors.destinations.quiet import quieten
from passerelle.connectors.destinations.retrying import with_retries
from passerelle.connectors.limits import Limiter
from passerelle.privacy.errors import PasserelleError

_SERVICES = ("ingestion_service", "user_list_service")
LOGGERS = (
    "google.ads.datamanager",
    *(f"google.ads.datamanager_v1.services.{name}.client" for name in _SERVICES),
    *(f"google.ads.datamanager_v1.services.{name}.transports.grpc" for name in _SERVICES),
    "google.auth.transport.requests",
    "google.auth.transport._requests_base",
    "google.oauth2._client",
    "urllib3.connectionpool",
)
MESSAGE_LIMIT = 64 * 1024 * 1024
CHANNEL_OPTIONS = [
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.enable_http_proxy", 0),
]
CALLS_A_MINUTE, CALLS_AT_ONCE = 300, 10
"""Of a Google Cloud project, for each of: changes of members, reads of their status, everything else.

https://developers.google.com/data-manager/api/devguides/limits
"""
T = TypeVar("T")


class GoogleWire:
    """Calls to Data Manager. Every method raises the errors of `connectors.errors`, and nothing else."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        endpoint: str | None,
        timeout: float,
        sleep: Callable[[float], None],
    ) -> None:
        quieten(LOGGERS)
        self._credentials = credentials
        self._timeout = timeout
        self._sleep = sleep
        self._changing, self._reading, self._listing = (
            Limiter(CALLS_A_MINUTE, 60, at_once=CALLS_AT_ONCE, clock=time.monotonic, sleep=sleep) for _ in range(3)
        )
        ingestion, lists = IngestionServiceGrpcTransport, UserListServiceGrpcTransport
        if endpoint is not None and is_loopback(endpoint):
            channel = grpc.insecure_channel(target(endpoint), options=CHANNEL_OPTIONS)
            self._ingestion = dm.IngestionServiceClient(transport=ingestion(channel=channel))
            self._lists = dm.UserListServiceClient(transport=lists(channel=channel))
        else:
            where: dict[str, Any] = {"host": target(endpoint)} if endpoint is not None else {}
            self._ingestion = dm.IngestionServiceClient(transport=ingestion(credentials=credentials, **where))
            self._lists = dm.UserListServiceClient(transport=lists(credentials=credentials, **where))

    def ingest(self, request: Message, *, before: Callable[[], None] = lambda: None) -> str:
        """Add members; the request's id. `before` is called before each try, once its turn has come."""
        method = self._ingestion.ingest_audience_members
        answer = self._call(method, request, self._changing, changes=True, before=before)
        return str(answer.request_id)

    def remove(self, request: Message) -> str:
        """Remove members; the request's id."""
        answer = self._call(self._ingestion.remove_audience_members, request, self._changing, changes=True)
        return str(answer.request_id)

    def remove_all(self, request: Message) -> str:
        """Remove everybody added before some instant; the request's id. Repeating it changes nothing."""
        answer = self._call(self._ingestion.remove_all_audience_members, request, self._changing, changes=True)
        return str(answer.request_id)

    def status(self, request_id: str) -> Message:
        """How a request stands."""
        request = dm.RetrieveRequestStatusRequest(request_id=request_id)
        answer = self._call(self._ingestion.retrieve_request_status, request, self._reading)
        return dm.RetrieveRequestStatusResponse.pb(answer)

    def user_list(self, name: str, headers: list[tuple[str, str]]) -> Message:
        """One list."""
        request = dm.GetUserListRequest(name=name)
        return self._call(self._lists.get_user_list, request, self._listing, headers=headers)

    def user_lists(self, parent: str, headers: list[tuple[str, str]], token: str) -> tuple[list[Message], str]:
        """A page of lists, and the token of the next."""
        request = dm.ListUserListsRequest(parent=parent, page_size=1000, page_token=token)
        pager = self._call(self._lists.list_user_lists, request, self._listing, headers=headers)
        page = next(iter(pager.pages))
        return list(page.user_lists), str(page.next_page_token)

    def create_list(
        self, parent: str, wanted: Message, headers: list[tuple[str, str]], *, validate_only: bool = False
    ) -> Message:
        """Make a list. Tried once: a second try could find the name taken by the first."""
        request = dm.CreateUserListRequest(parent=parent, user_list=wanted, validate_only=validate_only)
        google_credentials.refresh(self._credentials)
        with self._listing.turn():
            return self._once(lambda: self._lists.create_user_list(request, **self._habits(headers)), changes=True)

    def _call(
        self,
        method: Callable[..., T],
        request: Message,
        limiter: Limiter,
        *,
        changes: bool = False,
        headers: list[tuple[str, str]] | None = None,
        before: Callable[[], None] = lambda: None,
    ) -> T:
        google_credentials.refresh(self._credentials)

        def once(_try: int) -> T:
            with limiter.turn():
                before()
                return self._once(lambda: method(request, **self._habits(headers or [])), changes=changes)

        return with_retries(once, self._sleep)

    def _habits(self, headers: list[tuple[str, str]]) -> dict[str, Any]:
        """The SDK's own retries are off: they know nothing of quotas, and two methods would wait for ever."""
        return {"retry": None, "timeout": self._timeout, "metadata": headers}

    @staticmethod
    def _once(call: Callable[[], T], *, changes: bool) -> T:
        # Raised outside `except`: its context would otherwise keep the SDK's error, which may quote the request.
        answer, problem = attempt(call, changes=changes)
        if problem is not None:
            raise problem
        return answer  # type: ignore[return-value]


def attempt(call: Callable[[], T], *, changes: bool) -> tuple[T | None, PasserelleError | None]:
    """A call's answer, or what went wrong, said in our words."""
    try:
        return call(), None
    except exceptions.GoogleAPICallError as error:
        return None, explain(trouble(error), changes=changes)
    except (exceptions.GoogleAPIError, grpc.RpcError):
        return None, explain(Trouble("UNKNOWN"), changes=changes)


def trouble(error: exceptions.GoogleAPICallError) -> Trouble:
    """Read a failed call: status, reasons and places; never a message."""
    status = error.grpc_status_code.name if error.grpc_status_code is not None else "UNKNOWN"
    fields: list[tuple[str, str]] = []
    wait = None
    for detail in error.details or ():
        if isinstance(detail, error_details_pb2.BadRequest):
            fields += [(one.field, one.reason) for one in detail.field_violations]
        elif isinstance(detail, error_details_pb2.RetryInfo):
            wait = float(detail.retry_delay.seconds) or None
    quota = str((error.metadata or {}).get("quota_limit", ""))
    return Trouble(status, str(error.reason or ""), tuple(fields), quota, wait)
