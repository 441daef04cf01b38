"""A decision of a moment ago is taken where nothing it follows from has changed, and made anew everywhere else."""

from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pytest
from sqlalchemy import Connection

from passerelle.privacy.consent import Foreseen, Gate
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, Purpose
from tests.privacy.consent.house import DAY, NOW, RULE, House, notice, policy, statement

FALSE = "a reason that no rule gives"


@pytest.fixture
def sealed(house: House) -> House:
    house.store.seal_with(bytes(32))
    with house.store.write() as connection:
        house.store.reseal(connection)
    return house


def foresee(house: House, ids: list[int], gate: Gate, at: int = NOW) -> Foreseen:
    with house.store.read() as connection:
        return gate.foresee(
            connection, pa.array(ids), purpose=Purpose.AD_LIST_MATCHING, destination=Destination.META, at=at
        )


def marked(foreseen: Foreseen) -> Foreseen:
    """The same, with decisions that say where they came from."""
    told = foreseen.decisions.set_column(1, "allowed", pa.array([False] * foreseen.decisions.num_rows))
    return replace(foreseen, decisions=told.set_column(2, "reason", pa.array([FALSE] * told.num_rows)))


def taken(house: House, foreseen: Foreseen, ids: list[int], gate: Gate, now: int = NOW + 1) -> bool:
    """Whether the gate took these decisions; else it must have come to its own about everybody."""
    with house.store.write() as connection:
        found = clear(connection, foreseen, ids, gate, now)
    assert len(found) in {0, len(ids)}
    return bool(found)


def clear(connection: Connection, foreseen: Foreseen, ids: list[int], gate: Gate, now: int) -> list[str]:
    cleared = gate.clear(
        connection,
        pa.array(ids),
        audience="vip",
        destination=Destination.META,
        destination_name="meta",
        purpose=Purpose.AD_LIST_MATCHING,
        now=now,
        foreseen=foreseen,
    )
    return [reason for reason in cleared.withheld["reason"].to_pylist() if reason == FALSE]


def agreed(house: House, count: int = 3) -> list[int]:
    ids = sorted(house.people(count))
    house.tell(*(statement(one) for one in ids))
    return ids


def documented(house: House) -> Gate:
    gate = house.gate()
    with house.store.write() as connection:
        gate.document(connection, NOW)
    return gate


def test_it_is_taken_while_nothing_has_changed(sealed: House) -> None:
    ids, gate = agreed(sealed), documented(sealed)
    foreseen = foresee(sealed, ids, gate)
    assert foreseen.decisions["reason"].to_pylist() == ["consent"] * 3
    assert foreseen.rests_on is not None
    assert taken(sealed, marked(foreseen), ids, gate)
    assert taken(sealed, marked(foreseen), ids[1:], gate), "what a batch before wrote is no reason to decide again"
    assert taken(sealed, marked(foreseen), ids, gate, now=foreseen.holds_until - 1)


def _linked(house: House, ids: list[int]) -> None:
    row: dict[str, list[object]] = {
        "subject_id": [ids[0]],
        "other_id": [ids[1]],
        "score": [900],
        "source": ["test"],
        "found_at": [NOW - DAY],
    }
    with house.store.write() as connection:
        house.store.insert(connection, t.probable_link, row)


def _forgotten(house: House, ids: list[int]) -> None:
    with house.store.write() as connection:
        house.subjects.forget(connection, pa.array(ids[:1]), now=NOW)


def _moved(house: House, ids: list[int]) -> None:
    with house.store.write() as connection:
        house.store.update_where(connection, t.subject, {"country": "US"}, t.subject.c.subject_id == ids[0])


CHANGES: dict[str, Callable[[House, list[int]], object]] = {
    "somebody withdraws": lambda house, ids: house.tell(statement(ids[0], "ConsentWithdrawn", event_time=NOW)),
    "somebody else withdraws": lambda house, _: house.tell(statement(house.people()[0], "ConsentWithdrawn")),
    "two turn out to be one": lambda house, ids: house.merge(ids[0], ids[1]),
    "two are probably one": _linked,
    "somebody is erased": _forgotten,
    "somebody moves": _moved,
}


@pytest.mark.parametrize("what", CHANGES)
def test_it_is_made_anew_where(what: str, sealed: House) -> None:
    ids, gate = agreed(sealed), documented(sealed)
    foreseen = foresee(sealed, ids, gate)
    CHANGES[what](sealed, ids)
    assert not taken(sealed, marked(foreseen), ids[2:], gate)


def test_it_is_made_anew_when_its_time_is_over_or_has_not_come(sealed: House) -> None:
    ids, gate = agreed(sealed), documented(sealed)
    foreseen = foresee(sealed, ids, gate)
    assert not taken(sealed, marked(foreseen), ids, gate, now=foreseen.holds_until)
    assert not taken(sealed, marked(foreseen), ids, gate, now=NOW - 1)


def test_it_is_made_anew_under_other_rules(sealed: House) -> None:
    ids, gate = agreed(sealed), documented(sealed)
    foreseen = foresee(sealed, ids, gate)
    for other in (
        sealed.gate(policy({**RULE, "validity_days": 700})),
        sealed.gate(None, notice(), notice(id="other")),
    ):
        with sealed.store.write() as connection:
            assert clear(connection, marked(foreseen), ids, other, NOW + 1) == []


@pytest.mark.parametrize("changes", [{"purpose": Purpose.EMAIL_MARKETING}, {"destination": Destination.GOOGLE_ADS}])
def test_it_is_no_answer_to_another_question(changes: dict[str, Purpose | Destination], sealed: House) -> None:
    ids, gate = agreed(sealed), documented(sealed)
    foreseen = replace(marked(foresee(sealed, ids, gate)), **changes)  # type: ignore[arg-type]
    assert not taken(sealed, foreseen, ids, gate)


def test_whoever_was_not_asked_about_is_decided(sealed: House) -> None:
    ids, gate = agreed(sealed), documented(sealed)
    foreseen = foresee(sealed, [ids[0], ids[2]], gate)
    assert not taken(sealed, marked(foreseen), [ids[1], ids[2]], gate)


def test_what_the_same_write_has_changed_counts(sealed: House) -> None:
    ids, gate = agreed(sealed), documented(sealed)
    foreseen = marked(foresee(sealed, ids, gate))
    with sealed.store.write() as connection:
        sealed.tell_in(connection, statement(ids[0], "ConsentWithdrawn", event_time=NOW))
        assert clear(connection, foreseen, ids, gate, NOW + 1) == []


def test_a_rule_that_asks_for_ages_has_everybody_decided_again(sealed: House) -> None:
    ids = agreed(sealed)
    gate = sealed.gate(policy({**RULE, "minimum_age": 16}))
    assert foresee(sealed, ids, gate).rests_on is None


def test_without_seals_everybody_is_decided_again(house: House) -> None:
    ids, gate = agreed(house), documented(house)
    foreseen = foresee(house, ids, gate)
    assert not taken(house, marked(foreseen), ids, gate)
