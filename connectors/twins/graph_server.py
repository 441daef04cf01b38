"""HTTP around the Meta twin, and the control endpoint of all twins. Loopback only.

Control: GET /_twin/state, GET /_twin/members?audience=ID, GET /_twin/calls,
POST /_twin/faults (a JSON list of faults; DELETE clears), POST /_twin/clock with an object of
"polls", "hold", "release", "advance_seconds"; POST /_twin/meta with an object of "audience" and "flagged" (fields of it
that Meta finds against its policy), "terms_accepted", "smallest" (removals that leave fewer people are refused).
"""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from pydantic import TypeAdapter, ValidationError

from passerelle.connectors.twins.faults import Fault
from passerelle.connectors.twins.graph import FLAGGED, Call, Graph
from passerelle.connectors.twins.graph_errors import Answer
from passerelle.connectors.twins.world import Audience, World

URI_LIMIT = 8190
BODY_LIMIT = 64 * 1024 * 1024
TOO_LONG = Answer(414, "<html><body><h1>414 Request-URI Too Large</h1></body></html>", (), "text/html")
FAULTS = TypeAdapter(list[Fault])
OK, CREATED, MISSING, INVALID, TOO_BIG = 200, 201, 404, 422, 413


class Server(ThreadingHTTPServer):
    """A thread for each connection, on 127.0.0.1."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, world: World, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.world = world
        self.graph = Graph(world)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no news."""


class Handler(BaseHTTPRequestHandler):
    """Takes parameters from the query, a form, multipart or JSON, as Graph does."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a body waits 40 ms for its head to be acknowledged
    server: Server

    def do_GET(self) -> None:
        """Any GET."""
        self._serve()

    def do_POST(self) -> None:
        """Any POST."""
        self._serve()

    def do_DELETE(self) -> None:
        """Any DELETE."""
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the base class
        """Nothing is logged: request lines hold what nobody should read."""

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_LIMIT:
            self._send(Answer(TOO_BIG, "<html>413</html>", (), "text/html"))
            return
        body = self.rfile.read(length)
        if len(self.path) > URI_LIMIT:
            self._send(TOO_LONG)
            return
        address = urlsplit(self.path)
        path = tuple(part for part in address.path.split("/") if part)
        params = dict(parse_qsl(address.query, keep_blank_values=True))
        if path[:1] == ("_twin",):
            self._send(control(self.server.world, self.command, path[1:], params, body))
            return
        params |= _body_params(self.headers.get("Content-Type", ""), body)
        params.pop("appsecret_proof", None)
        scheme, _, bearer = self.headers.get("Authorization", "").partition(" ")
        token = params.pop("access_token", "") or (bearer if scheme in {"Bearer", "OAuth"} else "")
        answer = self.server.graph.answer(Call(self.command, path, params, token))
        self.server.world.save()
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        if answer.drop:
            self.close_connection = True
            self.connection.close()
            return
        if answer.slow:
            time.sleep(answer.slow)
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        raw = text.encode()
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _body_params(kind: str, body: bytes) -> dict[str, str]:
    media, _, rest = kind.partition(";")
    if not body:
        return {}
    if media == "multipart/form-data":
        return _multipart(rest.partition("boundary=")[2].strip('" '), body)
    if media == "application/json":
        document = json.loads(body)
        plain = document.items() if isinstance(document, dict) else ()
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in plain}
    return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))


def _multipart(boundary: str, body: bytes) -> dict[str, str]:
    """Plain fields of a form; split at the boundary, since a payload of 10,000 rows is several megabytes."""
    found = {}
    for part in body.split(b"--" + boundary.encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = head.decode().partition('name="')[2].partition('"')[0]
        found[name] = value.removesuffix(b"\r\n").decode()
    return found


def control(world: World, method: str, path: tuple[str, ...], params: dict[str, str], body: bytes) -> Answer:
    """Answer a call to the control endpoint."""
    with world.lock:
        if path == ("state",) and method == "GET":
            audiences = [_overview(world, audience) for audience in world.audiences.values()]
            return Answer(OK, {"audiences": audiences, "now": world.now(), "calls": dict(world.faults.calls)})
        if path == ("members",) and method == "GET":
            audience = world.audiences.get(params.get("audience", ""))
            if audience is None:
                return Answer(MISSING, {"problem": "no such audience"})
            members = sorted(audience.people)
            values = [audience.people.value_of(keys[0]) for keys in members]
            return Answer(OK, {"count": len(audience.people), "members": members, "values": values})
        if path == ("faults",):
            return _faults(world, method, body)
        if path in {("meta",), ("clock",)} and method == "POST":
            return (_meta if path == ("meta",) else _clock)(world, json.loads(body))
    return Answer(MISSING, {"problem": "no such control"})


def _overview(world: World, audience: Audience) -> dict[str, object]:
    return {
        "platform": audience.platform,
        "id": audience.id,
        "account": audience.account,
        "name": audience.name,
        "description": audience.description,
        "count": len(audience.people),
        "pending_changes": world.pending(audience.id),
    }


def _faults(world: World, method: str, body: bytes) -> Answer:
    if method == "DELETE":
        world.faults.clear()
        return Answer(OK, {"faults": 0})
    try:
        faults = FAULTS.validate_json(body)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False)]
        return Answer(INVALID, {"problem": problems})
    world.faults.extend(faults)
    return Answer(CREATED, {"faults": len(faults)})


def _meta(world: World, wanted: dict[str, object]) -> Answer:
    """What only Meta has: flagged audiences, terms of the account, a smallest size."""
    unknown = wanted.keys() - {"audience", "flagged", "terms_accepted", "smallest"}
    audience, flagged = world.audiences.get(str(wanted.get("audience", ""))), wanted.get("flagged")
    if unknown or ("flagged" in wanted and (audience is None or not isinstance(flagged, list))):
        return Answer(INVALID, {"problem": f"unknown key {min(unknown)}" if unknown else "name an audience and fields"})
    if audience is not None and isinstance(flagged, list):
        audience.settings[FLAGGED] = [str(name) for name in flagged]
    world.terms_accepted = bool(wanted.get("terms_accepted", world.terms_accepted))
    world.smallest = int(str(wanted.get("smallest", world.smallest)))
    return Answer(OK, {"terms_accepted": world.terms_accepted, "smallest": world.smallest})


def _clock(world: World, wanted: dict[str, object]) -> Answer:
    unknown = wanted.keys() - {"polls", "hold", "release", "advance_seconds"}
    if unknown:
        return Answer(INVALID, {"problem": f"unknown key {min(unknown)}"})
    if "polls" in wanted:
        world.polls = int(str(wanted["polls"]))
    if wanted.get("hold"):
        world.held = True
    world.offset += int(float(str(wanted.get("advance_seconds", 0))) * 1_000_000)
    if wanted.get("release"):
        world.release()
    return Answer(OK, {"now": world.now(), "polls": world.polls, "held": world.held})
