"""The lake: what a reader sees after what was staged, settled and killed."""

import os
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.privacy.errors import IntegrityError
from passerelle.workflows.lake import Lake, TableShape
from passerelle.workflows.lake.tables import DELETED, row_schema

PERSON = TableShape("person", {"tier": "string"})
EVENT = TableShape("event", {"amount": "money"})
NOBODY = DELETED.empty_table()


def key(number: int) -> bytes:
    return bytes([number]) * 16


def people(*rows: tuple[int, int | None, int, str]) -> pa.Table:
    columns = list(zip(*((key(number), *rest) for number, *rest in rows), strict=True))
    return pa.table([pa.array(column) for column in columns], names=row_schema(PERSON).names).cast(row_schema(PERSON))


def gone(*rows: tuple[int, int | None]) -> pa.Table:
    return pa.table([[key(number) for number, _ in rows], [version for _, version in rows]], names=DELETED.names).cast(
        DELETED
    )


def nothing() -> pa.Table:
    return row_schema(PERSON).empty_table()


def put(lake: Lake, rows: pa.Table, deleted: pa.Table = NOBODY) -> None:
    lake.stage("crm", PERSON, rows, deleted)
    lake.settle("crm")


def seen(lake: Lake, *columns: str) -> list[tuple[Any, ...]]:
    names = columns or ("subject_id", "tier")
    tables = [pq.read_table(path, columns=list(names)) for path in lake.tables()["crm"].files]
    return sorted(tuple(row.values()) for table in tables for row in table.to_pylist())


def test_what_is_staged_is_seen_only_when_it_is_settled(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.stage("crm", PERSON, people((1, 1, 11, "a")), NOBODY)
    assert lake.tables()["crm"].files == []
    lake.settle("crm")
    assert seen(lake) == [(11, "a")]
    assert lake.tables()["crm"].columns == {"subject_id": "integer", "tier": "string"}


def test_a_declared_table_is_there_and_empty(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.declare("crm", PERSON)
    assert len(lake.tables()["crm"].files) == 1
    assert seen(lake) == []


def test_files_without_a_common_key_are_added_not_rewritten(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "a")))
    first = lake.tables()["crm"].files
    put(lake, people((2, 1, 12, "b")))
    assert lake.tables()["crm"].files[: len(first)] == first
    assert seen(lake) == [(11, "a"), (12, "b")]


@pytest.mark.parametrize("step", ["merged", "manifest renamed"])
def test_a_page_staged_while_another_settles_the_table_is_not_lost(tmp_path: Path, step: str) -> None:
    """A pull of one source settles every table, also those that another process is pulling into."""
    lake = Lake(tmp_path)
    lake.stage("crm", PERSON, people((1, 1, 11, "a")), NOBODY)
    other = Thread(target=lake.stage, args=("crm", PERSON, people((2, 1, 12, "b")), NOBODY))

    def meanwhile(now: str) -> None:
        if now == step:
            other.start()
            other.join(0.3)  # it is done by then, if nothing holds it up

    lake.watched(meanwhile).settle("crm")
    other.join()
    lake.settle("crm")
    assert seen(lake) == [(11, "a"), (12, "b")]


def test_the_newest_version_wins_whenever_it_comes(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 5, 11, "new")))
    put(lake, people((1, 4, 11, "old")))
    assert seen(lake) == [(11, "new")]
    put(lake, people((1, 5, 11, "same version, later")))
    assert seen(lake) == [(11, "same version, later")]


def test_without_versions_the_later_one_wins(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.stage("crm", PERSON, people((1, None, 11, "a")), NOBODY)
    lake.stage("crm", PERSON, people((1, None, 11, "b")), NOBODY)
    lake.settle("crm")
    assert seen(lake) == [(11, "b")]


def test_only_files_that_hold_a_touched_key_are_rewritten(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "a")))
    put(lake, people((2, 1, 12, "b")))
    untouched, touched = lake.tables()["crm"].files
    put(lake, people((2, 2, 12, "c")))
    after = lake.tables()["crm"].files
    assert untouched in after
    assert touched not in after


def test_a_tombstone_removes_and_an_older_record_does_not_bring_it_back(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "a"), (2, 1, 12, "b")))
    put(lake, nothing(), gone((1, 5)))
    assert seen(lake) == [(12, "b")]
    put(lake, people((1, 3, 11, "late")))
    assert seen(lake) == [(12, "b")]
    put(lake, people((1, 9, 11, "again")))
    assert seen(lake) == [(11, "again"), (12, "b")]


def test_a_person_has_one_row_and_falls_back_on_the_other_record(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "a")))
    put(lake, people((2, 2, 11, "b")))
    assert seen(lake) == [(11, "b")]
    put(lake, nothing(), gone((2, 3)))
    assert seen(lake) == [(11, "a")]


def test_merged_people_are_one_from_then_on(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "a"), (2, 2, 12, "b"), (3, 1, 13, "c")))
    lake.settle("crm", pa.table({"subject_id": [12], "merged_into": [11]}))
    assert seen(lake) == [(11, "b"), (13, "c")]


