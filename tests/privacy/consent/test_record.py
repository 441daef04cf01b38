import json
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import func, select, update

from passerelle.privacy.consent.events import REFUSALS, checked
from passerelle.privacy.consent.record import SIGNAL
from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.store import tables as t
from tests.privacy.consent.house import DAY, NOW, House, statement, table

NOBODY = pa.array([], pa.int64())


def entries(house: House, kind: str = "consent") -> list[dict[str, Any]]:
    with house.store.read() as connection:
        found = connection.execute(select(t.log_entry.c.body).where(t.log_entry.c.kind == kind))
        return [json.loads(body)["body"] for (body,) in found]


def count(house: House) -> int:
    with house.store.read() as connection:
        return connection.execute(select(func.count()).select_from(t.consent_event)).scalar_one()


def test_events_go_in_with_one_log_entry_that_has_a_leaf_for_each(house: House) -> None:
    people = house.people(3)
    told = house.tell(*(statement(one) for one in people))
    assert (told.new, told.known, told.vetoed.num_rows, told.refused.num_rows) == (3, 0, 0, 0)
    (entry,) = entries(house)
    assert entry["new"] == entry["permitting"] == entry["members"] == 3
    assert entry["purposes"] == {"ad_list_matching": 3}
    assert entry["actor"] == "test"


def test_the_same_statement_heard_twice_is_one_event_and_writes_nothing(house: House) -> None:
    (one,) = house.people()
    said = statement(one, recorded_at=NOW - DAY)
    assert house.tell(said, said).new == 1
    again = house.tell({**said, "recorded_at": NOW})
    assert (again.new, again.known) == (0, 1)
    assert len(entries(house)) == 1


@pytest.mark.parametrize(
    "change", [{"state": "ConsentRefused"}, {"event_time": NOW - DAY}, {"notice": "ads@2"}, {"stream": "x"}]
)
def test_anything_else_the_source_says_is_another_event(house: House, change: dict[str, object]) -> None:
    (one,) = house.people()
    house.tell(statement(one))
    assert house.tell({**statement(one), **change}).new == 1


def test_people_who_said_no_are_named_once_for_their_removal(house: House) -> None:
    one, two = house.people(2)
    told = house.tell(
        statement(one, "ConsentWithdrawn"),
        statement(one, "ConsentRefused"),
        statement(two),
    )
    assert told.vetoed.to_pylist() == [{"subject_id": one, "purpose": "ad_list_matching"}]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"subject_id": None}, "no_person"),
        ({"purpose": "everything"}, "unknown_purpose"),
        ({"purpose": None}, "unknown_purpose"),
        ({"state": "yes"}, "unknown_state"),
        ({"precision": "hour"}, "unknown_precision"),
        ({"grade": "Z"}, "unknown_grade"),
        ({"grade": None}, "unknown_grade"),
        ({"stream": ""}, "no_stream"),
        ({"stream": "x" * 241}, "no_stream"),
        ({"notice": "ads"}, "bad_notice"),
        ({"recipients": "you@example.org"}, "bad_recipients"),
        ({"stream": "you@example.org"}, "no_stream"),
        ({"event_time": NOW + DAY}, "in_the_future"),
        ({"event_time": 2**62}, "bad_time"),
        ({"valid_until": 2**62}, "bad_time"),
        ({"channel": "pigeon"}, "unknown_channel"),
        ({"stop": "halt"}, "unknown_stop"),
        ({"expression": "loud"}, "unknown_expression"),
        ({"raw": b"x" * 65_537}, "raw_too_long"),
    ],
)
def test_a_row_that_cannot_be_kept_is_refused_with_a_reason_and_stops_no_other(
    change: dict[str, object], reason: str
) -> None:
    found = checked(table(statement(1), {**statement(1), **change}), now=NOW, gone=NOBODY)
    assert found.events.num_rows == 1
    assert found.refused.to_pylist() == [{"row": 1, "reason": reason}]
    assert reason in REFUSALS


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "hour"},
        {"grade": "Z"},
        {"notice": "ads"},
        {"notice": "you@example.org"},
        {"stream": None},
        {"stream": "you@example.org"},
        {"recipients": "x" * 241},
        {"method": "you@example.org"},
        {"event_time": NOW + DAY},
        {"event_time": 2**62},
        {"valid_until": 2**62},
        {"recorded_at": 2**62},
        {"channel": "pigeon"},
        {"expression": "you@example.org"},
        {"identified_by": "you@example.org"},
        {"adapter": "you@example.org"},
        {"raw": b"you@example.org" * 6_000},
    ],
)
def test_a_refusal_is_kept_whatever_formality_it_lacks(change: dict[str, object]) -> None:
    found = checked(table({**statement(1, "ConsentWithdrawn"), **change}), now=NOW, gone=NOBODY)
    assert found.events["state"].to_pylist() == ["ConsentWithdrawn"]
    assert "@example" not in str(found.events.to_pylist())
    assert found.refused.num_rows == 0


@pytest.mark.parametrize(
    ("method", "kept"), [("é" * 80, True), ("é" * 81, False), ("web form/2", True), ("2 forms", False), ("a\nb", False)]
)
def test_how_consent_was_given_is_a_short_text_of_words(method: str, *, kept: bool) -> None:
    found = checked(table({**statement(1, "ConsentGiven"), "method": method}), now=NOW, gone=NOBODY)
    assert found.events["method"].to_pylist() == [method if kept else None]


