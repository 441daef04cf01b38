"""BigQuery as a source, by Google's client against bqemulator: every promise, its types, and what it may cost."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.source import Context
from passerelle.connectors.errors import DefinitionError, Refused
from passerelle.connectors.sources.sql import Sql, SqlSettings
from passerelle.connectors.sources.sql.bigquery import affordable
from tests.connectors.sources.worlds import DATABASE_PROMISES, FIELDS, SqlWorld, sql_settings

pytestmark = [pytest.mark.bigquery, pytest.mark.xdist_group("bigquery")]
NOW = 1_795_219_200_000_000
TYPES = {"updated_at": "TIMESTAMP", "deleted": "BOOL"}


def run(address: str, *statements: str) -> None:
    """Carry out statements by the client that the source makes for itself."""
    server = made(address)
    for statement in statements:
        server._client.query(statement).result()


def made(address: str) -> Any:  # noqa: ANN401 - the source's own server
    from passerelle.connectors.sources.sql.connect import server_at

    return server_at(sql_settings(address), Path())


class BigQueryWorld:
    """A table with a timestamp for its cursor."""

    lacks = SqlWorld.lacks

    def __init__(self, address: str) -> None:
        self._address = address.format("/crm")
        self.source = Sql("crm", sql_settings(self._address), folder=Path())
        columns = ", ".join(f"`{name}` {TYPES.get(name, 'STRING')}" for name in FIELDS)
        made(self._address)._client.create_dataset("crm", exists_ok=True)
        run(self._address, "DROP TABLE IF EXISTS crm.people", f"CREATE TABLE crm.people ({columns})")

    def put(self, rows: pa.Table) -> None:
        records = rows.select(list(FIELDS)).to_pylist()
        gone = ", ".join(f"'{record['customer_id']}'" for record in records)
        values = ", ".join(f"({', '.join(_literal(name, record[name]) for name in FIELDS)})" for record in records)
        run(
            self._address,
            f"DELETE FROM crm.people WHERE customer_id IN ({gone})",  # noqa: S608 - fakes
            f"INSERT INTO crm.people VALUES {values}",  # noqa: S608 - fakes
        )

    def spoil(self, canary: str) -> None:
        run(
            self._address,
            f"INSERT INTO crm.people (customer_id, spent, deleted) VALUES ('bad', '{canary}', false)",  # noqa: S608
        )

    def lose(self, column: str) -> None:
        run(self._address, f"ALTER TABLE crm.people DROP COLUMN `{column}`")


def _literal(name: str, value: str | None) -> str:
    if value is None:
        return "NULL"
    if name == "deleted":
        return {"oui": "true", "non": "false"}[value]
    return f"{'TIMESTAMP ' if name == 'updated_at' else ''}{json.dumps(value)}"


@pytest.mark.parametrize("promise", DATABASE_PROMISES, ids=lambda promise: promise.__name__)
def test_bigquery(promise: Any, bigquery_address: str) -> None:  # noqa: ANN401 - a function of the suite
    promise(BigQueryWorld(bigquery_address))


def sales(address: str, **more: object) -> Sql:
    fields = {
        "id": {"key": True},
        "who": {"identifier": "external_id"},
        "at_": {"event_time": True, "cursor": "timestamp", "column": "sold"},
        "paid": {"attribute": "money"},
        "tags": {"attribute": "string"},
        "day": {"attribute": "date"},
    }
    data = {"kind": "sql", "url": address.format("/crm"), "table": "crm.sale", "grain": "event", "event": "buy"}
    settings = SqlSettings.model_validate_json(json.dumps({**data, "fields": fields, **more}), strict=True)
    return Sql("shop", settings, folder=Path())


def test_types_arrive_as_they_are_and_others_as_text(bigquery_address: str) -> None:
    BigQueryWorld(bigquery_address)
    run(
        bigquery_address.format("/crm"),
        "DROP TABLE IF EXISTS crm.sale",
        "CREATE TABLE crm.sale (id STRING, who INT64, sold DATETIME, paid NUMERIC, tags ARRAY<STRING>, day DATE)",
        "INSERT INTO crm.sale VALUES "
        "('a', 7, DATETIME '2026-07-03 12:00:00', NUMERIC '59.90', ['x', 'y'], DATE '2026-07-03')",
    )
    source = sales(bigquery_address)
    (resource,) = source.resources
    page, last = source.pull(resource, None, Context(now=NOW, timezone="Europe/Paris"))
    (row,) = typed(resource.shape, page.rows, timezone="Europe/Paris").table.to_pylist()
    assert (row["id"], row["who"], row["paid"], row["day"].isoformat()) == ("a", "7", 5990, "2026-07-03")
    assert json.loads(row["tags"]) == ["x", "y"]
    assert row["at_"].isoformat() == "2026-07-03T10:00:00+00:00"
    assert last.state["mark"] == "2026-07-03T12:00:00"
    again, _ = source.pull(resource, last.state, Context(now=NOW))
    assert again.rows.num_rows == 1
    assert "a statement may bill 10,000,000,000" in source.limits["cost"]


def test_a_wrong_table_is_an_error_that_quotes_nothing(bigquery_address: str) -> None:
    BigQueryWorld(bigquery_address)
    source = sales(bigquery_address, table="crm.nowhere_to_be_seen")
    with pytest.raises(DefinitionError) as caught:
        list(source.pull(source.resources[0], None, Context(now=NOW)))
    assert "nowhere" not in str(caught.value)


def test_a_statement_that_would_bill_too_much_is_not_run() -> None:
    assert affordable(10, 10) == 10
    with pytest.raises(Refused, match="11 bytes"):
        affordable(11, 10)
