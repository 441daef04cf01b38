"""The only way to change a row of the control store: these functions, and `Store`'s methods of the same names.

Whoever writes past them leaves a table that does not fit its seal, and the next verification says so.
"""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, Table

from passerelle.privacy.store import bulk
from passerelle.privacy.store.bulk import OnConflict, Rows

Values = Mapping[str, object]
"""Columns by name: a value, or an SQL expression over the row as it was."""


def insert(connection: Connection, table: Table, rows: Rows, *, on_conflict: OnConflict = "error") -> None:
    """Put many rows in at once; on a conflict of the primary key, raise, keep the old row, or replace it whole."""
    bulk.insert(connection, table, rows, on_conflict)


def update(connection: Connection, table: Table, rows: Rows) -> None:
    """Change many rows at once: `rows` holds their primary key and the columns that change."""
    bulk.update(connection, table, rows)


def update_where(connection: Connection, table: Table, values: Values, *where: ColumnElement[bool]) -> int:
    """Give these columns these values in every row that all conditions hold for; how many rows that were."""
    return connection.execute(table.update().where(*where).values(**values)).rowcount


def delete(connection: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    """Take out every row that all conditions hold for; how many rows that were. At least one condition."""
    if not where:
        raise ValueError("a table is not emptied by leaving out the conditions")
    return connection.execute(table.delete().where(*where)).rowcount
