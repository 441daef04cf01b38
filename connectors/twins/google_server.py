"""gRPC around the Google twins: Data Manager on one port, the Ads API on another. Loopback only, no TLS."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc

from passerelle.connectors.twins import ads_errors
from passerelle.connectors.twins.data_manager import DataManager
from passerelle.connectors.twins.data_manager_errors import Violation, scripted, status_of
from passerelle.connectors.twins.faults import Fault
from passerelle.connectors.twins.google_calls import LOST, perform, raw
from passerelle.connectors.twins.messages import Message
from passerelle.connectors.twins.world import World

MESSAGE_LIMIT = 64 * 1024 * 1024
OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.so_reuseport", 0),
]
THREADS = 10
DATA_MANAGER = "google.ads.datamanager.v1"
ADS = "google.ads.googleads.v26.services"


class DataManagerEnding:
    """Ends calls of Data Manager."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    def refuse(self, refusal: Exception) -> NoReturn:
        """With ErrorInfo and BadRequest."""
        assert isinstance(refusal, Violation)  # noqa: S101 - the only kind that this twin raises
        self._end(status_of(refusal))

    def scripted(self, fault: Fault) -> NoReturn:
        """With the status of the script; a page of a proxy or a lost connection shows as UNAVAILABLE."""
        self._end(scripted(fault.grpc or LOST))

    def _end(self, status: Message) -> NoReturn:
        from grpc_status import rpc_status

        self._context.abort_with_status(rpc_status.to_status(status))
        raise AssertionError("abort raises")


class AdsEnding:
    """Ends calls of the Ads API."""

    def __init__(self, context: grpc.ServicerContext) -> None:
        self._context = context

    def refuse(self, refusal: Exception) -> NoReturn:
        """With a GoogleAdsFailure in trailing metadata."""
        assert isinstance(refusal, ads_errors.AdsRefusal)  # noqa: S101 - the only kind that this twin raises
        ads_errors.abort(self._context, refusal)

    def scripted(self, fault: Fault) -> NoReturn:
        """With the error of the script."""
        ads_errors.abort(self._context, ads_errors.scripted(fault.grpc or LOST))


def data_manager_server(world: World, port: int) -> tuple[grpc.Server, int]:
    """Serve Data Manager; port 0 takes a free one."""
    twin = DataManager(world)
    services = {"IngestionService": twin.ingestion(), "UserListService": twin.user_lists()}
    return _serve(
        [
            _handler(world, f"{DATA_MANAGER}.{name}", methods, Violation, DataManagerEnding)
            for name, methods in services.items()
        ],
        port,
    )


def google_ads_server(world: World, port: int) -> tuple[grpc.Server, int]:
    """Serve the Ads API; port 0 takes a free one. Its messages take seconds to import: on the first call of each."""
    return _serve([_AdsHandlers(world)], port)


class _AdsHandlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """The services of the Ads twin, imported when somebody calls."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._held: list[grpc.GenericRpcHandler] = []

    def service(self, handler_call_details: Any) -> Any:  # noqa: ANN401 - grpc's own types
        """The handler of a method, if there is one."""
        with self._world.lock:
            if not self._held:
                from passerelle.connectors.twins.ads_services import services

                self._held = [
                    _handler(self._world, f"{ADS}.{name}", methods, ads_errors.AdsRefusal, AdsEnding)
                    for name, methods in services(self._world).items()
                ]
        found = (each.service(handler_call_details) for each in self._held)
        return next((each for each in found if each is not None), None)


def _serve(handlers: list[grpc.GenericRpcHandler], port: int) -> tuple[grpc.Server, int]:
    server = grpc.server(ThreadPoolExecutor(max_workers=THREADS), options=OPTIONS)
    server.add_generic_rpc_handlers(tuple(handlers))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound


def _handler(
    world: World, service: str, methods: Mapping[str, Any], refusal: type[Exception], ending: Callable[..., Any]
) -> grpc.GenericRpcHandler:
    table = {}
    for method, (name, act, request, response) in methods.items():
        wrap = grpc.unary_stream_rpc_method_handler if method == "SearchStream" else grpc.unary_unary_rpc_method_handler
        table[method] = wrap(
            _call(world, name, act, refusal, ending, streams=method == "SearchStream"),
            request_deserializer=raw(request).FromString,
            response_serializer=raw(response).SerializeToString,
        )
    return grpc.method_handlers_generic_handler(service, table)


def _call(
    world: World,
    name: str,
    act: Callable[[Message, Fault | None], Message],
    refusal: type[Exception],
    ending: Callable[..., Any],
    *,
    streams: bool,
) -> Callable[[Message, grpc.ServicerContext], Any]:
    def call(request: Message, context: grpc.ServicerContext) -> Message:
        return perform(world, name, lambda fault: act(request, fault), refusal, ending(context))

    def stream(request: Message, context: grpc.ServicerContext) -> Any:  # noqa: ANN401 - an iterator of messages
        yield call(request, context)

    return stream if streams else call
