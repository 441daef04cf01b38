"""Whatever is changed in a row that the log covers, `verify` says so."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import Table

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.store import tables as t
from tests.privacy.log.chronicle import NOW, Chronicle, opened, told

COVERED = (
    t.log_entry,
    t.log_members,
    t.log_node,
    t.log_checkpoint,
    t.consent_event,
    t.decision,
    t.batch,
    t.batch_member,
    t.document,
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    chronicle = opened(folder)
    told(chronicle)
    assert chronicle.verify() == []
    chronicle.store.close()
    return folder


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def _verify_after(folder: Path, script: Sequence[tuple[str, tuple[object, ...]]]) -> list[str]:
    raw = sqlite3.connect(folder / "control.db", isolation_level=None)
    for sql, values in script:
        assert raw.execute(sql, values).rowcount > 0, sql
    raw.close()
    chronicle = opened(folder)
    try:
        return chronicle.verify()
    finally:
        chronicle.store.close()


class Meddler:
    """Someone with the database file, who changes one thing at a time."""

    def __init__(self, folder: Path) -> None:
        self._chronicle = opened(folder)
        self._raw = sqlite3.connect(folder / "control.db", isolation_level=None)
        self._raw.row_factory = sqlite3.Row

    def close(self) -> None:
        self._raw.close()
        self._chronicle.store.close()

    def rows(self, table: Table) -> list[sqlite3.Row]:
        return self._raw.execute(f'SELECT * FROM "{table.name}"').fetchall()  # noqa: S608

    def replaces_unnoticed(self, table: Table, old: dict[str, object], new: dict[str, object] | None) -> bool:
        """Put `new` (or nothing) in the place of row `old`, look, and put it back."""
        self._delete(table, old)
        try:
            if new is not None:
                self._insert(table, new)
        except sqlite3.IntegrityError:  # no such row can be
            self._insert(table, old)
            return False
        unnoticed = not self._chronicle.verify()
        if new is not None:
            self._delete(table, new)
        self._insert(table, old)
        return unnoticed

    def _delete(self, table: Table, row: dict[str, object]) -> None:
        keys = [column.name for column in table.primary_key.columns]
        where = " AND ".join(f'"{key}" IS ?' for key in keys)
        sql = f'DELETE FROM "{table.name}" WHERE {where}'  # noqa: S608
        assert self._raw.execute(sql, [row[key] for key in keys]).rowcount == 1

    def _insert(self, table: Table, row: dict[str, object]) -> None:
        names = ", ".join(f'"{name}"' for name in row)
        places = ", ".join("?" for _ in row)
        self._raw.execute(f'INSERT INTO "{table.name}" ({names}) VALUES ({places})', list(row.values()))  # noqa: S608


def _others(value: object) -> Iterator[object]:
    """Values that differ from this one by a bit, by their end, or by not being there."""
    match value:
        case int():
            yield from (value ^ 1, None, "x")
        case str():
            yield from (chr(ord(value[0]) ^ 1) + value[1:], value + " ", None)
        case bytes():
            middle = len(value) // 2
            yield value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]
            yield value[:-1]
        case _:
            yield from (1, "x")


@pytest.fixture
def meddler(copy: Path) -> Iterator[Meddler]:
    meddler = Meddler(copy)
    yield meddler
    meddler.close()


def _changed_unnoticed(meddler: Meddler, table: Table, row: sqlite3.Row, most: int) -> list[tuple[str, object]]:
    old = dict(row)
    return [
        (name, other)
        for name in old
        for other in list(_others(old[name]))[:most]
        if other is not None or not table.columns[name].primary_key  # SQLite would number the row itself
        if meddler.replaces_unnoticed(table, old, old | {name: other})
    ]


@pytest.mark.parametrize("table", COVERED, ids=lambda table: table.name)
def test_a_changed_cell_is_found_in_every_column(meddler: Meddler, table: Table) -> None:
    rows = meddler.rows(table)
    assert _changed_unnoticed(meddler, table, rows[len(rows) // 2], most=1) == []


@pytest.mark.slow
@pytest.mark.parametrize("table", COVERED, ids=lambda table: table.name)
def test_any_changed_cell_is_found(meddler: Meddler, table: Table) -> None:
    for row in meddler.rows(table):
        assert _changed_unnoticed(meddler, table, row, most=3) == []


@pytest.mark.parametrize("table", COVERED, ids=lambda table: table.name)
def test_any_row_taken_out_is_found(meddler: Meddler, table: Table) -> None:
    rows = meddler.rows(table)
    unnoticed = [tuple(row) for row in (rows[0], rows[-1]) if meddler.replaces_unnoticed(table, dict(row), None)]
    assert unnoticed == []


def test_a_row_too_many_is_found(copy: Path) -> None:
    more = (
        "INSERT INTO consent_event SELECT 999, subject_id, log_index, position, purpose, state, event_time, precision,"
    )
    more += " recorded_at, ingested_at, valid_until, notice, recipients, grade, stream, method, actor,"
    more += " channel, stop, expression, identified_by, adapter, evidence, raw, x'00'"
    more += " FROM consent_event WHERE event_id = 1"
    assert _verify_after(copy, [(more, ())])


def test_two_people_swapped_are_found(copy: Path) -> None:
    swap = "UPDATE consent_event SET subject_id = 3 - subject_id WHERE event_id IN (1, 2)"
    assert _verify_after(copy, [(swap, ())])


def test_a_decision_put_back_to_what_it_was_is_found(copy: Path) -> None:
    back = "UPDATE decision SET log_index = 5, allowed = 1, reason = 'allowed' WHERE subject_id = 1"
    assert any("instead of" in problem for problem in _verify_after(copy, [(back, ())]))


def test_problems_name_no_value(copy: Path) -> None:
    problems = _verify_after(copy, [("UPDATE decision SET reason = 'sentinel-value' WHERE subject_id = 4", ())])
    assert problems == ["decision ('meta', 'champions', 4): is not what the log says"]


def test_a_lost_audit_key_is_found_and_an_erased_person_is_counted(copy: Path) -> None:
    chronicle = opened(copy)
    with chronicle.store.write() as connection:
        chronicle.subjects.forget(connection, pa.array([5]), now=NOW)
    assert any("no erasure in the log names them" in problem for problem in chronicle.verify())
    with chronicle.store.write() as connection:
        chronicle.log.append(connection, "erasure", {"step": "done", "subject_ids": [5]}, now=NOW)
    with chronicle.store.read() as connection:
        verification = chronicle.log.verify(connection)
    chronicle.store.close()
    assert verification.ok
    assert verification.erased == 4  # two consents, a decision, a batch


def test_the_newest_entries_cannot_be_dropped_unnoticed(copy: Path) -> None:
    script = [
        ("DELETE FROM log_checkpoint WHERE size > 8", ()),
        ("DELETE FROM log_entry WHERE log_index > 8", ()),
    ]
    problems = _verify_after(copy, script)
    assert any(problem.startswith("anchor:") for problem in problems)


def test_an_older_copy_of_the_database_is_noticed_by_the_next_run(tmp_path: Path) -> None:
    chronicle = opened(tmp_path)
    told(chronicle)
    chronicle.store.close()
    shutil.copy(tmp_path / "control.db", tmp_path / "older.db")
    chronicle = opened(tmp_path)
    with chronicle.store.write() as connection:
        chronicle.log.append(connection, "run", {}, now=NOW)
        chronicle.log.checkpoint(connection, now=NOW)
    _is_sound(chronicle)
    chronicle.store.close()
    shutil.copy(tmp_path / "older.db", tmp_path / "control.db")
    chronicle = opened(tmp_path)
    with pytest.raises(IntegrityError, match="last anchored checkpoint"):
        _is_sound(chronicle)
    assert any(problem.startswith("anchor:") for problem in chronicle.verify())
    chronicle.store.close()


def _is_sound(chronicle: Chronicle) -> None:
    with chronicle.store.read() as connection:
        chronicle.log.check_anchor(connection)
