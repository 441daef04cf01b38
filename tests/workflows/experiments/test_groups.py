"""Who was drawn into which group, and when: from rows of the store."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import Connection

from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.workflows.experiments.groups import Groups, sent_and_held_out, two_audiences
from tests.privacy.store.stores import fresh_store

NOBODY_MERGED = pa.table({"subject_id": pa.array([], pa.int64()), "merged_into": pa.array([], pa.int64())})


@dataclass
class Log:
    store: Store
    connection: Connection
    merges: pa.Table = field(default_factory=lambda: NOBODY_MERGED)
    batches: int = 0

    def pushed(self, at: int, *people: int, audience: str = "best", action: str = "add", to: str = "meta") -> None:
        self.batches += 1
        name = f"b{self.batches}"
        batch: dict[str, list[object]] = {
            "batch_id": [name], "run_id": ["r"], "destination": [to], "audience": [audience], "action": [action],
            "state": ["settled"], "rows": [len(people)], "accepted": [0], "rejected": [0], "pending": [0],
            "receipt": [None], "log_index": [self.batches], "intended_at": [at], "settled_at": [at],
            "replacement": [None],
        }  # fmt: skip
        self.store.insert(self.connection, t.batch, batch)
        members = {"batch_id": [name] * len(people), "subject_id": list(people), "position": list(range(len(people)))}
        self.store.insert(self.connection, t.batch_member, {**members, "rejected": [None] * len(people)})

    def held(self, at: int, *people: int, audience: str = "best") -> None:
        rows = {"audience": [audience] * len(people), "subject_id": list(people), "since": [at] * len(people)}
        self.store.insert(self.connection, t.holdout, rows)

    def unsendable(self, at: int, person: int) -> None:
        row: dict[str, list[object]] = {
            "destination": ["meta"], "audience": ["best"], "subject_id": [person], "state": ["unsendable"],
            "revision": [1], "value_mark": [None], "batch_id": [""], "since": [at],
        }  # fmt: skip
        self.store.insert(self.connection, t.membership, row)

    def groups(self, since: int | None = None) -> Groups:
        found = sent_and_held_out(self.store, self.connection, self.merges, "best", since=since)
        assert found is not None
        return found


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    for store in fresh_store("sqlite", tmp_path):
        with store.write() as connection:
            yield Log(store, connection)


def people(found: Groups) -> dict[int, tuple[str, int]]:
    return {row["subject_id"]: (row["arm"], row["since"]) for row in found.people.to_pylist()}


def test_each_person_counts_from_their_own_first_day(log: Log) -> None:
    log.held(10, 1, 2)
    log.pushed(11, 3, 4)
    log.pushed(12, 3, to="google")
    log.pushed(50, 5, 3)
    log.held(50, 6)
    log.pushed(60, 4, action="remove")
    log.pushed(11, 7, audience="other")
    assert people(log.groups()) == {
        1: ("held_out", 10), 2: ("held_out", 10), 3: ("sent", 11), 4: ("sent", 11), 5: ("sent", 50),
        6: ("held_out", 50),
    }  # fmt: skip
    assert log.groups().sizes() == {"sent": 3, "held_out": 3}
    assert people(log.groups().until(11)).keys() == {1, 2, 3, 4}


def test_who_was_sent_before_anybody_was_drawn_is_in_no_group(log: Log) -> None:
    log.pushed(5, 1, 2, 3)
    log.held(10, 1)
    log.pushed(11, 4)
    log.held(12, 5)
    found = log.groups()
    assert people(found) == {4: ("sent", 11), 5: ("held_out", 12)}
    assert (found.before, found.since) == (3, 10)
    later = log.groups(since=12)
    assert (set(people(later)), later.before) == ({5}, 4)


def test_who_changes_sides_stays_where_they_were_first(log: Log) -> None:
    log.held(10, 1, 2)
    log.pushed(11, 3)
    log.pushed(20, 1)
    log.held(20, 3)
    found = log.groups()
    assert people(found) == {1: ("held_out", 10), 2: ("held_out", 10), 3: ("sent", 11)}
    assert found.crossed == 2


def test_who_could_not_be_sent_by_any_key_was_meant_to_be(log: Log) -> None:
    log.held(10, 1)
    log.unsendable(11, 2)
    assert people(log.groups()) == {1: ("held_out", 10), 2: ("sent", 11)}


def test_merged_people_are_one_and_count_where_the_first_of_them_was(log: Log) -> None:
    log.held(10, 1)
    log.pushed(11, 2, 9)
    log.merges = pa.table({"subject_id": [2, 9], "merged_into": [1, 8]})
    found = log.groups()
    assert people(found) == {1: ("held_out", 10), 8: ("sent", 11)}
    assert found.crossed == 1


def test_two_audiences_are_compared_from_their_first_batches_on(log: Log) -> None:
    log.pushed(10, 1, audience="a")
    log.pushed(90, 2, audience="b")
    found = two_audiences(log.store, log.connection, log.merges, ("a", "b"), since=None)
    assert found is not None
    assert people(found) == {1: ("a", 10), 2: ("b", 90)}
    assert two_audiences(log.store, log.connection, log.merges, ("a", "c"), since=None) is None


def test_without_a_holdout_there_is_nothing_to_compare(log: Log) -> None:
    log.pushed(10, 1)
    assert sent_and_held_out(log.store, log.connection, log.merges, "best", since=None) is None
