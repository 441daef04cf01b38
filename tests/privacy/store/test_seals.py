"""Any order of writes ends in the seal of the final content; a seal that is not ours stops the next write."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Integer, LargeBinary, Table, func, select, text
from sqlalchemy.types import TypeEngine

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.store import OnConflict, Store, seals
from passerelle.privacy.store import tables as t
from tests.exploring import examples
from tests.privacy.store.stores import fresh_store

KEY = bytes(range(32))


@pytest.fixture
def sealed(store: Store) -> Store:
    store.seal_with(KEY)
    return store


def broken(store: Store) -> list[str]:
    """Tables whose bytes do not fit their seal."""
    key = store.seal_key
    assert key is not None
    with store.read() as connection:
        found = seals.held(connection, key)
        sums = found.sums if found is not None else {}
        return [
            table.name
            for table in seals.SEALED
            if seals.computed(connection, key, table) != sums.get(table.name, seals.Seal())
        ]


def cell(kind: TypeEngine[Any], number: int) -> object:
    if isinstance(kind, Integer):
        return number
    return b"%d" % number if isinstance(kind, LargeBinary) else chr(0xE0 + number)


def rows(table: Table, *numbers: int) -> dict[str, list[object]]:
    return {column.name: [cell(column.type, number) for number in numbers] for column in table.columns}


def test_every_table_is_sealed_through_every_kind_of_write(sealed: Store) -> None:
    with sealed.write() as connection:
        for table in seals.SEALED:
            sealed.insert(connection, table, rows(table, 1, 2, 3))
    assert broken(sealed) == []
    with sealed.write() as connection:
        for table in seals.SEALED:
            key = next(iter(table.primary_key.columns))
            sealed.insert(connection, table, rows(table, 3, 4), on_conflict="ignore")
            sealed.insert(connection, table, rows(table, 4, 5), on_conflict="replace")
            sealed.update(connection, table, rows(table, 5))
            sealed.delete(connection, table, key == cell(key.type, 2))
    assert broken(sealed) == []
    with sealed.read() as connection:
        assert {connection.scalar(select(func.count()).select_from(table)) for table in seals.SEALED} == {4}


def test_a_write_that_is_undone_leaves_the_seals_as_they_were(sealed: Store) -> None:
    with pytest.raises(ZeroDivisionError), sealed.write() as connection:  # noqa: PT012 - the write is what is tested
        sealed.insert(connection, t.setting, rows(t.setting, 1))
        raise ZeroDivisionError
    with sealed.write() as connection:
        sealed.insert(connection, t.setting, rows(t.setting, 2))
    assert broken(sealed) == []


def test_values_may_be_expressions_over_the_row_as_it_was(sealed: Store) -> None:
    with sealed.write() as connection:
        sealed.insert(connection, t.removal, rows(t.removal, 1, 2))
        values = {"tries": t.removal.c.tries + 5, "refusal": None}
        assert sealed.update_where(connection, t.removal, values, t.removal.c.subject_id == 2) == 1
        assert connection.scalars(select(t.removal.c.tries).order_by(t.removal.c.subject_id)).all() == [1, 7]
    assert broken(sealed) == []


def test_of_rows_with_one_key_the_last_replaces_and_the_first_is_kept(sealed: Store) -> None:
    twice: dict[str, list[object]] = {"name": ["a", "a", "b"], "value": ["1", "2", "3"]}
    with sealed.write() as connection:
        sealed.insert(connection, t.setting, twice, on_conflict="replace")
        sealed.insert(connection, t.setting, {"name": ["c", "c"], "value": ["4", "5"]}, on_conflict="ignore")
        found = {row.name: row.value for row in connection.execute(select(t.setting))}
    assert found == {"a": "2", "b": "3", "c": "4"}
    assert broken(sealed) == []


def test_columns_that_a_replacement_does_not_name_stay(sealed: Store) -> None:
    some: dict[str, list[object]] = {"subject_id": [1, 2], "subject_ref": ["a", "b"], "created_at": [5, 5]}
    with sealed.write() as connection:
        sealed.insert(connection, t.subject, {**some, "country": ["FR", "BE"]})
        more: dict[str, list[object]] = {"subject_id": [2, 3], "subject_ref": ["x", "c"], "created_at": [6, 6]}
        sealed.insert(connection, t.subject, more, on_conflict="replace")
        found = connection.execute(select(t.subject.c.country).order_by(t.subject.c.subject_id)).scalars().all()
    assert found == ["FR", "BE", None]
    assert broken(sealed) == []


def test_a_seal_that_is_not_ours_stops_the_next_write(sealed: Store) -> None:
    with sealed.write() as connection:
        sealed.insert(connection, t.setting, rows(t.setting, 1))
    with sealed.write() as connection:
        connection.execute(text("UPDATE table_seal SET rows = 0 WHERE name = 'setting'"))
    with pytest.raises(IntegrityError, match="not ours"), sealed.write() as connection:
        sealed.insert(connection, t.setting, rows(t.setting, 2))


def test_seals_that_are_gone_are_not_begun_again(sealed: Store) -> None:
    with sealed.write() as connection:
        sealed.insert(connection, t.setting, rows(t.setting, 1))
    with sealed.write() as connection:
        connection.execute(text("DELETE FROM table_seal"))
    with pytest.raises(IntegrityError, match="are gone"), sealed.write() as connection:
        sealed.insert(connection, t.setting, rows(t.setting, 2))


def test_another_key_makes_other_seals_until_all_are_sealed_again(sealed: Store) -> None:
    with sealed.write() as connection:
        sealed.insert(connection, t.setting, rows(t.setting, 1))
    with sealed.write() as connection:
        sealed.insert(connection, t.setting, rows(t.setting, 2))
        sealed.reseal(connection, KEY[::-1])
    with pytest.raises(IntegrityError, match="not ours"):
        broken(sealed)
    sealed.seal_with(KEY[::-1])
    assert broken(sealed) == []


def test_a_reader_after_a_writer_tallies_nothing(sealed: Store) -> None:
    with sealed.write() as connection:
        sealed.insert(connection, t.setting, rows(t.setting, 1))
    with sealed.read() as connection, sealed.among(connection, pa.array([1])):
        pass
    assert broken(sealed) == []


def test_rows_of_large_blobs_are_sealed_in_parts(sealed: Store) -> None:
    count = 5
    blob = {"log_index": list(range(count)), "chunk": [0] * count, "root": [b"r" * 32] * count}
    with sealed.write() as connection:
        sealed.insert(connection, t.log_members, {**blob, "leaves": [bytes(1 << 24)] * count})
    assert broken(sealed) == []


Step = tuple[str, list[int]]
_NUMBERS = st.lists(st.integers(1, 6), min_size=1, max_size=4)
_STEPS = st.lists(st.tuples(st.sampled_from(["add", "keep", "replace", "update", "change", "delete"]), _NUMBERS))


@pytest.fixture(scope="module")
def one_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    for store in fresh_store("sqlite", tmp_path_factory.mktemp("seals")):
        store.seal_with(KEY)
        yield store


@settings(max_examples=examples(25))
@given(steps=_STEPS, table=st.sampled_from([t.setting, t.membership, t.removal, t.identity, t.quarantine]))
def test_any_order_of_writes_gives_the_seal_of_the_final_content(
    one_store: Store, steps: list[Step], table: Table
) -> None:
    for name, numbers in steps:
        with one_store.write() as connection:
            _step(one_store, connection, table, name, numbers)
    assert broken(one_store) == []


def _step(store: Store, connection: Connection, table: Table, name: str, numbers: list[int]) -> None:
    key = list(table.primary_key.columns)[-1]
    chosen = key.in_([cell(key.type, number) for number in numbers])
    free = next(column for column in table.columns if not column.primary_key)
    match name:
        case "add":
            held = set(connection.scalars(select(key)))
            fresh = [number for number in set(numbers) if cell(key.type, number) not in held]
            store.insert(connection, table, rows(table, *fresh))
        case "keep" | "replace":
            kept: OnConflict = "ignore" if name == "keep" else "replace"
            store.insert(connection, table, rows(table, *numbers), on_conflict=kept)
        case "update":
            keys = [column.name for column in table.primary_key.columns]
            changed = {column: values for column, values in rows(table, *numbers).items() if column in keys}
            store.update(connection, table, {**changed, free.name: [cell(free.type, 40 + n) for n in numbers]})
        case "change":
            store.update_where(connection, table, {free.name: cell(free.type, 90)}, chosen)
        case _:
            store.delete(connection, table, chosen)
