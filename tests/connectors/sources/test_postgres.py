"""PostgreSQL itself: the conformance suite, its types, and a session that cannot write."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi as driver
import pyarrow as pa
import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.source import Context
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.sql import Sql, SqlSettings
from tests.connectors.sources.worlds import DATABASE_PROMISES, FIELDS, SqlWorld, sql_settings

pytestmark = [pytest.mark.postgres, pytest.mark.xdist_group("postgres")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    initdb, ctl = shutil.which("initdb"), shutil.which("pg_ctl")
    if initdb is None or ctl is None:
        pytest.skip("PostgreSQL is not installed")
    folder = tmp_path_factory.mktemp("postgres")
    user: list[str] = []
    if os.geteuid() == 0:  # it refuses to run as root
        ours = tmp_path_factory.getbasetemp()
        above = [ours.parent, ours.parent.parent] if "PYTEST_XDIST_WORKER" in os.environ else [ours.parent]
        for place in (folder, ours, *above):
            place.chmod(0o755)
        shutil.chown(folder, "nobody")
        user = ["setpriv", "--reuid=nobody", "--clear-groups"]
    data = folder / "data"
    subprocess.run([*user, initdb, "-D", data, "-U", "postgres", "-A", "trust", "-N"], check=True, capture_output=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    start = [*user, ctl, "-D", str(data), "-o", options, "-w", "-l", str(folder / "log"), "start"]
    subprocess.run(start, check=True, stdout=subprocess.DEVNULL)
    yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    os.kill(int((data / "postmaster.pid").read_text(encoding="utf-8").split()[0]), signal.SIGQUIT)


class PostgresWorld:
    """A table with a timestamp, so that the cursor is compared as one."""

    lacks = SqlWorld.lacks

    def __init__(self, url: str) -> None:
        self._url = url
        self.source = Sql("crm", sql_settings(url), folder=Path())
        types = {"updated_at": "timestamptz", "deleted": "boolean"}
        columns = ", ".join(f'"{name}" {types.get(name, "text")}' for name in FIELDS)
        self.run("DROP TABLE IF EXISTS people CASCADE", f"CREATE TABLE people ({columns}, PRIMARY KEY (customer_id))")

    def run(self, *statements: str, rows: list[tuple[Any, ...]] | None = None) -> None:
        with driver.connect(self._url) as db, db.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            for row in rows or []:
                marks = ", ".join(f"${place}::text" for place in range(1, len(row) + 1))
                for place, name in enumerate(FIELDS, 1):
                    kind = {"updated_at": "timestamptz", "deleted": "boolean"}.get(name)
                    marks = marks.replace(f"${place}::text", f"${place}::text::{kind}") if kind else marks
                cursor.execute("DELETE FROM people WHERE customer_id = $1::text", (row[0],))
                cursor.execute(f"INSERT INTO people VALUES ({marks})", row)  # noqa: S608 - our own placeholders
            db.commit()

    def put(self, rows: pa.Table) -> None:
        english = {"oui": "true", "non": "false"}
        records = [dict(record, deleted=english[record["deleted"]]) for record in rows.select(list(FIELDS)).to_pylist()]
        self.run(rows=[tuple(record.values()) for record in records])

    def spoil(self, canary: str) -> None:
        self.run(f"INSERT INTO people (customer_id, spent, deleted) VALUES ('bad', '{canary}', false)")  # noqa: S608

    def lose(self, column: str) -> None:
        self.run(f'ALTER TABLE people DROP COLUMN "{column}"')


@pytest.mark.parametrize("promise", DATABASE_PROMISES, ids=lambda promise: promise.__name__)
def test_postgres(promise: Any, server: str) -> None:  # noqa: ANN401 - a function of the suite
    promise(PostgresWorld(server))


def test_types_arrive_as_they_are_and_others_as_text(server: str) -> None:
    world = PostgresWorld(server)
    world.run(
        "DROP TABLE IF EXISTS sale",
        "CREATE TYPE pg_temp.mood AS ENUM ('ok')",
        "CREATE TABLE sale (id uuid, who bigint, at timestamp, paid numeric(10,2), extra jsonb, n real)",
        "INSERT INTO sale VALUES ('00000000-0000-4000-8000-000000000001', 7, '2026-07-03 12:00', 59.90, '{}', 59.9)",
    )
    fields = {
        "id": {"key": True},
        "who": {"identifier": "external_id"},
        "at_": {"event_time": True, "cursor": "timestamp", "column": "at"},
        "paid": {"attribute": "money"},
        "extra": {"attribute": "string"},
        "n": {"attribute": "money"},
    }
    data = {"kind": "sql", "url": server, "table": "public.sale", "grain": "event", "event": "buy", "fields": fields}
    source = Sql("shop", SqlSettings.model_validate_json(json.dumps(data), strict=True), folder=Path())
    (resource,) = source.resources
    page, last = source.pull(resource, None, Context(now=1_795_219_200_000_000, timezone="Europe/Paris"))
    (row,) = typed(resource.shape, page.rows, timezone="Europe/Paris").table.to_pylist()
    assert (row["id"], row["who"], row["paid"], row["n"]) == ("00000000-0000-4000-8000-000000000001", "7", 5990, 5990)
    assert row["at_"].isoformat() == "2026-07-03T10:00:00+00:00"
    assert last.state["mark"] == "2026-07-03T12:00:00"
    again, _ = source.pull(resource, last.state, Context(now=1_795_219_200_000_000))
    assert again.rows.num_rows == 1
    assert Decimal(row["paid"]) == Decimal(5990)


def test_the_session_cannot_write(server: str) -> None:
    world = PostgresWorld(server)
    world.run("CREATE OR REPLACE FUNCTION harm() RETURNS SETOF people LANGUAGE sql AS 'DELETE FROM people RETURNING *'")
    source = Sql("crm", sql_settings(server, table=None, query="SELECT * FROM harm()"), folder=Path())
    with pytest.raises((DefinitionError, Exception)) as refused:
        list(source.pull(source.resources[0], None, Context(now=0)))
    assert "read-only" not in str(refused.value)
