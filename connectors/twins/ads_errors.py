"""Errors of the Ads API: a GoogleAdsFailure in trailing metadata, or, for part of a request, in the answer."""

from collections.abc import Callable, Sequence
from typing import NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, status_pb2

from passerelle.connectors.twins.faults import GrpcError
from passerelle.connectors.twins.messages import Message

FAILURE_KEY = "google.ads.googleads.v26.errors.googleadsfailure-bin"


class AdsRefusal(Exception):
    """One error of the Ads API: its family (a field of ErrorCode), its name, the gRPC status around it."""

    def __init__(self, family: str, name: str, message: str, code: str = "INVALID_ARGUMENT") -> None:
        super().__init__(message)
        self.family = family
        self.name = name
        self.message = message
        self.code = code


def scripted(fault: GrpcError) -> AdsRefusal:
    """A scripted error: `reason` is `family.NAME`, or nothing for a bare gRPC status."""
    family, _, name = fault.reason.partition(".")
    return AdsRefusal(family, name, fault.message, fault.code)


def failure(refusals: Sequence[tuple[AdsRefusal, int | None]]) -> Message:
    """A GoogleAdsFailure of these errors, each with the place of its operation."""
    from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure

    made = GoogleAdsFailure.pb()()
    for refusal, place in refusals:
        error = made.errors.add(message=refusal.message)
        code = error.error_code
        field = code.DESCRIPTOR.fields_by_name[refusal.family]
        setattr(code, refusal.family, field.enum_type.values_by_name[refusal.name].number)
        if place is not None:
            error.location.field_path_elements.add(field_name="operations", index=place)
    return made


def partial(refusals: Sequence[tuple[AdsRefusal, int | None]]) -> status_pb2.Status:
    """What `partial_failure_error` holds."""
    packed = any_pb2.Any()
    packed.Pack(failure(refusals))
    code = code_pb2.Code.Value("INVALID_ARGUMENT")
    return status_pb2.Status(code=code, message="Multiple errors in 'details'.", details=[packed])


def abort(context: grpc.ServicerContext, refusal: AdsRefusal) -> NoReturn:
    """End a call as the Ads API refuses one."""
    metadata: list[tuple[str, str | bytes]] = [("request-id", "twin-request")]
    if refusal.family:
        metadata.append((FAILURE_KEY, failure([(refusal, None)]).SerializeToString()))
    context.set_trailing_metadata(tuple(metadata))
    status: Callable[[str], Message] = grpc.StatusCode.__getitem__
    context.abort(status(refusal.code), refusal.message)
    raise AssertionError("abort raises")