def test_events_keep_one_row_per_key_and_many_per_person(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    schema = row_schema(EVENT)
    columns = [[key(1), key(2), key(2)], [None] * 3, [11, 11, 11], ["buy"] * 3, [1, 2, 2], [5, 6, 7]]
    rows = pa.table([pa.array(column, one.type) for column, one in zip(columns, schema, strict=True)], schema=schema)
    lake.stage("crm", EVENT, rows, NOBODY)
    lake.settle("crm", pa.table({"subject_id": [11], "merged_into": [5]}))
    assert seen(lake, "subject_id", "amount") == [(5, 5), (5, 7)]


def test_a_new_attribute_is_blank_in_what_was_there(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "a")))
    wider = TableShape("person", {"tier": "string", "age": "integer"})
    rows = people((2, 1, 12, "b")).append_column("age", pa.array([40]))
    lake.stage("crm", wider, rows, NOBODY)
    lake.settle("crm")
    assert seen(lake, "subject_id", "age") == [(11, None), (12, 40)]
    assert lake.tables()["crm"].columns["age"] == "integer"


def test_readers_keep_their_files_through_the_next_settle(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "a")))
    held = lake.tables()["crm"].files
    put(lake, people((1, 2, 11, "b")))
    assert all(path.exists() for path in held)
    put(lake, people((1, 3, 11, "c")))
    assert not any(path.exists() for path in held)


def test_many_small_files_become_one(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for number in range(1, 27):
        lake.stage("crm", PERSON, people((number, 1, number, "a")), NOBODY)
    lake.settle("crm")
    assert len(lake.tables()["crm"].files) == 26
    put(lake, people((27, 1, 27, "a")))
    assert len(lake.tables()["crm"].files) == 1
    assert len(seen(lake)) == 27


def test_forgetting_takes_people_out_of_the_files_at_once(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "SECRET"), (2, 1, 12, "b")))
    put(lake, people((1, 2, 11, "SECRET")))
    assert lake.forget(pa.array([11])) == 1
    assert seen(lake) == [(12, "b")]
    assert not any(b"SECRET" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert lake.forget(pa.array([11])) == 0


def test_forgetting_sweeps_files_that_were_kept_for_readers_too(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "SECRET"), (2, 1, 12, "b")))
    put(lake, people((1, 2, 13, "c")))
    assert lake.forget(pa.array([11])) == 0
    assert not any(b"SECRET" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert sorted(seen(lake)) == [(12, "b"), (13, "c")]


def test_what_an_erasure_that_died_left_behind_goes_with_the_next(tmp_path: Path) -> None:
    def die(step: str) -> None:
        if step == "retired files let go":
            raise InterruptedError

    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "SECRET"), (2, 1, 12, "b")))
    with pytest.raises(InterruptedError):
        lake.watched(die).forget(pa.array([11]))
    assert any(b"SECRET" in path.read_bytes() for path in tmp_path.rglob("*.parquet"))
    assert lake.forget(pa.array([11])) == 0
    assert not any(b"SECRET" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_a_persons_keys_are_told_and_the_word_that_a_record_was_deleted_is_forgotten(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "a"), (2, 1, 12, "b"), (3, 1, 11, "c")))
    lake.stage("crm", PERSON, people((4, 1, 11, "d")), gone((2, 2)))
    assert sorted(lake.keys(pa.array([11]), "crm").to_pylist()) == [key(1), key(3), key(4)]
    assert lake.forget(pa.array([11]), only="other") == 0
    assert lake.forget(pa.array([11]), pa.array([key(2)], pa.binary()), only="crm") == 1
    put(lake, people((2, 1, 12, "late")))
    assert seen(lake) == [(12, "late")]
    assert len(lake.keys(pa.array([11]), "crm")) == 0


def test_leavings_of_a_run_that_died_are_swept(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "a")))
    stray = tmp_path / "crm" / "rows-0000.parquet"
    stray.write_bytes(b"half")
    put(lake, people((2, 1, 12, "b")))
    assert not stray.exists()


def test_a_damaged_manifest_stops_everything(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "a")))
    (tmp_path / "crm" / "manifest.json").write_text("{", encoding="utf-8")
    with pytest.raises(IntegrityError, match="manifest of crm"):
        lake.tables()


def test_folders_and_files_are_nobody_elses(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    put(lake, people((1, 1, 11, "a")))
    if os.name == "posix":
        assert (tmp_path / "crm").stat().st_mode & 0o077 == 0


_RECORDS = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), st.booleans())


@settings(max_examples=8, deadline=None)
@given(pages=st.lists(st.lists(_RECORDS, min_size=1, max_size=4), min_size=1, max_size=3))
def test_whatever_comes_in_whatever_pages_the_table_is_what_a_dictionary_would_be(
    tmp_path_factory: pytest.TempPathFactory, pages: list[list[tuple[int, int, int, bool]]]
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    newest: dict[int, tuple[int, int, bool, str]] = {}
    for number, page in enumerate(pages):
        once = {record[0]: record for record in page}  # a page names a key once, as sources do
        rows = [(k, v, s, f"{number}") for k, v, s, deleted in once.values() if not deleted]
        out = [(k, v) for k, v, _, deleted in once.values() if deleted]
        put(lake, people(*rows) if rows else nothing(), gone(*out) if out else NOBODY)
        for k, v, s, deleted in once.values():
            if k not in newest or v >= newest[k][0]:
                newest[k] = (v, s, deleted, f"{number}")
    alive = {s for _, s, deleted, _ in newest.values() if not deleted}
    assert {subject for subject, _ in seen(lake)} == alive
    assert len(seen(lake)) == len(alive)
    best = {s: max(v for v, s2, d, _ in newest.values() if s2 == s and not d) for s in alive}
    assert {(s, v) for s, v in seen(lake, "subject_id", "_version")} == set(best.items())
