import json
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from passerelle.workflows.runner.server import RunnerServer
from tests.workflows.runner.desk import TOKEN, calls, desk

HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    server = RunnerServer(("127.0.0.1", 0), desk(tmp_path), tmp_path / "var")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    thread.join()
    server.server_close()


def post(port: int, body: bytes = b"{}", headers: dict[str, str] | None = None) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/v1/sync?x=1", body, HEADERS if headers is None else headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response, content


def raw(port: int, text: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while received := connection.recv(65536):
            answer += received
    return answer


def test_a_run_over_http(port: int, tmp_path: Path) -> None:
    response, content = post(port, b'{"audiences": ["vip"]}')
    assert (response.status, json.loads(content)["outcome"]) == (200, "done")
    assert response.getheader("Cache-Control") == "no-store"
    assert "Python" not in str(response.getheader("Server"))
    assert calls(tmp_path) == 1


def test_health(port: int) -> None:
    assert raw(port, b"GET /healthz HTTP/1.0\r\n\r\n").endswith(b'{"status":"ok"}')


def test_a_body_that_is_too_large_is_not_read(port: int) -> None:
    assert b" 413 " in raw(port, b"POST /v1/sync HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n")


@pytest.mark.parametrize("length", [b"", b"-1", b"+1", b"1e3", b"\xc2\xb2", b"9" * 5000])
def test_a_length_that_is_none_is_refused(port: int, length: bytes) -> None:
    answer = raw(port, b"POST /v1/sync HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n")
    assert answer.split(b" ", 2)[1] in {b"411", b"413"}


def test_chunks_are_refused(port: int) -> None:
    head = b"POST /v1/sync HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}"
    assert b" 411 " in raw(port, head)


def test_a_body_that_ends_early_is_refused(port: int) -> None:
    head = b"POST /v1/sync HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{}"
    assert b" 400 " in raw(port, head)


def test_a_form_of_a_web_page_is_refused(port: int) -> None:
    response, _ = post(port, b"{}", {"Content-Type": "text/plain", "Authorization": f"Bearer {TOKEN}"})
    assert response.status == 415


def test_what_is_not_http_gets_an_object_too(port: int) -> None:
    answer = raw(port, b"<script>alert(1)</script>\r\n\r\n")
    assert b"script" not in answer
    assert b'"outcome":"invalid"' in answer


def test_nothing_of_a_request_is_logged(port: int, capfd: pytest.CaptureFixture[str]) -> None:
    raw(port, b"POST /v1/zoe@example.fr HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
    post(port, b'{"audiences": ["zoe@example.fr"]}')
    out, err = capfd.readouterr()
    assert "zoe" not in out + err


def test_an_unexpected_error_is_answered_without_its_text(tmp_path: Path) -> None:
    broken = desk(tmp_path)
    object.__setattr__(broken, "verbs", None)
    server = RunnerServer(("127.0.0.1", 0), broken, tmp_path / "var")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        response, content = post(int(server.server_address[1]))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert (response.status, json.loads(content)["outcome"]) == (500, "failed")
    assert b"NoneType" not in content
