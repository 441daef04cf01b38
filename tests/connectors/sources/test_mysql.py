"""MariaDB itself, where its server is installed: the conformance suite and a session that cannot write."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pymysql
import pytest

from passerelle.connectors.contract.source import Context
from passerelle.connectors.errors import DefinitionError, TryLater
from passerelle.connectors.sources.sql import Sql
from passerelle.connectors.sources.sql.mysql import bound
from tests.connectors.sources.worlds import DATABASE_PROMISES, FIELDS, SqlWorld, sql_settings

DEADLINE = 60.0


def test_a_percent_sign_in_a_query_is_no_placeholder() -> None:
    assert (
        bound("SELECT * FROM a WHERE b LIKE '%s%' AND c >= \x00") == "SELECT * FROM a WHERE b LIKE '%%s%%' AND c >= %s"
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    program, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if program is None or install is None:
        pytest.skip("MariaDB is not installed")
    folder = tmp_path_factory.mktemp("mariadb")
    data = folder / "data"
    base = Path(install).resolve().parents[1]
    subprocess.run(
        [
            install,
            "--no-defaults",
            f"--basedir={base}",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
        ],
        check=True,
        capture_output=True,
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [program, "--no-defaults", f"--basedir={base}", f"--datadir={data}", f"--port={port}"]
    command += ["--bind-address=127.0.0.1", f"--socket={folder}/s", f"--pid-file={folder}/p"]
    command += ["--user=root"] if os.geteuid() == 0 else []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _wait(port)
        yield port
        process.terminate()


def _wait(port: int) -> None:
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        try:
            with connect(port) as db, db.cursor() as cursor:
                cursor.execute("CREATE DATABASE IF NOT EXISTS shop")
        except pymysql.OperationalError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("MariaDB did not start")


def connect(port: int, database: str | None = None) -> Any:  # noqa: ANN401 - an untyped connection
    return pymysql.connect(host="127.0.0.1", port=port, user="root", database=database, autocommit=True)


class MysqlWorld:
    """A table with a datetime for its cursor."""

    lacks = SqlWorld.lacks

    def __init__(self, port: int) -> None:
        self._port = port
        self.source = Sql("crm", sql_settings(f"mysql://root@127.0.0.1:{port}/shop"), folder=Path())
        types = {"updated_at": "datetime", "customer_id": "varchar(40)"}
        columns = ", ".join(f"`{name}` {types.get(name, 'text')}" for name in FIELDS)
        self.run("DROP TABLE IF EXISTS people")
        self.run(f"CREATE TABLE people ({columns}, PRIMARY KEY (customer_id)) CHARACTER SET utf8mb4")

    def run(self, statement: str, *rows: tuple[Any, ...]) -> None:
        with connect(self._port, "shop") as db, db.cursor() as cursor:
            for row in rows or [()]:
                cursor.execute(statement, row)

    def put(self, rows: pa.Table) -> None:
        records = rows.select(list(FIELDS)).to_pylist()
        for record in records:
            record["updated_at"] = record["updated_at"].rstrip("Z")
        marks = ", ".join(["%s"] * len(FIELDS))
        self.run(f"REPLACE INTO people VALUES ({marks})", *(tuple(record.values()) for record in records))  # noqa: S608 - our own placeholders

    def spoil(self, canary: str) -> None:
        self.run("INSERT INTO people (customer_id, spent, deleted) VALUES ('bad', %s, 'non')", (canary,))

    def lose(self, column: str) -> None:
        self.run(f"ALTER TABLE people DROP COLUMN `{column}`")


@pytest.mark.slow
@pytest.mark.xdist_group("mysql")
@pytest.mark.parametrize("promise", DATABASE_PROMISES, ids=lambda promise: promise.__name__)
def test_mariadb(promise: Any, server: int) -> None:  # noqa: ANN401 - a function of the suite
    promise(MysqlWorld(server))


@pytest.mark.slow
@pytest.mark.xdist_group("mysql")
def test_the_session_cannot_write(server: int) -> None:
    world = MysqlWorld(server)
    world.run("CREATE OR REPLACE FUNCTION harm() RETURNS INT BEGIN DELETE FROM people; RETURN 1; END")
    query = "SELECT p.*, harm() AS harm FROM people p"
    world.run("INSERT INTO people (customer_id, updated_at, deleted) VALUES ('C1', '2026-01-01', 'non')")
    source = Sql("crm", sql_settings(f"mysql://root@127.0.0.1:{server}/shop", table=None, query=query), folder=Path())
    with pytest.raises((DefinitionError, TryLater)):
        list(source.pull(source.resources[0], None, Context(now=0)))
