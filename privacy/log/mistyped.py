"""Cells whose value is of another type than their column, which SQLite lets anybody write."""

from typing import Any

from sqlalchemy import Column, Connection, Integer, LargeBinary, Table

from passerelle.privacy.log.entries import MOST_PROBLEMS, Findings
from passerelle.privacy.store.tables import metadata

_LONGEST_KEY = 80


def check(connection: Connection, findings: Findings) -> None:
    """Find such cells in any table; what follows may then rely on types."""
    if connection.dialect.name != "sqlite":
        return
    for table in metadata.sorted_tables:
        for row in connection.exec_driver_sql(_wrong(table)):
            sound = all(isinstance(value, int) or len(value) <= _LONGEST_KEY for value in row)
            findings.add(table, tuple(row) if sound else "", "holds a value of another type")


def _wrong(table: Table) -> str:
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key.columns)
    wrong = " OR ".join(_is_wrong(column) for column in table.columns)
    return f'SELECT {keys} FROM "{table.name}" WHERE {wrong} LIMIT {MOST_PROBLEMS}'  # noqa: S608 - names are ours


def _is_wrong(column: "Column[Any]") -> str:
    kind = "integer" if isinstance(column.type, Integer) else "blob" if isinstance(column.type, LargeBinary) else "text"
    allowed = f"'{kind}', 'null'" if column.nullable else f"'{kind}'"
    return f'typeof("{column.name}") NOT IN ({allowed})'