def test_a_refusal_with_a_misspelt_stop_is_the_stop_that_is_hardest_to_lift() -> None:
    found = checked(table({**statement(1, "ConsentRefused"), "stop": "gpc"}), now=NOW, gone=NOBODY)
    assert found.events["stop"].to_pylist() == ["objection"]


def test_a_raw_signal_is_kept_sealed_with_a_digest_that_dies_with_its_person(house: House) -> None:
    one, two = house.people(2)
    house.tell(
        {**statement(one), "raw": b"CPxyz", "adapter": "tcf/1", "identified_by": "email"},
        statement(two),
        {**statement(two, stream="web"), "raw": b"CPxyz"},
    )
    with house.store.write() as connection:
        rows = connection.execute(select(t.consent_event).order_by(t.consent_event.c.event_id)).mappings().all()
        assert [row["raw"] is None for row in rows] == [row["evidence"] is None for row in rows] == [False, True, False]
        assert rows[0]["evidence"] != rows[2]["evidence"]
        assert b"CPxyz" not in rows[0]["raw"]
        ids, sealed = pa.array([one]), [rows[0]["raw"]]
        assert house.subjects.unseal(connection, ids, sealed, use=SIGNAL) == [b"CPxyz"]
        assert house.subjects.evidence(connection, ids, [b"CPxyz"]) == [rows[0]["evidence"]]
        house.subjects.forget(connection, ids, now=NOW)
        with pytest.raises(IntegrityError):
            house.subjects.evidence(connection, ids, [b"CPxyz"])
        with pytest.raises(IntegrityError):
            house.subjects.unseal(connection, ids, sealed, use=SIGNAL)


def test_the_log_vouches_for_every_column_of_a_signal(house: House) -> None:
    (one,) = house.people()
    signal = {"channel": "web", "stop": "opt_out", "expression": "explicit", "adapter": "gpc/1", "raw": b"1"}
    house.tell({**statement(one, "ConsentRefused"), **signal, "identified_by": "email"})
    with house.store.write() as connection:
        assert house.log.verify(connection).problems == []
        connection.execute(update(t.consent_event).values(stop=None))
        assert house.log.verify(connection).problems


def test_the_same_statement_read_by_a_newer_reader_is_no_other_one(house: House) -> None:
    (one,) = house.people()
    said = {**statement(one), "adapter": "tcf/1", "raw": b"a", "identified_by": "email"}
    house.tell(said)
    assert house.tell({**said, "adapter": "tcf/2", "raw": b"b", "identified_by": "phone"}).new == 0
    assert house.tell({**said, "channel": "web"}).new == 1
    assert house.tell({**said, "stop": "opt_out"}).new == 1


def test_an_undated_stop_said_again_after_it_was_lifted_is_a_new_stop(house: House) -> None:
    (one,) = house.people()
    no = statement(one, "ConsentRefused", event_time=None, precision="unknown", grade="C", stop="opt_out")
    other = {**no, "stop": None}
    assert house.tell(no, other, now=NOW - 3 * DAY).new == 2
    assert house.tell(no, other, now=NOW - 2 * DAY).new == 0
    house.tell(statement(one, event_time=NOW - DAY, stop="opt_out", expression="two_step"), now=NOW - DAY)
    assert house.tell(no, other, now=NOW).new == 1


def test_nothing_more_is_kept_of_an_erased_person(house: House) -> None:
    one, two = house.people(2)
    with house.store.write() as connection:
        house.subjects.forget(connection, pa.array([one]), now=NOW)
    told = house.tell(statement(one), statement(two))
    assert told.new == 1
    assert told.refused.to_pylist() == [{"row": 0, "reason": "erased"}]


def test_an_undated_no_said_again_after_a_yes_is_a_new_no(house: House) -> None:
    (one,) = house.people()
    no = statement(one, "ConsentRefused", event_time=None, precision="unknown", grade="C", notice=None)
    house.tell(no, now=NOW - 3 * DAY)
    house.tell(statement(one, event_time=NOW - 2 * DAY), now=NOW - 2 * DAY)
    assert house.reasons([one]) == ["consent"]
    assert house.tell(no, now=NOW - DAY).new == 1
    assert house.reasons([one]) == ["refused"]
    assert house.tell(no, now=NOW).new == 0
    assert count(house) == 3


def test_a_statement_of_somebody_who_was_merged_is_known_when_the_survivor_says_it(house: House) -> None:
    one, other = house.people(2)
    house.tell(statement(other))
    assert house.merge(one, other) == one
    assert house.tell(statement(other)).new == 0
    assert house.tell(statement(one)).new == 0
    assert house.tell(statement(one, "ConsentWithdrawn")).new == 1


def test_a_table_of_another_shape_is_refused_without_a_value(house: House) -> None:
    with pytest.raises(DefinitionError, match="misses grade"):
        house.tell({key: value for key, value in statement(1).items() if key != "grade"})
    with pytest.raises(DefinitionError, match="has secret too much"):
        house.tell({**statement(1), "secret": 1})
    with pytest.raises(DefinitionError, match="must be int64") as caught:
        house.tell({**statement(1), "event_time": "marker@example.org"})
    assert "marker" not in str(caught.value)


def test_no_events_are_no_entry(house: House) -> None:
    with house.store.write() as connection:
        told = house.consents.ingest(connection, pa.table(statement_columns()), actor="test", now=NOW)
    assert (told.new, told.known) == (0, 0)
    assert entries(house) == []


def statement_columns() -> dict[str, pa.Array]:
    return {name: pa.array([], pa.int64() if name == "subject_id" else pa.string()) for name in
            ("subject_id", "purpose", "state", "grade", "stream")}  # fmt: skip
