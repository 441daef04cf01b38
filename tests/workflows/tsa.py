"""A time stamping authority on loopback: `openssl ts` behind HTTP."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_CONFIG = """
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[stamper]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
[tsa]
default_tsa = authority
[authority]
dir = {folder}
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


class Authority:
    """Its root certificate is in `roots`; `answers` can be replaced to lie."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "ts.cnf").write_text(_CONFIG.format(folder=folder))
        (folder / "serial").write_text("01\n")
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", *self._made("root", "ca"), "-subj", "/CN=Root")
        self._openssl(
            "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=Stamp"
        )
        signing = ("-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "30", "-extensions", "stamper")
        self._openssl("x509", "-req", "-in", "tsa.csr", *signing, "-extfile", "ts.cnf", "-out", "tsa.pem")
        self.roots = folder / "root.pem"
        self.lies: bytes | None = None

    def answer(self, query: bytes) -> bytes:
        if self.lies is not None:
            return self.lies
        (self._folder / "query.tsq").write_bytes(query)
        self._openssl("ts", "-reply", "-config", "ts.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr")
        return (self._folder / "reply.tsr").read_bytes()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its address, for as long as the block lasts."""
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers["content-type"] == "application/timestamp-query"
                reply = authority.answer(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-type", "application/timestamp-reply")
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_said: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/tsr"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def _made(self, name: str, extensions: str) -> tuple[str, ...]:
        names = ("-keyout", f"{name}.key", "-out", f"{name}.pem")
        return (*names, "-days", "30", "-config", "ts.cnf", "-extensions", extensions)

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._folder, check=True, capture_output=True, timeout=60)
