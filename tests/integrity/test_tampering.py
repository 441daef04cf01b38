"""Whatever is changed in any table, the next writer is told before it writes. A new table is tried by itself."""

import sqlite3
from collections.abc import Iterator

import pytest
from sqlalchemy import Table

from passerelle.privacy.store import tables as t
from tests.integrity.meddler import Change, Meddler, filler, kind

EVERY_TABLE = [table for table in t.metadata.sorted_tables if table is not t.log_witness]
BOTH = pytest.mark.parametrize("table", EVERY_TABLE, ids=lambda table: table.name)


def _rows(meddler: Meddler, table: Table) -> list[dict[str, object]]:
    with meddler.raw() as raw:
        raw.row_factory = sqlite3.Row
        return [dict(row) for row in raw.execute(f'SELECT * FROM "{table.name}"')]  # noqa: S608


def _where(table: Table) -> str:
    return " AND ".join(f'"{column.name}" IS ?' for column in table.primary_key.columns)


def _key(table: Table, row: dict[str, object]) -> list[object]:
    return [row[column.name] for column in table.primary_key.columns]


def _set(table: Table, row: dict[str, object], name: str, new: object) -> Change:
    sql = f'UPDATE "{table.name}" SET "{name}" = ? WHERE {_where(table)}'  # noqa: S608
    return lambda raw: raw.execute(sql, [new, *_key(table, row)])


def _take_out(table: Table, row: dict[str, object]) -> Change:
    return lambda raw: raw.execute(f'DELETE FROM "{table.name}" WHERE {_where(table)}', _key(table, row))  # noqa: S608


def _put_in(table: Table, row: dict[str, object]) -> Change:
    names = ", ".join(f'"{name}"' for name in row)
    sql = f'INSERT INTO "{table.name}" ({names}) VALUES ({", ".join("?" for _ in row)})'  # noqa: S608
    return lambda raw: raw.execute(sql, list(row.values()))


def _other(value: object) -> object:
    match value:
        case int():
            return value ^ 1
        case str() if value:
            return chr(ord(value[0]) ^ 1) + value[1:]
        case bytes() if value:
            return bytes([value[0] ^ 1]) + value[1:]
        case _:
            return 1


def _changes(table: Table, row: dict[str, object]) -> Iterator[tuple[str, Change]]:
    """A changed bit in one column of each kind, and in one that may be null."""
    seen = set()
    for column in reversed(list(table.columns)):
        what = (kind(column), column.primary_key, row[column.name] is None)
        if what not in seen:
            seen.add(what)
            yield column.name, _set(table, row, column.name, _other(row[column.name]))


@BOTH
def test_a_changed_bit_is_told(meddler: Meddler, table: Table) -> None:
    name, change = next(_changes(table, _rows(meddler, table)[-1]))
    assert meddler.told_after(change), name


@pytest.mark.slow
@BOTH
def test_a_changed_bit_is_told_in_a_column_of_any_kind(meddler: Meddler, table: Table) -> None:
    row = _rows(meddler, table)[-1]
    unnoticed = [name for name, change in _changes(table, row) if not meddler.told_after(change)]
    assert unnoticed == []


@BOTH
def test_a_row_taken_out_or_put_in_is_told(meddler: Meddler, table: Table) -> None:
    row = _rows(meddler, table)[0]
    assert meddler.told_after(_take_out(table, row))
    assert meddler.told_after(_put_in(table, {name: cells[0] for name, cells in filler(table, 977).items()}))


@BOTH
def test_values_swapped_between_two_rows_are_told(meddler: Meddler, table: Table) -> None:
    first, *others = _rows(meddler, table)
    free = [column.name for column in table.columns if not column.primary_key]
    pairs = [(name, other) for other in others for name in free if other[name] != first[name]]
    if not pairs:
        pytest.skip("its rows have nothing to swap")
    name, other = pairs[0]

    def swap(raw: sqlite3.Connection) -> None:
        _set(table, first, name, None if isinstance(first[name], str) and first[name] == "" else "…")(raw)
        _set(table, other, name, first[name])(raw)
        _set(table, first, name, other[name])(raw)

    assert meddler.told_after(swap)
