"""Engines to test with: the PostgreSQL that PASSERELLE_TEST_POSTGRES names, and Sparks of our own."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from passerelle.segmentation.engines.postgres import Postgres
from passerelle.segmentation.engines.spark import Spark
from passerelle.segmentation.engines.spark_connect import SparkConnect
from tests.privacy.store.stores import fresh_database

POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)


def fresh_postgres() -> Iterator[Postgres]:
    """A database of its own, in French: its own order of letters must not show."""
    locale = "LOCALE_PROVIDER icu ICU_LOCALE 'fr' LOCALE 'C.UTF-8' TEMPLATE template0"
    for url in fresh_database(locale):
        yield Postgres(url.set(drivername="postgresql").render_as_string(hide_password=False))


def spark_here(scratch: Path) -> Spark:
    """A Spark of two workers in this process's own JVM."""
    _needed()
    return Spark("local[2]", memory="2GB", scratch=scratch)


@contextmanager
def spark_cluster(scratch: Path) -> Iterator[Spark]:
    """A standalone cluster on this machine: a master and two workers of one core, each a process."""
    _needed()
    port = _free_port()
    master = f"spark://127.0.0.1:{port}"
    listen = ["--host", "127.0.0.1", "--webui-port", "0"]
    with ExitStack() as running:
        leader = ["org.apache.spark.deploy.master.Master", *listen, "--port", f"{port}"]
        _listening(running.enter_context(_java(scratch, "master", "spark-class", *leader)), port)
        for name in ("one", "two"):
            own = ["--cores", "1", "--memory", "1g", "--work-dir", str(scratch / name)]
            worker = ["org.apache.spark.deploy.worker.Worker", *listen, *own, master]
            running.enter_context(_java(scratch, name, "spark-class", *worker))
        yield Spark(master, memory="2GB", scratch=scratch)


@contextmanager
def spark_connect(scratch: Path) -> Iterator[SparkConnect]:
    """A server of Spark Connect on this machine, with a token."""
    _needed()
    pytest.importorskip("zstandard", reason="Spark Connect's client is not installed: see tests/sdk/install.py")
    port, token = _free_port(), secrets.token_hex(16)
    told = {
        "spark.connect.grpc.binding.port": f"{port}",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.authenticate.token": token,
        "spark.sql.shuffle.partitions": "8",
        "spark.ui.enabled": "false",
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
    }
    settings = scratch / "connect.conf"  # a token is no argument
    settings.write_text("".join(f"{name} {value}\n" for name, value in told.items()), encoding="utf-8")
    server = ["--master", "local[2]", "--properties-file", str(settings), "--driver-memory", "2g"]
    server += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
    with _java(scratch, "connect", "spark-submit", *server) as process:
        _listening(process, port)
        yield SparkConnect(f"sc://localhost:{port}", token)


def _needed() -> None:
    pytest.importorskip("pyspark", reason="pyspark is not installed: see tests/sdk/install.py")
    if shutil.which("java") is None:
        pytest.skip("Java was not found on PATH")


@contextmanager
def _java(folder: Path, name: str, script: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    found = find_spec("pyspark")
    assert found is not None
    assert found.origin is not None
    home = Path(found.origin).parent
    own = {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_CONNECT_MODE": "0",
        "SPARK_DAEMON_MEMORY": "1g",
    }
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(home / "bin" / script), *arguments],
            env=os.environ | own,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def _listening(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.3)
    pytest.fail("Spark did not begin to listen")
