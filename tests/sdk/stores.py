"""Stand-ins for buckets, each a process of its own: moto for S3, an emulator for Google Cloud Storage."""

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import until


@contextmanager
def moto(python: Path) -> Iterator[str]:
    """S3 that takes any key. Gives its address."""
    with served([str(python.with_name("moto_server")), "-H", "127.0.0.1", "-p"]) as url:
        yield url


@contextmanager
def google(python: Path) -> Iterator[str]:
    """Google Cloud Storage that takes any token, with a bucket `shop`. Gives its address."""
    program = str(python.with_name("gcp-storage-emulator"))
    with served([program, "start", "--host=127.0.0.1", "--in-memory", "--default-bucket=shop", "--port"]) as url:
        yield url


@contextmanager
def served(words: Sequence[str], seconds: float = 60.0) -> Iterator[str]:
    """A program that is told its port last, once it listens there, within `seconds`. Gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = subprocess.Popen([*words, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: program.poll() is not None or _answers(port), seconds)
        assert program.poll() is None, f"{words[0]} ended"
        yield f"http://127.0.0.1:{port}"
    finally:
        program.terminate()
        program.wait(timeout=30)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
