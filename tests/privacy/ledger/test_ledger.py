"""The ledger in a real store, with the real log and vault."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from sqlalchemy import Connection

from passerelle.privacy.consent.cleared import GATE_SEAL, ClearedBatch
from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.keys import Keyring
from passerelle.privacy.ledger import Ledger, Opening, Place, Remote, Told, queue_removals
from passerelle.privacy.log import Log
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.subjects import Subjects
from passerelle.privacy.vocabulary import NOT_SENT, Action, Destination, Purpose
from tests.privacy.store.stores import opened

PLACE = Place("meta", "vip")
COLUMNS = ("EMAIL", "PHONE")


class Books:
    """A ledger with three people, and short words for what a sync does."""

    def __init__(self, store: Store) -> None:
        keys = Keyring(bytes(32))
        self.subjects = Subjects(store, keys)
        self.log = Log(store, keys, origin="test")
        self.ledger = Ledger(store, self.log, self.subjects)
        with store.write() as connection:
            people = Personal(pa.table({"email": [f"p{n}@example.org" for n in range(3)]}))
            self.ids = self.subjects.register(connection, people, now=1)
            remote = Remote("77", COLUMNS, Destination.META, Purpose.AD_LIST_MATCHING)
            self.ledger.remember(connection, PLACE, remote, now=1)

    def intend(self, connection: Connection, name: str = "b1") -> None:
        batch = ClearedBatch(
            GATE_SEAL,
            Destination.META,
            PLACE.audience,
            Purpose.AD_LIST_MATCHING,
            self.ids,
            Personal(pa.table({})),
            self.subjects.revisions(connection, self.ids),
            0,
            2,
        )
        rows = Personal(pa.table({"EMAIL": ["a", "b", "c"], "PHONE": ["1", "", "3"]}))
        opening = Opening(name, "r1", PLACE, 2)
        self.ledger.intend_add(connection, opening, batch, rows, self.ids, columns=COLUMNS)

    def told(self, connection: Connection, accepted: int = 3, rejected: int = 0, name: str = "b1") -> None:
        reasons = {"bad": rejected} if rejected else {}
        self.ledger.receive(connection, name, Told(True, accepted, rejected, 0, {"session": 1}, reasons), now=3)

    def take_out(self, connection: Connection, ids: pa.Array, name: str = "b2") -> None:
        batch = self.ledger.removal_batch(connection, PLACE, Destination.META, ids)
        self.ledger.intend_removal(connection, Opening(name, "r2", PLACE, 4), batch)

    def states(self, connection: Connection) -> list[tuple[str, bool]]:
        people = self.ledger.people(connection, PLACE)
        return list(zip(people["state"].to_pylist(), people["uncertain"].to_pylist(), strict=True))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = opened(tmp_path / "control.db")
    yield found
    found.close()


@pytest.fixture
def books(store: Store) -> Books:
    return Books(store)


@pytest.fixture
def connection(store: Store, books: Books) -> Iterator[Connection]:
    del books  # its people are written first
    with store.write() as opened:
        yield opened


def test_an_intent_without_a_receipt_leaves_people_uncertain(books: Books, connection: Connection) -> None:
    books.intend(connection)
    assert books.states(connection) == [("member", True)] * 3


def test_a_superseded_batch_leaves_its_people_uncertain_until_they_are_sent_again(
    books: Books, connection: Connection
) -> None:
    books.intend(connection)
    assert books.ledger.supersede(connection, PLACE, now=3) == 1
    assert books.states(connection) == [("member", True)] * 3
    books.intend(connection, "b9")
    books.told(connection, name="b9")
    assert books.states(connection) == [("member", False)] * 3


def test_a_place_waits_from_a_push_until_its_receipt_has_come_to_its_end(books: Books, connection: Connection) -> None:
    waited = [books.ledger.waits(connection, PLACE)]
    books.intend(connection)
    waited.append(books.ledger.waits(connection, PLACE))
    books.ledger.receive(connection, "b1", Told(False, 0, 0, 3, {}, {}), now=3)
    waited.append(books.ledger.waits(connection, PLACE))
    assert not books.ledger.waits(connection, Place(PLACE.destination, "another"))
    books.told(connection)
    assert [*waited, books.ledger.waits(connection, PLACE)] == [False, True, True, False]


def test_a_receipt_makes_members(books: Books, connection: Connection) -> None:
    books.intend(connection)
    books.told(connection)
    assert books.states(connection) == [("member", False)] * 3
    assert books.ledger.count(connection, PLACE) == 3


def test_a_batch_refused_as_a_whole_leaves_nobody(books: Books, connection: Connection) -> None:
    books.intend(connection)
    books.ledger.refuse_addition(connection, "b1", "Terms", now=3)
    assert books.states(connection) == []


def test_a_named_rejection_is_not_sent_again_with_the_same_identifiers(books: Books, connection: Connection) -> None:
    books.intend(connection)
    named = pa.table({"subject_id": [books.ids[1].as_py()], "reason": ["invalid_format"]})
    books.ledger.receive(connection, "b1", Told(True, 2, 1, 0, {}, {"invalid_format": 1}, named), now=3)
    assert [state for state, _ in books.states(connection)] == ["member", "unsendable", "member"]


def test_a_removal_carries_exactly_what_was_sent(books: Books, connection: Connection) -> None:
    books.intend(connection)
    books.told(connection)
    batch = books.ledger.removal_batch(connection, PLACE, Destination.META, books.ids.slice(1, 1))
    assert batch.rows.reveal().to_pylist() == [{"EMAIL": "b", "PHONE": ""}]


def test_a_confirmed_removal_leaves_no_row_and_no_debt(books: Books, connection: Connection) -> None:
    books.intend(connection)
    books.told(connection)
    assert queue_removals(connection, books.ids.slice(0, 1), cause="withdrawn", now=4) == 1
    books.take_out(connection, books.ids.slice(0, 1))
    books.told(connection, accepted=1, name="b2")
    assert len(books.states(connection)) == 2
    assert books.ledger.owed(connection, PLACE).num_rows == 0


def test_a_refused_removal_stays_as_debt_with_its_reason(books: Books, connection: Connection) -> None:
    books.intend(connection)
    books.told(connection)
    books.take_out(connection, books.ids.slice(0, 1))
    books.ledger.refuse_removal(connection, "b2", "audience_too_small", now=5)
    assert books.states(connection)[0] == ("removing", False)
    assert books.ledger.owed(connection, PLACE).to_pylist() == [
        {
            "subject_id": books.ids[0].as_py(),
            "cause": "refused_by_platform",
            "queued_at": 5,
            "refusal": "audience_too_small",
        }
    ]


def test_a_removal_that_failed_later_is_not_taken_for_done(books: Books, connection: Connection) -> None:
    books.intend(connection)
    books.told(connection)
    books.take_out(connection, books.ids.slice(0, 2))
    books.told(connection, accepted=0, rejected=2, name="b2")
    assert [state for state, _ in books.states(connection)] == ["removing", "removing", "member"]
    assert books.ledger.owed(connection, PLACE)["refusal"].to_pylist() == ["bad", "bad"]


def test_a_withdrawal_for_another_purpose_queues_nothing(books: Books, connection: Connection) -> None:
    books.intend(connection)
    books.told(connection)
    queued = queue_removals(connection, books.ids, cause="withdrawn", now=4, purpose=Purpose.EMAIL_MARKETING)
    assert queued == 0


def test_queueing_twice_counts_once_and_keeps_the_first_time(books: Books, connection: Connection) -> None:
    books.intend(connection)
    books.told(connection)
    assert queue_removals(connection, books.ids, cause="withdrawn", now=4) == 3
    assert queue_removals(connection, books.ids, cause="erasure", now=9) == 0
    assert set(books.ledger.owed(connection, PLACE)["queued_at"].to_pylist()) == {4}


def test_whoever_a_person_was_merged_with_is_taken_out_too(books: Books, connection: Connection) -> None:
    books.intend(connection)
    books.told(connection)
    tie = Personal(pa.table({"email": [["p0@example.org", "p1@example.org"]]}))
    survivor = books.subjects.register(connection, tie, now=5)
    assert queue_removals(connection, survivor, cause="withdrawn", now=6) == 2


def test_match_keys_are_not_readable_in_the_store(books: Books, connection: Connection) -> None:
    books.intend(connection)
    held = connection.exec_driver_sql("SELECT match_keys FROM sent").fetchall()
    assert all(b'"a"' not in sent and len(sent) > 20 for (sent,) in held)


def test_batches_are_in_the_log_with_blinded_members(books: Books, connection: Connection) -> None:
    books.intend(connection)
    body = connection.exec_driver_sql("SELECT body FROM log_entry WHERE kind = 'batch'").scalar_one()
    assert b'"root":' in body
    assert b"example.org" not in body
    assert books.ledger.batches(connection, PLACE, "intended")[0].action is Action.ADD


def rejected(books: Books, places: list[int], reason: str) -> pa.Table:
    return pa.table({"subject_id": [books.ids[place].as_py() for place in places], "reason": [reason] * len(places)})


def test_rows_that_were_not_tried_are_wanted_again(books: Books, connection: Connection) -> None:
    books.intend(connection)
    told = Told(True, 2, 1, 0, {}, {NOT_SENT: 1}, rejected(books, [1], NOT_SENT))
    books.ledger.receive(connection, "b1", told, now=3)
    assert books.ledger.people(connection, PLACE)["subject_id"].to_pylist() == [
        books.ids[0].as_py(),
        books.ids[2].as_py(),
    ]


def test_a_bad_row_that_was_sent_alone_is_not_sent_for_ever(books: Books, connection: Connection) -> None:
    books.intend(connection)
    told = Told(True, 0, 3, 0, {}, {"bad": 3}, rejected(books, [0, 1, 2], "bad"))
    books.ledger.receive(connection, "b1", told, now=3)
    assert [state for state, _ in books.states(connection)] == ["unsendable"] * 3


def test_of_a_removal_only_those_stay_owed_whom_the_platform_names(books: Books, connection: Connection) -> None:
    books.intend(connection)
    books.told(connection)
    books.take_out(connection, books.ids)
    named = rejected(books, [2], "bad")
    books.ledger.receive(connection, "b2", Told(True, 2, 1, 0, {}, {"bad": 1}, named), now=5)
    assert books.ledger.owed(connection, PLACE)["subject_id"].to_pylist() == [books.ids[2].as_py()]
    assert [state for state, _ in books.states(connection)] == ["removing"]


def test_a_push_that_the_platform_forgot_leaves_its_people_uncertain(books: Books, connection: Connection) -> None:
    books.intend(connection)
    books.ledger.receive(connection, "b1", Told(False, 0, 0, 3, {}, {}), now=3)
    assert books.states(connection) == [("member", False)] * 3
    books.ledger.give_up(connection, "b1", now=9)
    assert books.states(connection) == [("member", True)] * 3


def test_a_receipt_that_rejects_nobody_changes_no_row_of_a_person(books: Books, connection: Connection) -> None:
    def rows() -> list[list[tuple[object, ...]]]:
        return [
            [tuple(row) for row in connection.execute(one.select())] for one in (t.membership, t.sent, t.batch_member)
        ]

    books.intend(connection)
    before = rows()
    books.told(connection)
    assert [len(each) for each in before] == [3, 3, 3]
    assert rows() == before


def test_what_was_sent_goes_with_the_membership(books: Books, connection: Connection, store: Store) -> None:
    books.intend(connection)
    books.told(connection)
    books.take_out(connection, books.ids[:1])
    books.told(connection, accepted=1, name="b2")
    held = store.table(connection, t.sent.select())["subject_id"].to_pylist()
    assert held == books.ids[1:].to_pylist()
    books.intend(connection, "b3")
    named = rejected(books, [0], "bad")
    books.ledger.receive(connection, "b3", Told(True, 2, 1, 0, {}, {"bad": 1}, named), now=5)
    assert store.table(connection, t.sent.select())["subject_id"].to_pylist() == books.ids[1:].to_pylist()


def test_nobody_whose_match_keys_are_gone_is_forgotten_in_silence(
    books: Books, connection: Connection, store: Store
) -> None:
    books.intend(connection)
    books.told(connection)
    store.delete(connection, t.sent, t.sent.c.subject_id == books.ids[1].as_py())
    with pytest.raises(IntegrityError, match="1 people in vip at meta is gone"):
        books.ledger.removal_batch(connection, PLACE, Destination.META, books.ids)
