"""What a process does beside SQLite never costs it SQLite's locks, and so never what it wrote."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import column, func, select, table

from passerelle.privacy.errors import IntegrityError, TryLater
from passerelle.privacy.store import Store, beside
from passerelle.privacy.store import tables as t

COME_AND_GO = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(connection.execute("SELECT count(*) FROM setting").fetchone()[0])
connection.close()
"""


def seen_by_another(database: Path) -> int:
    """How many rows a process finds that opens the file, looks, and closes it."""
    command = [sys.executable, "-c", COME_AND_GO, str(database)]
    return int(subprocess.run(command, check=True, capture_output=True).stdout)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path / 'control.db'}")
    yield store
    store.close()


def read_whole(store: Store) -> None:
    assert store.file is not None
    for name in (store.file, store.file.with_name("control.db-wal"), store.file.with_name("control.db-shm")):
        with beside.opened(name) as file:
            assert file.read()


def read_as_columns(store: Store) -> None:
    found = store.committed([select(func.count().label("n")).select_from(t.setting)])
    assert found is not None


def open_twice(store: Store) -> None:
    assert store.file is not None
    with beside.opened(store.file) as file:
        file.read()
    other = Store.open(f"sqlite:///{store.file}")
    with beside.opened(store.file) as file:
        file.read()
    other._gone()  # closed by hand, without folding in the log


def add(store: Store, number: int) -> None:
    with store.write() as connection:
        store.insert(connection, t.setting, {"name": pa.array([f"n{number}"]), "value": pa.array(["x"])})


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("deed", [read_whole, read_as_columns, open_twice])
def test_nothing_acknowledged_is_lost_when_others_come_and_go(store: Store, deed: Callable[[Store], None]) -> None:
    assert store.file is not None
    add(store, 1)
    log = store.file.with_name("control.db-wal")
    before = log.stat().st_ino
    with store.read() as connection:
        deed(store)
        assert connection.scalar(select(func.count()).select_from(t.setting)) == 1
        assert seen_by_another(store.file) == 1
    assert log.stat().st_ino == before, "another process took itself for the last one"
    add(store, 2)
    assert seen_by_another(store.file) == 2


def test_descriptors_are_closed_with_the_store(tmp_path: Path) -> None:
    before = descriptors()
    store = Store.open(f"sqlite:///{tmp_path / 'control.db'}")
    for _ in range(20):
        read_whole(store)
    assert descriptors() > before + 20
    store.close()
    store.close()
    assert descriptors() == before


def test_a_reader_that_cannot_read_or_dies_is_begun_again(store: Store) -> None:
    names = select(t.setting.c.name)
    with pytest.raises(TryLater):
        store.committed([select(func.no_such_function(1))])
    assert store.committed([names, names]) is not None


def test_a_column_of_two_types_is_an_integrity_failure(store: Store) -> None:
    with store.write() as connection:
        connection.exec_driver_sql("CREATE TABLE mixed (x)")
        connection.exec_driver_sql(
            "INSERT INTO mixed WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70000)"
            " SELECT i FROM n UNION ALL SELECT 'a canary'"
        )
    with pytest.raises(IntegrityError, match="another type") as told:
        store.committed([select(column("x")).select_from(table("mixed"))])
    assert "canary" not in str(told.value)
