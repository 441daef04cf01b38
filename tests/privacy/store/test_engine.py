import os
import stat
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError as Conflict

from passerelle.privacy.errors import DefinitionError, IntegrityError, TryLater
from passerelle.privacy.store import Rows, Store
from passerelle.privacy.store.tables import cursor, membership, setting, vault
from passerelle.privacy.store.writing import remembered


def _settings(connection: Connection) -> dict[str, str]:
    return {row.name: row.value for row in connection.execute(select(setting))}


def test_what_is_written_is_read_back_and_what_fails_is_not(store: Store) -> None:
    with store.write() as connection:
        store.insert(connection, setting, {"name": ["a"], "value": ["1"]})
    with pytest.raises(ZeroDivisionError), store.write() as connection:  # noqa: PT012 - the write is what is tested
        store.insert(connection, setting, {"name": ["b"], "value": ["2"]})
        raise ZeroDivisionError
    with store.read() as connection:
        assert _settings(connection) == {"a": "1"}


@pytest.mark.parametrize(("on_conflict", "expected"), [("ignore", "old"), ("replace", "new")])
def test_a_conflict_is_settled_as_asked(store: Store, on_conflict: str, expected: str) -> None:
    with store.write() as connection:
        store.insert(connection, setting, {"name": ["a"], "value": ["old"]})
        rows = {"name": pa.array(["a", "b"]), "value": pa.array(["new", "new"])}
        store.insert(connection, setting, rows, on_conflict=on_conflict)  # type: ignore[arg-type]
        assert _settings(connection) == {"a": expected, "b": "new"}


def test_a_conflict_is_an_error_otherwise(store: Store) -> None:
    with pytest.raises(Exception, match=r"(?i)unique") as problem, store.write() as connection:  # noqa: PT012
        store.insert(connection, setting, {"name": ["a"], "value": ["1"]})
        store.insert(connection, setting, {"name": ["a"], "value": ["2"]})
    assert isinstance(problem.value, Conflict) or type(problem.value).__name__ == "UniqueViolation"


def test_many_rows_change_at_once(store: Store) -> None:
    with store.write() as connection:
        store.insert(connection, setting, {"name": ["a", "b", "c"], "value": ["1", "2", "3"]})
        store.update(connection, setting, {"value": ["x", "y"], "name": ["a", "c"]})
        store.update(connection, setting, {"value": ["z"], "name": ["nobody"]})
        assert _settings(connection) == {"a": "x", "b": "2", "c": "y"}


def test_columns_come_and_go_as_arrow(store: Store) -> None:
    ids = pa.array(range(1, 70_001))
    count = len(ids)
    rows = {
        "subject_id": ids,
        "data_key": pa.repeat(b"\0k", count),
        "audit_key": [b""] * count,
        "body": pa.array([b"%d" % number for number in range(count)]),
        "revision": pa.array([1] * count, pa.int32()),
        "generation": [1] * count,
    }
    with store.write() as connection:
        store.insert(connection, vault, rows)
        wanted = pa.array([70_000, 3, 3, 99_999_999])
        with store.among(connection, wanted) as value:
            statement = select(vault.c.subject_id, vault.c.body).where(vault.c.subject_id.in_(select(value)))
            found = store.table(connection, statement.order_by(vault.c.subject_id))
    assert found.schema == pa.schema([("subject_id", pa.int64()), ("body", pa.binary())])
    assert found.to_pydict() == {"subject_id": [3, 70_000], "body": [b"2", b"69999"]}


@pytest.mark.parametrize("same", ["it's", "a\nb", "?", "%s :name", "é", ""])
def test_what_all_of_many_rows_have_is_written_as_it_is(same: str, store: Store) -> None:
    names = [f"{number}" for number in range(2_000)]
    with store.write() as connection:
        store.insert(connection, setting, {"name": pa.array(names), "value": pa.repeat(same, 2_000)})
        store.insert(connection, setting, {"name": list(names), "value": [same] * 2_000}, on_conflict="replace")
    with store.read() as connection:
        held = _settings(connection)
    assert held == dict.fromkeys(names, same)


