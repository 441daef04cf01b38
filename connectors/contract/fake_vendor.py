"""A vendor on loopback for tests: it keeps records, and takes orders to fail.

    class FakePipedrive(FakeVendor):
        def answer(self, asked: Asked) -> Answer:
            return self.cursor_page(self.held["persons"], asked, since="updated_since")

What it is asked and what it answers can be held against the vendor's own contract: `check` is given both and raises
where one of them is not as the contract says; then the request fails, and `broken` says how.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = Any
Held = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in. Header names are lower-case; a parameter that came several times is joined by commas."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def json(self) -> Json:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The body as a form."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; a body that is no bytes goes out as JSON."""

    body: Json = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Fault = Answer | Callable[[Asked], Answer]
Check = Callable[[Asked, Answer], None]


class FakeVendor:
    """Keeps records by resource and key. `first` is answered before anything else, one fault a request.

    `down`: an outage. `let_in`: who is let in; None: everybody. `stuck`: whatever it is asked, it repeats its answer.
    """

    page = 3
    """Records on a page."""

    def __init__(self, *, check: Check | None = None) -> None:
        self.url = ""
        self.held: dict[str, Held] = {}
        self.asked: list[Asked] = []
        self.first: list[Fault] = []
        self.broken: list[str] = []
        self.down = False
        self.stuck = False
        self.let_in: Callable[[Asked], bool] | None = None
        self._check = check
        self._repeated: Answer | None = None
        self._lock = threading.Lock()

    def answer(self, asked: Asked) -> Answer:
        """What the vendor answers to a request that it lets in."""
        raise NotImplementedError

    def put(self, resource: str, key: str, record: Mapping[str, Any]) -> None:
        """Hold a record, in place of another with its key."""
        with self._lock:
            self.held.setdefault(resource, {})[key] = dict(record)

    def cursor_page(
        self, held: Held, asked: Asked, *, since: str, moment: str = "update_time"
    ) -> tuple[list[Any], str]:
        """Records changed since the parameter `since`, in the order of change, from the number in `cursor` on.

        Returns a page of them, and the next cursor (empty: that was the last).
        """
        at = asked.query.get(since, "")
        found = sorted(held.values(), key=lambda one: str(one.get(moment) or ""))
        found = [one for one in found if not at or not_before(str(one.get(moment) or ""), at)]
        start = int(asked.query.get("cursor") or 0)
        following = start + self.page
        return found[start:following], str(following) if following < len(found) else ""

    def handle(self, asked: Asked) -> Answer:
        """The answer, after faults, outages and locked doors; both held against the contract."""
        with self._lock:
            self.asked.append(asked)
            if self.first:
                fault = self.first.pop(0)
                return fault(asked) if callable(fault) else fault
            if self.down:
                return Answer({"error": "down"}, 503)
            if self.let_in is not None and not self.let_in(asked):
                return Answer({"error": "unauthorized"}, 401)
            if self.stuck and self._repeated is not None:
                return self._repeated
            try:
                answer = self._repeated = self.answer(asked)
                if self._check is not None:
                    self._check(asked, answer)
            except Exception as problem:  # noqa: BLE001 - a fake's own fault must reach the test
                self.broken.append(f"{asked.method} {asked.path}: {problem}")
                return Answer({"error": "the contract is broken"}, 418)
            return answer

    def start(self) -> None:
        """Serve on a loopback port; `url` is its address."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def running(self) -> Iterator["FakeVendor"]:
        """Serve for as long as the block lasts."""
        self.start()
        try:
            yield self
        finally:
            self.stop()


def not_before(moment: str, since: str) -> bool:
    """Whether an ISO moment is at or after another; text that is no moment is."""
    try:
        return datetime.fromisoformat(moment) >= datetime.fromisoformat(since)
    except ValueError:
        return True


def _handler(vendor: FakeVendor) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else a body waits 40 ms for its head to be acknowledged

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = {name: ",".join(values) for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            answer = vendor.handle(Asked(self.command, parts.path, query, headers, body))
            content = answer.content
            self.send_response(answer.status)
            plain = {"content-type": "application/json", **answer.headers, "content-length": str(len(content))}
            for name, value in plain.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - names that the server calls

        def log_message(self, *_words: object) -> None:
            """Nothing."""

    return Handler
