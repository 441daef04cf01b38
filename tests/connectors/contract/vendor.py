"""A stateful loopback vendor: people behind REST, with faults to order."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, dict[str, str], bytes]
Behaviour = Callable[["Vendor", str, dict[str, str]], Answer]


@dataclass
class Vendor:
    """What it holds, what it was asked, and the answers to give first."""

    url: str = ""
    people: list[dict[str, Any]] = field(default_factory=list)
    page: int = 3
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    first: list[Answer] = field(default_factory=list)
    behave: Behaviour | None = None


def cursor_pages(vendor: Vendor, _path: str, query: dict[str, str]) -> Answer:
    """Pages by an opaque cursor; `since` filters by `updated`."""
    people = [one for one in vendor.people if str(one.get("updated", "")) >= query.get("since", "")]
    start = int(query.get("cursor", "0"))
    following = start + vendor.page
    more = {"next_cursor": str(following)} if following < len(people) else {"next_cursor": None}
    body = {"data": people[start:following], "additional_data": more, "success": True}
    return 200, {}, json.dumps(body).encode()


def link_pages(vendor: Vendor, _path: str, query: dict[str, str]) -> Answer:
    """Pages by a Link header; the body is the list."""
    start = int(query.get("start", "0"))
    following = start + vendor.page
    link = f'<{vendor.url}/people?start={following}>; rel="next", <{vendor.url}/people>; rel="first"'
    headers = {"link": link} if following < len(vendor.people) else {}
    return 200, headers, json.dumps(vendor.people[start:following]).encode()


def numbered_pages(vendor: Vendor, _path: str, query: dict[str, str]) -> Answer:
    """Pages by number or by offset."""
    start = int(query["offset"]) if "offset" in query else (int(query["page"]) - 1) * vendor.page
    return 200, {}, json.dumps({"data": vendor.people[start : start + vendor.page]}).encode()


@contextmanager
def vendor(behave: Behaviour = cursor_pages) -> Iterator[Vendor]:
    """A running vendor on a loopback port."""
    made = Vendor(behave=behave)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.bodies.append(self.rfile.read(int(self.headers.get("content-length", "0"))))
            self.do_GET()

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
            made.asked.append((parts.path, query))
            made.headers.append({name.lower(): value for name, value in self.headers.items()})
            behaviour = made.behave or cursor_pages
            status, headers, body = made.first.pop(0) if made.first else behaviour(made, parts.path, query)
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
