"""The only way to change a row of the control store: these functions, and `Store`'s methods of the same names.

In a store that has a seal key, each reads the rows as they were and tells the write's tally what comes and what goes.
Whoever writes past them leaves a table that does not fit its seal, and the next verification says so.
"""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Table, select

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.store import bulk, present
from passerelle.privacy.store.bulk import OnConflict, Rows
from passerelle.privacy.store.reading import arrow_type, tables
from passerelle.privacy.store.rows import typed
from passerelle.privacy.store.seals import SEALED, Tally

Values = Mapping[str, object]
"""Columns by name: a value, or an SQL expression over the row as it was."""

TALLY = "passerelle_tally"
"""Where a connection keeps the tally of its write."""

READ = "passerelle_read"
"""Where a connection keeps, for the length of its write, what `remembered` holds."""

_PART = 50_000


def remembered(connection: Connection, table: Table, what: str = "rows") -> dict[int, Any] | None:
    """What was read of a table in this write, or made of it, by number: for whoever reads it to fill and to use.

    It is empty again once anything of the table is written. None outside a write.
    """
    found: dict[Table, dict[str, dict[int, Any]]] | None = connection.info.get(READ)
    return None if found is None else found.setdefault(table, {}).setdefault(what, {})


def insert(connection: Connection, table: Table, rows: Rows, *, on_conflict: OnConflict = "error") -> None:
    """Put many rows in at once; on a conflict of the primary key, raise, keep the old row, or replace it whole."""
    tally = _tally(connection, table)
    count = _count(rows)
    if tally is None or not count:
        bulk.insert(connection, table, rows, on_conflict)
        return
    if on_conflict == "error":
        tally.add(table, typed(table, rows, count))
        bulk.insert(connection, table, rows, on_conflict)
        return
    come = present.distinct(table, rows, first=on_conflict == "ignore")
    old, at = present.among(connection, table, come)
    if on_conflict == "ignore":
        come = present.others(come, at)
    else:
        tally.take(table, old)
        come = {**present.kept(table, come, old, at), **come}
    count = _count(come)
    tally.add(table, typed(table, come, count))
    bulk.insert(connection, table, come, "replace" if len(at) else "error")


def update(connection: Connection, table: Table, rows: Rows) -> None:
    """Change many rows at once: `rows` holds their primary key and the columns that change."""
    tally = _tally(connection, table)
    if tally is None or not _count(rows):
        bulk.update(connection, table, rows)
        return
    changes = present.distinct(table, rows, first=False)
    old, at = present.among(connection, table, changes)
    news = typed(table, changes, _count(changes)).take(at)
    tally.take(table, old)
    tally.add(table, _with(old, {name: news[name] for name in changes}))
    bulk.update(connection, table, changes)


def update_where(connection: Connection, table: Table, values: Values, *where: ColumnElement[bool]) -> int:
    """Give these columns these values in every row that all conditions hold for; how many rows that were."""
    statement = table.update().where(*where).values(**values)
    tally = _tally(connection, table)
    if tally is None:
        return connection.execute(statement).rowcount
    computed = {name: value.label(f"new_{name}") for name, value in values.items() if isinstance(value, ColumnElement)}
    seen = 0
    for part in tables(connection, select(*table.columns, *computed.values()).where(*where), rows=_PART):
        seen += part.num_rows
        news = {
            name: part[f"new_{name}"]
            if name in computed
            else pa.repeat(pa.scalar(value, arrow_type(table.columns[name].type)), part.num_rows)
            for name, value in values.items()
        }
        old = part.select([column.name for column in table.columns])
        tally.take(table, old)
        tally.add(table, _with(old, news))
    return _all_of(seen, connection.execute(statement).rowcount if seen else 0)


def delete(connection: Connection, table: Table, *where: ColumnElement[bool]) -> int:
    """Take out every row that all conditions hold for; how many rows that were. At least one condition."""
    if not where:
        raise ValueError("a table is not emptied by leaving out the conditions")
    statement = table.delete().where(*where)
    tally = _tally(connection, table)
    if tally is None:
        return connection.execute(statement).rowcount
    seen = 0
    for part in tables(connection, select(table).where(*where), rows=_PART):
        seen += part.num_rows
        tally.take(table, part)
    return _all_of(seen, connection.execute(statement).rowcount if seen else 0)


def _tally(connection: Connection, table: Table) -> Tally | None:
    connection.info.get(READ, {}).pop(table, None)
    found: Tally | None = connection.info.get(TALLY)
    return found if found is not None and table in SEALED else None


def _count(rows: Rows) -> int:
    return len(next(iter(rows.values()))) if rows else 0


def _with(rows: pa.Table, columns: Mapping[str, pa.Array | pa.ChunkedArray]) -> pa.Table:
    for name, values in columns.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    return rows


def _all_of(seen: int, changed: int) -> int:
    if seen != changed:
        raise IntegrityError(
            "Rows of the store changed under a write.", advice="Something else writes to this database; stop it."
        )
    return changed
