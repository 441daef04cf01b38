"""google-ads-datamanager as transport, over gRPC or REST: our channels, timeouts, retries and reading of errors."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import grpc
from google.ads import datamanager_v1 as dm
from google.ads.datamanager_v1.services.ingestion_service import transports as ingestion
from google.ads.datamanager_v1.services.user_list_service import transports as user_lists
from google.auth.credentials import AnonymousCredentials
from google.protobuf.field_mask_pb2 import FieldMask

from passerelle.connectors.destinations import google_credentials
from passerelle.connectors.destinations.endpoint import is_loopback, target
from passerelle.connectors.destinations.google_limits import limits_of
from passerelle.connectors.destinations.google_trouble import attempt
from passerelle.connectors.destinations.google_types import Credentials, Message
from passerelle.connectors.destinations.quiet import quieten
from passerelle.connectors.destinations.retrying import with_retries
from passerelle.connectors.limits import Limiter

_SERVICES = ("ingestion_service", "user_list_service")
_MODULES = ("client", "transports.grpc", "transports.rest", "transports.rest_base")
LOGGERS = (
    "google.ads.datamanager",
    *(f"google.ads.datamanager_v1.services.{name}.{module}" for name in _SERVICES for module in _MODULES),
    "google.auth.transport.requests",
    "google.auth.transport._requests_base",
    "google.oauth2._client",
    "urllib3.connectionpool",
)
MESSAGE_LIMIT, METADATA_LIMIT = 64 * 1024 * 1024, 1024 * 1024
SIZES = [
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    # Details of a refusal are metadata: with the usual 8 KiB, one that names 60 rows would be lost on its way.
    ("grpc.max_metadata_size", METADATA_LIMIT),
    ("grpc.absolute_max_metadata_size", METADATA_LIMIT),
]
LOCAL = [*SIZES, ("grpc.enable_http_proxy", 0)]
PATIENCE = 61.0
"""Seconds. A quota per minute is waited for; one per day is not."""
T = TypeVar("T")


class GoogleWire:
    """Calls to Data Manager. Every method raises the errors of `connectors.errors`, and nothing else."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        endpoint: str | None,
        rest: bool = False,
        timeout: float,
        sleep: Callable[[float], None],
    ) -> None:
        quieten(LOGGERS)
        self._credentials = credentials
        self._timeout = timeout
        self._sleep = sleep
        self._limits = limits_of(credentials, sleep)
        kinds: tuple[Any, Any] = (
            (ingestion.IngestionServiceRestTransport, user_lists.UserListServiceRestTransport)
            if rest
            else (ingestion.IngestionServiceGrpcTransport, user_lists.UserListServiceGrpcTransport)
        )
        made = [
            kind(**(_rest(credentials, endpoint) if rest else grpc_options(kind, credentials, endpoint)))
            for kind in kinds
        ]
        if rest and endpoint is not None and is_loopback(endpoint):
            for transport in made:
                transport._session.trust_env = False  # noqa: SLF001 - no proxy stands between us and this machine
        self._ingestion = dm.IngestionServiceClient(transport=made[0])
        self._lists = dm.UserListServiceClient(transport=made[1])

    def ingest(self, request: Message, *, before: Callable[[], None] = lambda: None) -> str:
        """Add members; the request's id. `before` is called before each try, once its turn has come."""
        method = self._ingestion.ingest_audience_members
        answer = self._call(method, request, self._limits.changing, changes=True, before=before)
        return str(answer.request_id)

    def remove(self, request: Message) -> str:
        """Remove members; the request's id."""
        answer = self._call(self._ingestion.remove_audience_members, request, self._limits.changing, changes=True)
        return str(answer.request_id)

    def remove_all(self, request: Message) -> str:
        """Remove everybody added before some instant; the request's id. Repeating it changes nothing."""
        answer = self._call(self._ingestion.remove_all_audience_members, request, self._limits.changing, changes=True)
        return str(answer.request_id)

    def status(self, request_id: str) -> Message:
        """How a request stands."""
        request = dm.RetrieveRequestStatusRequest(request_id=request_id)
        answer = self._call(self._ingestion.retrieve_request_status, request, self._limits.reading)
        return dm.RetrieveRequestStatusResponse.pb(answer)

    def user_list(self, name: str, headers: list[tuple[str, str]]) -> Message:
        """One list."""
        request = dm.GetUserListRequest(name=name)
        return self._call(self._lists.get_user_list, request, self._limits.listing, headers=headers)

    def user_lists(self, parent: str, headers: list[tuple[str, str]], token: str) -> tuple[list[Message], str]:
        """A page of lists, and the token of the next."""
        request = dm.ListUserListsRequest(parent=parent, page_size=1000, page_token=token)
        pager = self._call(self._lists.list_user_lists, request, self._limits.listing, headers=headers)
        page = next(iter(pager.pages))
        return list(page.user_lists), str(page.next_page_token)

    def create_list(
        self, parent: str, wanted: Message, headers: list[tuple[str, str]], *, validate_only: bool = False
    ) -> Message:
        """Make a list. Tried once: a second try could find the name taken by the first."""
        request = dm.CreateUserListRequest(parent=parent, user_list=wanted, validate_only=validate_only)
        google_credentials.refresh(self._credentials)
        with self._limits.listing.turn():
            return attempt(lambda: self._lists.create_user_list(request, **self._habits(headers)), changes=True)

    def update_list(self, wanted: Message, paths: Sequence[str], headers: list[tuple[str, str]]) -> None:
        """Change these fields of a list. Repeating it changes nothing."""
        request = dm.UpdateUserListRequest(user_list=wanted, update_mask=FieldMask(paths=paths))
        self._call(self._lists.update_user_list, request, self._limits.listing, changes=True, headers=headers)

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
                return attempt(lambda: method(request, **self._habits(headers or [])), changes=changes)

        return with_retries(once, self._sleep, patience=PATIENCE)

    def _habits(self, headers: list[tuple[str, str]]) -> dict[str, Any]:
        """The SDK's own retries are off: they know nothing of quotas, and two methods would wait for ever."""
        return {"retry": None, "timeout": self._timeout, "metadata": headers}


def grpc_options(kind: Message, credentials: Credentials, endpoint: str | None) -> dict[str, Any]:
    """How a gRPC transport of this kind is made: in the clear to this machine, over TLS to anywhere else."""
    if endpoint is not None and is_loopback(endpoint):
        return {"channel": grpc.insecure_channel(target(endpoint), options=LOCAL)}

    def channel(host: str, **told: Any) -> Message:  # noqa: ANN401 - the SDK's own arguments
        return kind.create_channel(host, **{**told, "options": [*told.get("options", ()), *SIZES]})

    where = {"host": target(endpoint)} if endpoint is not None else {}
    return {"credentials": credentials, "channel": channel, **where}


def _rest(credentials: Credentials, endpoint: str | None) -> dict[str, Any]:
    if endpoint is not None and is_loopback(endpoint):
        return {"host": target(endpoint), "url_scheme": "http", "credentials": credentials or _nobody()}
    return {"credentials": credentials, **({"host": target(endpoint)} if endpoint is not None else {})}


def _nobody() -> Credentials:
    make: Callable[[], Credentials] = AnonymousCredentials
    return make()
