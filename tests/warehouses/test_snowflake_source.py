"""Snowflake as a source, by its own connector against fakesnow: every promise, its types, its names."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.source import Context
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.sql import Sql, SqlSettings
from passerelle.connectors.sources.sql.connect import server_at
from tests.connectors.sources.worlds import DATABASE_PROMISES, FIELDS, SqlWorld, sql_settings

pytestmark = pytest.mark.snowflake
NOW = 1_795_219_200_000_000
TYPES = {"updated_at": "TIMESTAMP_TZ", "deleted": "BOOLEAN"}


def run(address: str, *statements: str) -> None:
    """Carry out statements by the connection that the source makes for itself."""
    with server_at(sql_settings(address), Path()) as server, server._connection.cursor() as cursor:  # type: ignore[attr-defined]
        for statement in statements:
            cursor.execute(statement)


class SnowflakeWorld:
    """A table with a timestamp for its cursor."""

    lacks = SqlWorld.lacks

    def __init__(self, address: str) -> None:
        run(address.format(""), "CREATE DATABASE IF NOT EXISTS crm", "CREATE SCHEMA IF NOT EXISTS crm.sales")
        self._address = address.format("/crm/sales")
        self.source = Sql("crm", sql_settings(self._address), folder=Path())
        columns = ", ".join(f"{name} {TYPES.get(name, 'VARCHAR')}" for name in FIELDS)
        run(self._address, f"CREATE OR REPLACE TABLE people ({columns})")

    def put(self, rows: pa.Table) -> None:
        records = rows.select(list(FIELDS)).to_pylist()
        gone = ", ".join(f"'{record['customer_id']}'" for record in records)
        values = ", ".join(f"({', '.join(_literal(name, record[name]) for name in FIELDS)})" for record in records)
        run(
            self._address,
            f"DELETE FROM people WHERE customer_id IN ({gone})",  # noqa: S608 - fakes
            f"INSERT INTO people VALUES {values}",  # noqa: S608 - fakes
        )

    def spoil(self, canary: str) -> None:
        run(self._address, f"INSERT INTO people (customer_id, spent, deleted) VALUES ('bad', '{canary}', false)")  # noqa: S608

    def lose(self, column: str) -> None:
        run(self._address, f"ALTER TABLE people DROP COLUMN {column}")


def _literal(name: str, value: str | None) -> str:
    if value is None:
        return "NULL"
    if name == "deleted":
        return {"oui": "true", "non": "false"}[value]
    return "'" + value.replace("'", "''") + "'"


@pytest.mark.parametrize("promise", DATABASE_PROMISES, ids=lambda promise: promise.__name__)
def test_snowflake(promise: Any, snowflake_address: str) -> None:  # noqa: ANN401 - a function of the suite
    promise(SnowflakeWorld(snowflake_address))


def sales(address: str, **more: object) -> Sql:
    fields = {
        "id": {"key": True},
        "who": {"identifier": "external_id"},
        "at_": {"event_time": True, "cursor": "timestamp", "column": "sold"},
        "paid": {"attribute": "money"},
        "weight": {"attribute": "number"},
        "day": {"attribute": "date"},
    }
    data = {"kind": "sql", "url": address.format("/crm"), "table": "sales.sale", "grain": "event", "event": "buy"}
    settings = SqlSettings.model_validate_json(json.dumps({**data, "fields": fields, **more}), strict=True)
    return Sql("shop", settings, folder=Path())


def test_types_arrive_as_they_are_and_others_as_text(snowflake_address: str) -> None:
    SnowflakeWorld(snowflake_address)
    run(
        snowflake_address.format("/crm/sales"),
        "CREATE OR REPLACE TABLE sale "
        "(id VARCHAR, who INT, sold TIMESTAMP_NTZ, paid NUMBER(12, 2), weight FLOAT, day DATE)",
        "INSERT INTO sale VALUES ('a', 7, '2026-07-03 12:00:00', 59.90, 0.1, '2026-07-03')",
    )
    source = sales(snowflake_address)
    (resource,) = source.resources
    page, last = source.pull(resource, None, Context(now=NOW, timezone="Europe/Paris"))
    (row,) = typed(resource.shape, page.rows, timezone="Europe/Paris").table.to_pylist()
    assert (row["id"], row["who"], row["paid"], row["weight"]) == ("a", "7", 5990, 0.1)
    assert (row["day"].isoformat(), row["at_"].isoformat()) == ("2026-07-03", "2026-07-03T10:00:00+00:00")
    again, _ = source.pull(resource, last.state, Context(now=NOW))
    assert again.rows.num_rows == 1


def test_a_wrong_table_is_an_error_that_quotes_nothing(snowflake_address: str) -> None:
    SnowflakeWorld(snowflake_address)
    source = sales(snowflake_address, table="sales.nowhere_to_be_seen")
    with pytest.raises(DefinitionError) as caught:
        list(source.pull(source.resources[0], None, Context(now=NOW)))
    assert "nowhere" not in str(caught.value).casefold()