@pytest.mark.parametrize("values", [pa.array(["a"]), pa.array([b"a"]), pa.array([1]), pa.array([], pa.string())])
def test_among_takes_texts_bytes_numbers_and_nothing(store: Store, values: pa.Array) -> None:
    with store.read() as connection, store.among(connection, values) as value:
        assert [row.value for row in connection.execute(select(value))] == values.to_pylist()


def test_many_members_of_a_place_are_looked_up_by_their_whole_key(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/control.db")
    m = membership.c
    here = select(m.state).where(m.destination == "meta", m.audience == "all")
    with store.read() as connection, store.among(connection, pa.array([1, 2])) as value:
        statement = here.where(m.subject_id.in_(select(value))).compile(
            connection, compile_kwargs={"literal_binds": True}
        )
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
    store.close()
    assert "PRIMARY KEY (destination=? AND audience=? AND subject_id=?)" in plan[0].detail


def test_what_a_write_read_of_a_table_is_forgotten_once_the_table_is_written(store: Store) -> None:
    row: Rows = {"name": ["a"], "value": ["1"]}
    with store.read() as connection:
        assert remembered(connection, setting) is None
    for change in (
        lambda: store.insert(connection, setting, row),
        lambda: store.update(connection, setting, row),
        lambda: store.update_where(connection, setting, {"value": "2"}, setting.c.name == "a"),
        lambda: store.delete(connection, setting, setting.c.name == "a"),
    ):
        with store.write() as connection:
            held = remembered(connection, setting)
            assert held == {}
            held[1] = ("read",)
            assert remembered(connection, setting) == {1: ("read",)}
            change()
            assert remembered(connection, setting) == {}


def test_only_a_kept_write_has_consequences(store: Store) -> None:
    done: list[str] = []
    with store.write() as connection:
        store.after_commit(connection, lambda: done.append("kept"))
        assert done == []
    with pytest.raises(ZeroDivisionError), store.write() as connection:  # noqa: PT012 - the write is what is tested
        store.after_commit(connection, lambda: done.append("undone"))
        raise ZeroDivisionError
    with store.write():
        pass
    assert done == ["kept"]


def test_a_name_has_one_holder(url: str) -> None:
    first, second = Store.open(url, lock_folder=None), Store.open(url)
    with first.exclusive("champions at meta"):
        with pytest.raises(TryLater, match="champions at meta"), second.exclusive("champions at meta"):
            pass
        with second.exclusive("another"):
            pass
    with second.exclusive("champions at meta"):
        pass
    first.close()
    second.close()


def test_a_store_is_a_sqlite_or_a_postgresql() -> None:
    with pytest.raises(DefinitionError, match="mysql"):
        Store.open("mysql://nowhere/x")


def test_only_the_owner_reads_a_sqlite_store(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store.open(f"sqlite:///{tmp_path}/deep/er/control.db")
        with store.write() as connection, store.exclusive("x"):
            connection.execute(insert(setting).values(name="a", value="b"))
            found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep").rglob("*")}
    finally:
        os.umask(before)
    store.close()
    assert found.pop("er") == 0o700
    assert found.pop("control.db.locks") == 0o700
    assert "control.db-wal" in found
    assert set(found.values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "deep").stat().st_mode) == 0o700


def test_deleted_data_leaves_no_residue(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/control.db")
    marker = b"residue-of-a-person-" * 20
    with store.write() as connection:
        key = {"data_key": marker, "audit_key": marker, "body": marker * 50, "revision": 1, "generation": 1}
        connection.execute(insert(vault).values([{"subject_id": number, **key} for number in range(1, 40)]))
    assert marker in b"".join(path.read_bytes() for path in tmp_path.glob("control.db*") if path.is_file())
    with store.write() as connection:
        connection.execute(vault.delete())
    store.close()
    assert b"residue-of-a" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_value_of_another_type_is_told_without_showing_it(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/control.db")
    with store.write() as connection:
        connection.exec_driver_sql("INSERT INTO cursor VALUES ('crm', 'x', '{}', 'sentinel-value', 1)")
    with store.read() as connection, pytest.raises(IntegrityError, match="another type") as problem:
        store.table(connection, select(cursor))
    store.close()
    assert "sentinel" not in str(problem.value)
    assert problem.value.__cause__ is None
