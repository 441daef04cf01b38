"""Stand-ins for two warehouses, each a process in an environment of its own: bqemulator and fakesnow."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.sdk.install import Unavailable, interpreter

DEADLINE = 120.0
HERE = Path(__file__).parent


@contextmanager
def running(name: str, script: str, home: Path, ports: int) -> Iterator[list[int]]:
    """The stand-in, on so many free ports, until the end of the with statement; `home` is all that it writes to."""
    try:
        python = interpreter(name=name)
    except Unavailable as problem:
        pytest.skip(f"{name} cannot be installed here: {problem}")
    numbers = _free(ports)
    command = [str(python), str(HERE / script), *map(str, numbers)]
    where = {**os.environ, "HOME": str(home)}
    with subprocess.Popen(
        command, env=where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=home
    ) as process:
        try:
            _wait(process, numbers)
            yield numbers
        finally:
            process.terminate()


def _free(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    numbers = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return numbers


def _wait(process: subprocess.Popen[bytes], ports: list[int]) -> None:
    deadline = time.monotonic() + DEADLINE
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail("the stand-in did not start")
                time.sleep(0.1)
            else:
                break
