"""Cells whose value is of another type than their column, which SQLite lets anybody write."""

from sqlalchemy import Column, Connection, Integer, LargeBinary, func, or_, select
from sqlalchemy.sql.elements import ColumnElement

from passerelle.privacy.log.entries import MOST_PROBLEMS, Findings
from passerelle.privacy.store.tables import metadata


def check(connection: Connection, findings: Findings) -> None:
    """Find such cells in any table; what follows may then rely on types."""
    if connection.dialect.name != "sqlite":
        return
    for table in metadata.sorted_tables:
        wrong = or_(*(_is_wrong(column) for column in table.columns))
        keys = list(table.primary_key.columns)
        for row in connection.execute(select(*keys).where(wrong).limit(MOST_PROBLEMS)):
            sound = all(isinstance(value, int) or len(value) <= _LONGEST_KEY for value in row)
            findings.add(table, tuple(row) if sound else "", "holds a value of another type")


_LONGEST_KEY = 80


def _is_wrong(column: "Column[object]") -> ColumnElement[bool]:
    kind = "integer" if isinstance(column.type, Integer) else "blob" if isinstance(column.type, LargeBinary) else "text"
    allowed = [kind, "null"] if column.nullable else [kind]
    return func.typeof(column).not_in(allowed)
