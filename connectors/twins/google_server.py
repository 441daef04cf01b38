"""gRPC around the Google twins: Data Manager on one port, the Ads API on another. Loopback only, no TLS."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc

from passerelle.connectors.twins import ads_reports
from passerelle.connectors.twins.data_manager import DataManager
from passerelle.connectors.twins.data_manager_errors import Violation, abort, abort_scripted
from passerelle.connectors.twins.faults import Fault, GrpcError
from passerelle.connectors.twins.messages import Message
from passerelle.connectors.twins.world import World

MESSAGE_LIMIT = 64 * 1024 * 1024
OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.so_reuseport", 0),
]
THREADS = 10
Handler = Callable[[Message, grpc.ServicerContext], Message]


def data_manager_server(world: World, port: int) -> tuple[grpc.Server, int]:
    """Serve Data Manager; port 0 takes a free one."""
    twin = DataManager(world)
    package = "google.ads.datamanager.v1"
    services = {"IngestionService": twin.ingestion(), "UserListService": twin.user_lists()}
    handlers = []
    for service, methods in services.items():
        table = {
            method: grpc.unary_unary_rpc_method_handler(
                _data_manager_call(world, name, act),
                request_deserializer=request.pb().FromString,
                response_serializer=response.pb().SerializeToString,
            )
            for method, (name, act, request, response) in methods.items()
        }
        handlers.append(grpc.method_handlers_generic_handler(f"{package}.{service}", table))
    return _serve(handlers, port)


def google_ads_server(world: World, port: int) -> tuple[grpc.Server, int]:
    """Serve the Ads API; port 0 takes a free one."""
    handler = grpc.unary_unary_rpc_method_handler(
        _search_call(world),
        request_deserializer=lambda raw: ads_reports.service_types().SearchGoogleAdsRequest.pb().FromString(raw),
        response_serializer=lambda answer: answer.SerializeToString(),
    )
    name = "google.ads.googleads.v26.services.GoogleAdsService"
    return _serve([grpc.method_handlers_generic_handler(name, {"Search": handler})], port)


def _serve(handlers: list[grpc.GenericRpcHandler], port: int) -> tuple[grpc.Server, int]:
    server = grpc.server(ThreadPoolExecutor(max_workers=THREADS), options=OPTIONS)
    server.add_generic_rpc_handlers(tuple(handlers))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound


def _data_manager_call(world: World, name: str, act: Callable[[Message, Fault | None], Message]) -> Handler:
    def call(request: Message, context: grpc.ServicerContext) -> Message:
        fault = world.faults.due(name)
        response = None
        if fault is not None and not fault.applied:
            time.sleep(fault.slow_seconds)
        if fault is None or fault.kind in {"slow", "partial"} or fault.applied:
            try:
                with world.lock:
                    response = act(request, fault)
            except Violation as violation:
                abort(context, violation)
            world.save()
        _interfere(fault, lambda error: abort_scripted(context, error))
        return response

    return call


def _search_call(world: World) -> Handler:
    def call(request: Message, context: grpc.ServicerContext) -> Message:
        fault = world.faults.due("google_ads.search")
        if fault is not None and not fault.applied:
            time.sleep(fault.slow_seconds)
        _interfere(fault, lambda error: ads_reports.abort(context, ads_reports.scripted(error)))
        try:
            with world.lock:
                return ads_reports.search(world, request)
        except ads_reports.AdsRefusal as refusal:
            ads_reports.abort(context, refusal)

    return call


def _interfere(fault: Fault | None, end: Callable[[GrpcError], object]) -> None:
    """Wait, or end the call, as scripted. A dropped connection shows to the client as UNAVAILABLE."""
    if fault is None or fault.kind == "partial":
        return
    if fault.kind == "slow":
        time.sleep(fault.slow_seconds if fault.applied else 0)
        return
    end(fault.grpc or GrpcError(code="UNAVAILABLE", message="Socket closed"))
