"""Reads a failed call to Google, over gRPC or REST: status, reasons and places; never a message."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import grpc
import requests
from google.api_core import exceptions
from google.auth import exceptions as auth
from google.protobuf import json_format
from google.rpc import error_details_pb2

from passerelle.connectors.destinations.google_errors import Trouble, explain
from passerelle.privacy.errors import PasserelleError

T = TypeVar("T")
_STATUSES = {code.name for code in grpc.StatusCode}
_TYPES = "type.googleapis.com/google.rpc."


def attempt(
    call: Callable[[], T], *, changes: bool, read: Callable[[exceptions.GoogleAPICallError], Trouble] | None = None
) -> T:
    """A call's answer; what went wrong, said in our words, is raised.

    Outside `except`: its context would otherwise keep the SDK's error, which may quote the request.
    """
    found: Trouble
    try:
        return call()
    except exceptions.GoogleAPICallError as error:
        found = (read or trouble)(error)
    except (requests.RequestException, auth.TransportError):
        found = Trouble("UNAVAILABLE")
    except auth.GoogleAuthError:  # a 401, and no new token to be had
        found = Trouble("UNAUTHENTICATED")
    except (exceptions.GoogleAPIError, grpc.RpcError, json_format.Error, ValueError):  # such as an answer cut short
        found = Trouble("UNKNOWN")
    problem: PasserelleError = explain(found, changes=changes)
    raise problem


def trouble(error: exceptions.GoogleAPICallError) -> Trouble:
    """What is taken from a failed call."""
    if isinstance(error.response, requests.Response):
        return _from_json(error.response)
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


def _from_json(response: requests.Response) -> Trouble:
    """Google answers with an object `error`; what else comes, such as a proxy's page, is no word of Google's."""
    try:
        document = response.json()
    except ValueError:
        return Trouble("UNAVAILABLE")
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict) or error.get("status") not in _STATUSES:
        return Trouble("UNAVAILABLE")
    told = error.get("details")
    details = [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []
    fields: list[tuple[str, str]] = []
    reason, quota, wait = "", "", None
    for detail in details:
        kind = str(detail.get("@type", "")).removeprefix(_TYPES)
        if kind == "BadRequest":
            fields += [(str(one.get("field", "")), str(one.get("reason", ""))) for one in _objects(detail)]
        elif kind == "RetryInfo":
            wait = _seconds(str(detail.get("retryDelay", "")))
        elif kind == "ErrorInfo":
            reason = str(detail.get("reason", ""))
            metadata = detail.get("metadata")
            quota = str(metadata.get("quota_limit", "")) if isinstance(metadata, dict) else ""
    return Trouble(str(error["status"]), reason, tuple(fields), quota, wait)


def _objects(detail: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = detail.get("fieldViolations")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _seconds(text: str) -> float | None:
    """A protobuf duration in JSON, such as `3.5s`."""
    try:
        return float(text.removesuffix("s")) or None
    except ValueError:
        return None
