"""Loopback stand-ins for the mail server and for Slack; n8n reaches Slack by a proxy that lets nothing else out."""

import datetime as dt
import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Received:
    """What came in, in order."""

    mails: list[tuple[str, str]] = field(default_factory=list)
    """Subject and text."""
    slack: list[dict[str, Any]] = field(default_factory=list)
    slack_tokens: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    """Hosts that n8n wanted to reach and did not."""


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[int]:
    """Serve on a thread; the port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield int(cast("tuple[str, int]", server.server_address)[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Threaded(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def mail_server(received: Received) -> socketserver.BaseServer:
    """As much SMTP as a client needs to hand over a message."""

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def handle(self) -> None:
            self.say("220 loopback")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"DATA":
                    self.say("354 go on")
                    received.mails.append(_mail(b"".join(iter(self.rfile.readline, b".\r\n"))))
                self.say("221 bye" if word == b"QUIT" else "250 ok")
                if word == b"QUIT":
                    return

    return _Threaded(("127.0.0.1", 0), Handler)


def _mail(raw: bytes) -> tuple[str, str]:
    message = message_from_bytes(raw, policy=default)
    body = message.get_body(("plain",))
    return str(message["Subject"]), body.get_content() if body is not None else ""


def slack_proxy(received: Received, folder: Path) -> ThreadingHTTPServer:
    """A proxy that answers for slack.com itself, with a certificate of `folder`'s ca.pem, and refuses all else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder, "slack.com"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_CONNECT(self) -> None:
            host = self.path.partition(":")[0]
            if host != "slack.com":
                received.refused.add(host)
                self.send_error(403)
                return
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            with context.wrap_socket(self.connection, server_side=True) as inner:
                self.rfile, self.wfile = inner.makefile("rb"), inner.makefile("wb", 0)  # type: ignore[assignment]
                self.handle_one_request()
                self.rfile.close()
                self.wfile.close()
            self.close_connection = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            received.slack_tokens.add(str(self.headers.get("Authorization")))
            received.slack.append({"path": self.path, **json.loads(body)})
            answer = json.dumps({"ok": True, "channel": "C1", "ts": "1", "message": {}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def do_GET(self) -> None:
            received.refused.add(self.path.split("/")[2] if "://" in self.path else self.path)
            self.send_error(403)

        def log_message(self, *_words: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def _certificate(folder: Path, host: str) -> Path:
    """A key and a certificate that signs itself, in one file; ca.pem is the certificate alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(pem)
    (folder / "server.pem").write_bytes(secret + pem)
    return folder / "server.pem"
