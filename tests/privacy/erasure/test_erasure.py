"""A person leaves: what holds at each step, in a real store."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import func, select

from passerelle.privacy.erasure import Kept, Opener, expire, pushed, ready
from passerelle.privacy.erasure import evidence as told
from passerelle.privacy.errors import DefinitionError, HeldBack, IntegrityError
from passerelle.privacy.keys import Keyring
from passerelle.privacy.log.blinding import blind
from passerelle.privacy.log.leaves import consent_payload
from passerelle.privacy.pseudonyms import Pseudonyms
from passerelle.privacy.store import tables as t
from passerelle.privacy.suppression import Suppression
from passerelle.privacy.vocabulary import Field
from tests.privacy.consent.house import DAY, NOW, statement
from tests.privacy.erasure.leaving import KEYS, Town
from tests.privacy.store.stores import KINDS, fresh_store


@pytest.fixture(params=KINDS)
def town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    for store in fresh_store(request.param, tmp_path):
        with store.write() as connection:
            yield Town(store, connection)


@pytest.fixture
def officer(tmp_path: Path) -> Opener:
    return Opener.create(tmp_path / "dpo.key")


def rows(town: Town, table: str) -> list[dict[str, Any]]:
    return [dict(row) for row in town.connection.execute(select(t.metadata.tables[table])).mappings()]


def entries(town: Town) -> list[dict[str, Any]]:
    kind = t.log_entry.c.kind == "erasure"
    found = town.connection.execute(select(t.log_entry.c.body).where(kind).order_by(t.log_entry.c.log_index))
    return [json.loads(body)["body"] for (body,) in found]


def test_who_asked_is_stopped_at_once_and_can_still_be_taken_out(town: Town) -> None:
    town.sent(1, 2)
    assert town.why(1, 2) == ["consent", "consent"]
    assert town.asked(1).queued == 1
    assert town.why(1, 2) == ["erased", "consent"]
    assert ready(town.connection, town.open()) == []
    with pytest.raises(HeldBack):
        town.done()
    assert town.taken_out(1) == [{"EMAIL": "hash 1"}]
    assert ready(town.connection, town.open()) == town.open()


def test_asking_again_asks_for_nothing(town: Town) -> None:
    assert len(town.asked(1, 2).erasures) == 2
    assert town.asked(1, 2).erasures == ()
    town.done()
    assert town.asked(1, 2).erasures == ()
    assert {row["state"] for row in rows(town, "erasure")} == {"done"}


def test_nobody_is_found_by_an_identifier_from_the_request_on(town: Town) -> None:
    before = town.subjects.refs(town.connection, pa.array([1]))[0].as_py()
    town.asked(1)
    assert town.subjects.find(town.connection, Field.EMAIL, "p1@example.org", None) is None
    assert town.subjects.by_ref(town.connection, before) is None
    assert [found.to_pylist() for found in town.subjects.held(town.connection, pa.array([2, 1]), Field.EMAIL)] == [
        [0, 1],
        ["p2@example.org", "p1@example.org"],
    ]
    assert town.subjects.pseudonyms_of(town.connection, pa.array([1]))[1].to_pylist() == [before]
    asked = pa.array(["p1@example.org", "p2@example.org", None], pa.string())
    assert town.subjects.were_erased(town.connection, Field.EMAIL, asked).to_pylist() == [True, False, False]
    assert town.subjects.find_all(town.connection, Field.EMAIL, asked).to_pylist() == [None, 2, None]


def test_who_comes_back_is_somebody_new_of_whom_only_a_later_yes_counts(town: Town) -> None:
    town.asked(1)
    assert town.come("p1@example.org", "p4@example.org", now=NOW + 2 * DAY) == [4, 5]
    suppressed = {row["subject_id"]: row["suppressed_at"] for row in rows(town, "subject")}
    assert suppressed == {1: None, 2: None, 3: None, 4: NOW + 2 * DAY, 5: None}
    town.done()
    assert town.come("p1@example.org", now=NOW + 3 * DAY) == [4]


def test_a_known_person_who_gets_an_erased_persons_identifier_is_suppressed_and_so_is_who_they_turn_out_to_be(
    town: Town,
) -> None:
    town.erased(3)
    assert town.come("p3@example.org", external_id=["C9"]) == [4]
    assert town.come("p2@example.org", external_id=["C9"]) == [2]
    assert {row["subject_id"]: row["suppressed_at"] for row in rows(town, "subject")}[2] == NOW + 2 * DAY


def test_an_erasure_takes_whoever_was_merged_along(town: Town) -> None:
    town.sent(1, 2)
    town.come("p1@example.org", "p2@example.org", external_id=["C1", "C1"])
    assert town.asked(2).queued == 2
    (one,) = town.open()
    assert one.subject_ids == (1, 2)
    town.taken_out(1, 2)
    town.done()
    assert rows(town, "vault") == [row for row in rows(town, "vault") if row["subject_id"] == 3]
    assert entries(town)[-1]["subject_ids"] == [1, 2]


def test_nothing_of_the_person_stays_in_any_table_but_the_number(town: Town) -> None:
    town.sent(1, 2)
    town.subjects.seal(town.connection, pa.array([1]), [b""])
    town.store.insert(town.connection, t.holdout, {"audience": ["vip"], "subject_id": [1], "since": [NOW]})
    link: dict[str, list[object]] = {"subject_id": [1], "other_id": [2], "score": [900], "source": ["m"]}
    town.store.insert(town.connection, t.probable_link, {**link, "found_at": [NOW]})
    town.asked(1)
    town.taken_out(1)
    town.done()
    holding = {
        name
        for name, table in t.metadata.tables.items()
        if {"subject_id", "other_id"} & set(table.c.keys())
        and town.connection.scalar(select(func.count()).where(table.c["subject_id"] == 1))
    }
    assert holding == {"subject", "erasure", "batch_member"}
    kept = next(row for row in rows(town, "subject") if row["subject_id"] == 1)
    assert kept | {"subject_ref": ""} == {
        "subject_id": 1,
        "subject_ref": "",
        "country": None,
        "merged_into": None,
        "merged_at": None,
        "created_at": NOW + DAY,
        "erased_at": NOW + DAY,
        "suppressed_at": None,
    }


def test_who_has_the_master_key_the_email_and_the_store_can_neither_link_nor_confirm_the_person(town: Town) -> None:
    town.sent(1)
    event = next(row for row in rows(town, "consent_event") if row["subject_id"] == 1)
    label = f"consent-{event['event_id']}"
    (entry,) = [row["body"] for row in rows(town, "log_entry") if row["log_index"] == event["log_index"]]
    label = json.loads(entry)["body"]["label"]
    leaves = b"".join(row["leaves"] for row in rows(town, "log_members"))
    key = town.subjects.audit_keys(town.connection, pa.array([1]))
    said = consent_payload(pa.table({name: [value] for name, value in event.items()}))
    assert (blind(key, label, said)[0] or b"") in leaves
    town.asked(1)
    town.taken_out(1)
    town.done()
    stored = repr([rows(town, name) for name in t.metadata.tables])
    names = Pseudonyms(Keyring(bytes(range(32))))
    guesses = [names.refs(Field.EMAIL, ["p1@example.org"])[0], repr(names.identity(Field.EMAIL, ["p1@example.org"])[0])]
    assert not [guess for guess in guesses if guess in stored]
    assert town.subjects.audit_keys(town.connection, pa.array([1])) == [None]
    known = repr(key[0])
    assert known not in stored
    mark = Suppression(town.store, KEYS).fingerprints(Field.EMAIL, pa.array(["p1@example.org"]))[0].as_py()
    (kept,) = rows(town, "suppression")
    assert kept == {"digest": mark, "erased_at": NOW + 2 * DAY, "until": NOW + 32 * DAY, "generation": 1}
    assert stored.count(repr(mark)) == 1


def test_pseudonyms_in_earlier_results_are_blotted_out(town: Town) -> None:
    one, two = town.subjects.refs(town.connection, pa.array([1, 2])).to_pylist()
    result = json.dumps({"subject_ref": one, "others": [two]})
    row: dict[str, list[object]] = {"run_id": ["r"], "verb": ["consent record"], "started_at": [1], "result": [result]}
    town.store.insert(town.connection, t.run, row)
    town.asked(1)
    assert json.loads(rows(town, "run")[0]["result"]) == {"subject_ref": "erased", "others": [two]}


def test_evidence_opens_for_the_officer_and_is_confirmed_by_the_log(town: Town, officer: Opener) -> None:
    town.sent(1, 2)
    town.asked(1)
    town.taken_out(1)
    assert town.done(Kept(officer.recipient, 10)).sealed == 1
    (kept,) = rows(town, "erasure")
    assert kept["evidence_until"] == NOW + 12 * DAY
    erasure, content = officer.open(kept["evidence"])
    assert erasure == kept["erasure_id"]
    evidence = told.read(content)
    assert [event["state"] for event in evidence["events"]] == ["ConsentGiven"]
    assert [batch["action"] for batch in evidence["batches"]] == ["add", "remove"]
    assert [document["name"] for document in evidence["documents"]] == ["policy@1", "ads@1"]
    assert told.proven(town.connection, evidence) == told.Proven(4, 4)
    assert told.is_about(evidence, Field.EMAIL, "p1@example.org")
    assert not told.is_about(evidence, Field.EMAIL, "p2@example.org")
    assert b"p1@example.org" not in content
    changed = {**evidence, "events": [{**evidence["events"][0], "state": "ConsentRefused"}]}
    assert told.proven(town.connection, changed) == told.Proven(4, 3)


def test_evidence_opens_for_nobody_else(town: Town, officer: Opener, tmp_path: Path) -> None:
    town.erased(1, keep=Kept(officer.recipient, 10))
    sealed = rows(town, "erasure")[0]["evidence"]
    with pytest.raises(DefinitionError, match="sealed to another key"):
        Opener.create(tmp_path / "other.key").open(sealed)
    said = json.loads(sealed)
    for changed in ({"erasure": "er0"}, {"sealed": said["sealed"][:-8] + "AAAAAAA="}, {"sealed": "x"}):
        with pytest.raises(IntegrityError):
            officer.open(json.dumps(said | changed).encode())
    with pytest.raises(DefinitionError, match="no sealed evidence"):
        officer.open(b"{}")


def test_without_an_officer_nothing_is_kept_and_the_log_says_so(town: Town) -> None:
    town.erased(1)
    assert rows(town, "erasure")[0]["evidence"] is None
    assert [one["evidence"] for one in entries(town)[-1]["erasures"]] == [None]


def test_what_is_kept_is_destroyed_at_its_date(town: Town, officer: Opener) -> None:
    town.erased(1, keep=Kept(officer.recipient, 10))
    assert expire(town.desk, town.connection, now=NOW + 11 * DAY).evidence == 0
    ended = expire(town.desk, town.connection, now=NOW + 40 * DAY)
    assert (ended.evidence, ended.fingerprints) == (1, 1)
    assert rows(town, "suppression") == []
    assert rows(town, "erasure")[0]["evidence"] is None
    assert entries(town)[-1]["step"] == "expired"
    size = town.log.size(town.connection)
    expire(town.desk, town.connection, now=NOW + 50 * DAY)
    assert town.log.size(town.connection) == size
    assert town.come("p1@example.org") == [4]
    assert rows(town, "subject")[-1]["suppressed_at"] is None


def test_the_log_says_who_is_gone_and_how_many_rows_with_them(town: Town) -> None:
    town.sent(1, 2)
    town.asked(1)
    pushed(town.desk, town.connection, town.open())
    assert rows(town, "erasure")[0]["state"] == "removing"
    town.taken_out(1)
    town.done()
    asked, ended = entries(town)
    assert (asked["step"], asked["subject_ids"], asked["queued"]) == ("requested", [1], 1)
    assert (ended["step"], ended["subject_ids"]) == ("done", [1])
    assert {name: list(counts.values()) for name, counts in ended["gone"].items()} == {
        "consent_event": [1],
        "decision": [1],
    }
    assert ended["destroyed"] == {"consent_event": 1, "decision": 1, "vault": 1}


def test_the_log_verifies_at_each_step_and_when_all_whom_an_entry_is_about_are_gone(town: Town) -> None:
    town.sent(1, 2, 3)
    for step in (lambda: town.asked(1, 2, 3), lambda: town.taken_out(1, 2, 3), town.done):
        assert town.log.verify(town.connection).problems == []
        step()
    verified = town.log.verify(town.connection)
    assert (verified.problems, verified.erased) == ([], 6)
    assert rows(town, "consent_event") == []
    assert town.come("p4@example.org") == [4]
    town.say(statement(4))
    assert [row["event_id"] for row in rows(town, "consent_event")] == [4]
    assert town.log.verify(town.connection).problems == []


def test_a_lost_key_or_row_without_an_erasure_in_the_log_is_noticed(town: Town) -> None:
    town.sent(1)
    town.subjects.forget(town.connection, pa.array([1]), now=NOW)
    assert any("no erasure in the log" in problem for problem in town.log.verify(town.connection).problems)
    town.store.delete(town.connection, t.consent_event, t.consent_event.c.subject_id == 2)
    assert any("rows instead of" in problem for problem in town.log.verify(town.connection).problems)


def test_a_statement_about_who_asked_is_not_taken(town: Town) -> None:
    town.asked(1)
    town.say(statement(1, event_time=NOW + 2 * DAY), now=NOW + 2 * DAY)
    assert len([row for row in rows(town, "consent_event") if row["subject_id"] == 1]) == 1
