"""HTTP for the desk: reads one bounded request, writes one answer, logs neither."""

import logging
import socket
import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from passerelle.workflows.cli.boundary import attempt
from passerelle.workflows.runner.answers import Answer, Asked, refusal
from passerelle.workflows.runner.desk import Desk
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.verbs.failure import Failure

_MOST_BYTES = 1024 * 1024
_MOST_CONNECTIONS = 64
_LOG = logging.getLogger(__name__)


class RunnerServer(ThreadingHTTPServer):
    """Serves a desk. `close` waits for the calls at work, so stop the children first."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], desk: Desk, crash_folder: Path | None = None) -> None:
        self.desk = desk
        self.crash_folder = crash_folder
        self._room = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - the standard library's signature
        """A thread per connection, up to a bound; past it the connection is closed at once."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as above
        """The thread's work."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002 - as above
        """Say that a connection broke; the error itself could quote what was sent."""
        _LOG.warning("a connection ended with an error")


class _Handler(BaseHTTPRequestHandler):
    server: RunnerServer
    timeout = 30
    protocol_version = "HTTP/1.1"
    server_version = "passerelle"
    sys_version = ""
    error_content_type = "application/json"
    error_message_format = '{"outcome":"invalid","exit_code":2,"retryable":false,"advice":"","message":"Not HTTP."}'

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's word
        """Nothing: the request line is the caller's to choose."""

    def _serve(self) -> None:
        body = self._body()
        if isinstance(body, Answer):
            self._send(body)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path.partition("?")[0], headers, body)
        answer = attempt(partial(self.server.desk.answer, asked), self.server.crash_folder)
        if isinstance(answer, Failure):
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, answer.model_dump_json().encode(), answer.outcome.value)
        self._send(answer)

    def _body(self) -> bytes | Answer:
        length = self.headers.get("Content-Length", "0" if self.command == "GET" else "")
        if self.headers.get("Transfer-Encoding") is not None or not (length.isascii() and length.isdecimal()):
            return refusal(HTTPStatus.LENGTH_REQUIRED, Outcome.INVALID, "Send the body whole, with its Content-Length.")
        if len(length) > 9 or int(length) > _MOST_BYTES:  # noqa: PLR2004 - digits of a gigabyte
            return refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, Outcome.INVALID, "The body is larger than 1 MiB.")
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if self.command == "POST" and kind != "application/json":
            return refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, Outcome.INVALID, "Send application/json.")
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            return refusal(HTTPStatus.BAD_REQUEST, Outcome.INVALID, "The body ended early.")
        return body

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")  # an idle connection would hold up the end of the process
        self.end_headers()
        self.wfile.write(answer.body)
