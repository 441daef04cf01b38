"""REST around the Data Manager twin: the same calls and refusals as over gRPC, as JSON. Loopback only, in the clear.

Strict as Google's own gateway: unknown fields, unknown parameters and values of the wrong type are refused.
"""

import json
import re
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn
from urllib.parse import parse_qsl, urlsplit

from google.protobuf import json_format
from google.rpc import code_pb2, status_pb2

from passerelle.connectors.twins.data_manager import DataManager
from passerelle.connectors.twins.data_manager_errors import Violation, scripted, status_of
from passerelle.connectors.twins.faults import Fault, HttpAnswer
from passerelle.connectors.twins.google_calls import LOST, perform, raw
from passerelle.connectors.twins.messages import Message
from passerelle.connectors.twins.world import World

_LISTS = r"(?P<parent>accountTypes/[^/]+/accounts/[^/]+)/userLists"
_LIST = r"(?P<name>accountTypes/[^/]+/accounts/[^/]+/userLists/[^/]+)"
ROUTES = [
    ("POST", "/v1/audienceMembers:ingest", "IngestAudienceMembers", "*"),
    ("POST", "/v1/audienceMembers:remove", "RemoveAudienceMembers", "*"),
    ("POST", "/v1/audienceMembers:removeAll", "RemoveAllAudienceMembers", "*"),
    ("GET", "/v1/requestStatus:retrieve", "RetrieveRequestStatus", ""),
    ("POST", f"/v1/{_LISTS}", "CreateUserList", "userList"),
    ("GET", f"/v1/{_LISTS}", "ListUserLists", ""),
    ("GET", f"/v1/{_LIST}", "GetUserList", ""),
    ("PATCH", f"/v1/{_LIST}", "UpdateUserList", "userList"),
    ("DELETE", f"/v1/{_LIST}", "DeleteUserList", ""),
]
"""Verb, path, method, and which field the body is: `*` for the whole request."""
CODES = {
    "OK": 200, "INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "OUT_OF_RANGE": 400, "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403, "NOT_FOUND": 404, "ABORTED": 409, "ALREADY_EXISTS": 409, "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499, "UNIMPLEMENTED": 501, "UNAVAILABLE": 503, "DEADLINE_EXCEEDED": 504,
}  # fmt: skip
BODY_LIMIT = 64 * 1024 * 1024
SYSTEM = {"alt", "$alt", "key", "prettyPrint", "fields", "quotaUser"}
WORDS = {"true": True, "false": False}


class _Ended(Exception):
    """The call ends otherwise than by an answer."""

    def __init__(self, status: status_pb2.Status | None, http: HttpAnswer | None = None) -> None:
        super().__init__("ended")
        self.status = status
        self.http = http


class _Ending:
    def refuse(self, refusal: Exception) -> NoReturn:
        assert isinstance(refusal, Violation)  # noqa: S101 - the only kind that this twin raises
        raise _Ended(status_of(refusal))

    def scripted(self, fault: Fault) -> NoReturn:
        if fault.kind == "drop":
            raise _Ended(None)
        raise _Ended(scripted(fault.grpc or LOST), fault.http)


class RestServer(ThreadingHTTPServer):
    """A thread for each connection, on 127.0.0.1."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, world: World, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.world = world
        twin = DataManager(world)
        self.methods: Mapping[str, Any] = {**twin.ingestion(), **twin.user_lists()}

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for its head to be acknowledged
    server: RestServer

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        """Nothing is logged."""

    def _serve(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), BODY_LIMIT))
        try:
            self._send(200, json.dumps(self._answer(body)), "application/json; charset=UTF-8")
        except _Ended as ended:
            if ended.http is not None:
                self._send(ended.http.status, ended.http.body, ended.http.content_type)
            elif ended.status is not None:
                code, document = _error(ended.status)
                self._send(code, json.dumps(document), "application/json; charset=UTF-8")
            else:
                self.close_connection = True
                self.connection.close()

    def _answer(self, body: bytes) -> dict[str, Any]:
        address = urlsplit(self.path)
        params = dict(parse_qsl(address.query, keep_blank_values=True))
        method, place, field = _route(self.command, address.path)
        name, act, request_type, _ = self.server.methods[method]
        request = raw(request_type)()
        numbers = "enum-encoding=int" in params.get("$alt", "")
        plain: dict[str, Any] = {key: _value(params[key]) for key in params if key not in SYSTEM}
        document = _document(body) if field else {}
        if field == "*":
            plain |= document
        elif field:
            plain[field] = {**document, **({"name": place["name"]} if "name" in place else {})}
            place = {key: value for key, value in place.items() if key != "name"}
        try:
            json_format.ParseDict({**plain, **place}, request)
        except json_format.Error as problem:
            raise _Ended(_invalid(str(problem))) from None
        world = self.server.world
        answer = perform(world, name, lambda fault: act(request, fault), Violation, _Ending())
        return json_format.MessageToDict(answer, use_integers_for_enums=numbers)

    def _send(self, status: int, text: str, kind: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _route(verb: str, path: str) -> tuple[str, dict[str, str], str]:
    for wanted, pattern, method, field in ROUTES:
        found = re.fullmatch(pattern, path) if wanted == verb else None
        if found is not None:
            return method, found.groupdict(), field
    raise _Ended(_status("NOT_FOUND", "Not a method of this API."))


def _value(text: str) -> object:
    return WORDS.get(text, text)


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _Ended(_invalid("Expected a JSON object."))
    return document


def _invalid(message: str) -> status_pb2.Status:
    """Google's gateway, of a body that is none of the request."""
    return status_of(
        Violation("INVALID_ARGUMENT", [("", f"Invalid JSON payload received. {message}", "INVALID_ARGUMENT")])
    )


def _status(code: str, message: str) -> status_pb2.Status:
    return status_pb2.Status(code=code_pb2.Code.Value(code), message=message)


def _error(status: Message) -> tuple[int, dict[str, Any]]:
    word = code_pb2.Code.Name(status.code)
    code = CODES.get(word, 500)
    details = [json_format.MessageToDict(detail) for detail in status.details]
    return code, {"error": {"code": code, "message": status.message, "status": word, "details": details}}
