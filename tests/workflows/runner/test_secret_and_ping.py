import base64
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from passerelle.connectors.signatures import StandardWebhooks
from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.runner.ping import Ping
from passerelle.workflows.runner.secret import Secret
from tests.waiting import until

SECRET = "a-secret-that-is-long-enough"


def test_a_secret_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "s").write_text(SECRET + "\n")
    secret = Secret.from_file(tmp_path / "s")
    assert SECRET not in f"{secret!r} {secret}"
    assert secret.equals(SECRET.encode())


def test_a_missing_or_short_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("abc\n")
    for name in ("short", "missing"):
        with pytest.raises(DefinitionError) as refused:
            Secret.from_file(tmp_path / name)
        assert "abc" not in str(refused.value)


def test_a_broken_whsec_key_is_refused() -> None:
    headers = {"webhook-id": "msg_00000001", "webhook-timestamp": "0", "webhook-signature": "v1,AAAA"}
    with pytest.raises(DefinitionError, match="base64"):
        Secret(b"whsec_not base64 at all!").sent(StandardWebhooks(), headers, b"", 0)


@contextmanager
def _listener(heard: list[tuple[str, int]], status: int) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append((str(self.headers.get("Authorization")), int(self.headers.get("Content-Length", "0"))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/webhook"
        finally:
            server.shutdown()
            thread.join()


def _ping(folder: Path, url: str) -> Ping:
    (folder / "token").write_text(SECRET)
    (folder / "ping.json").write_text(json.dumps({"url": url, "token_file": "token"}))
    return Ping.from_file(folder / "ping.json", lambda: 1_800_000_000.5)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.mark.parametrize("status", [202, 500])
def test_a_knock_has_a_token_that_soon_expires_and_no_body(tmp_path: Path, status: int) -> None:
    heard: list[tuple[str, int]] = []
    with _listener(heard, status) as url:
        _ping(tmp_path, url)()
        until(lambda: len(heard) == 1)
    (authorization, length) = heard[0]
    head, claims, signature = authorization.removeprefix("Bearer ").split(".")
    assert json.loads(_decoded(head)) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(_decoded(claims)) == {"iat": 1_800_000_000, "exp": 1_800_000_060}
    assert _decoded(signature) == hmac.digest(SECRET.encode(), f"{head}.{claims}".encode(), "sha256")
    assert (length, SECRET in authorization) == (0, False)


def test_a_knock_that_nobody_hears_is_no_error(tmp_path: Path) -> None:
    heard: list[tuple[str, int]] = []
    with _listener(heard, 200) as url:
        pass
    _ping(tmp_path, url)()
    until(lambda: all(thread.name != "ping" for thread in threading.enumerate()))


@pytest.mark.parametrize("text", ["", "{}", '{"url": "file:///etc/passwd", "token_file": "token"}', '{"url": 1}'])
def test_a_ping_file_that_does_not_fit_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(SECRET)
    (tmp_path / "ping.json").write_text(text)
    with pytest.raises(DefinitionError):
        Ping.from_file(tmp_path / "ping.json", lambda: 0.0)


def test_a_missing_ping_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be read"):
        Ping.from_file(tmp_path / "ping.json", lambda: 0.0)
