"""A corrected address only ever takes people out: by either spelling, whichever came first."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from passerelle.privacy.consent.likely import judge
from passerelle.privacy.identifiers.spellings import Spellings
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import tables as t
from passerelle.privacy.subjects import Subjects
from passerelle.privacy.vocabulary import Field
from tests.privacy.consent.house import DAY, NOW, House, statement

SLIPS = {"gmial.com": "gmail.com", "gmal.com": "gmail.com"}
SPELT = ("gmial.com", "gmail.com", "gmal.com", "example.org")
ALLOWED = "consent"


def registered(house: House, subjects: Subjects, *addresses: str, now: int = NOW) -> list[int]:
    table = pa.table({"email": list(addresses), "country": ["FR"] * len(addresses)})
    with house.store.write() as connection:
        return [int(one) for one in subjects.register(connection, Personal(table), now=now).to_pylist()]


def spelt(house: House) -> Subjects:
    return Subjects(house.store, house.keys, spellings=Spellings(SLIPS))


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_no_in_either_spelling_counts_for_both_whichever_came_first(tmp_path: Path, order: tuple[int, int]) -> None:
    house = House(tmp_path)
    written = ["jeanne@gmial.com", "jeanne@gmail.com"]
    ids: dict[int, int] = {}
    for at in order:
        [ids[at]] = registered(house, spelt(house), written[at])
    assert ids[0] != ids[1], "nobody is merged by a guess"
    house.tell(statement(ids[0]), statement(ids[1]))
    assert house.reasons([ids[0], ids[1]]) == [ALLOWED] * 2
    house.tell(statement(ids[order[1]], "ConsentWithdrawn", event_time=NOW - DAY))
    assert ALLOWED not in house.reasons([ids[0], ids[1]])


def test_a_yes_in_one_spelling_is_none_in_the_other_and_no_address_is_held_that_was_not_written(tmp_path: Path) -> None:
    house = House(tmp_path)
    subjects = spelt(house)
    slip, meant = registered(house, subjects, "jeanne@gmial.com", "jeanne@gmail.com")
    [alone] = registered(house, subjects, "louis@gmal.com")
    house.tell(statement(slip))
    assert house.reasons([slip, meant, alone])[0] == ALLOWED
    assert ALLOWED not in house.reasons([meant, alone])
    with house.store.read() as connection:
        held = subjects.identifiers(connection, pa.array([slip, meant, alone])).reveal()["email"].to_pylist()
        assert held == [["jeanne@gmial.com"], ["jeanne@gmail.com"], ["louis@gmal.com"]]
        assert subjects.find(connection, Field.EMAIL, "louis@gmail.com", None) is None


def test_whoever_was_erased_in_one_spelling_is_not_sent_in_the_other_by_an_older_consent(tmp_path: Path) -> None:
    house = House(tmp_path)
    subjects = spelt(house)
    [gone] = registered(house, subjects, "jeanne@gmail.com")
    with house.store.write() as connection:
        subjects.hide(connection, pa.array([gone]), now=NOW, counts_from=NOW, until=NOW + 900 * DAY)
    [back] = registered(house, subjects, "jeanne@gmial.com", now=NOW + DAY)
    house.tell(statement(back), now=NOW + DAY)
    assert house.reasons([back], at=NOW + 2 * DAY) != [ALLOWED]
    house.tell(statement(back, event_time=NOW + DAY), now=NOW + 2 * DAY)
    assert house.reasons([back], at=NOW + 2 * DAY) == [ALLOWED]


def test_slips_that_were_known_before_the_dictionary_are_tied_by_it(tmp_path: Path) -> None:
    house = House(tmp_path)
    ids = registered(house, house.subjects, "jeanne@gmial.com", "jeanne@gmail.com", "a@example.org")
    house.tell(statement(ids[0]), statement(ids[1], "ConsentWithdrawn"))
    assert house.reasons(ids[:1]) == [ALLOWED]
    with house.store.write() as connection:
        spelt(house).tie_slips(connection, pa.array(ids), now=NOW)
    assert house.reasons(ids[:1]) != [ALLOWED]


PEOPLE = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(SPELT)), min_size=1, max_size=5, unique=True)
STATES = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["ConsentGiven", "ConsentWithdrawn", "ConsentRefused"])), max_size=6
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PEOPLE, STATES)
def test_a_corrected_address_makes_nobody_sendable_whom_the_written_ones_consent_did_not_allow(
    tmp_path_factory: pytest.TempPathFactory, people: list[tuple[str, str]], said: list[tuple[int, str]]
) -> None:
    addresses = [f"{local}@{domain}" for local, domain in people]
    allowed = []
    for spellings in (Spellings(), Spellings(SLIPS)):
        house = House(tmp_path_factory.mktemp("spelt"))
        ids = registered(house, Subjects(house.store, house.keys, spellings=spellings), *addresses)
        assert len(set(ids)) == len(addresses)
        told = [
            statement(ids[at % len(ids)], state, event_time=NOW - (5 - n % 5) * DAY)
            for n, (at, state) in enumerate(said)
        ]
        if told:
            house.tell(*told)
        order = sorted(ids)
        reasons = dict(zip(order, house.reasons(order), strict=True))
        allowed.append([reasons[each] == ALLOWED for each in ids])
        house.store.close()
    without, with_them = allowed
    assert all(before or not after for before, after in zip(without, with_them, strict=True))


def links(house: House) -> list[tuple[object, ...]]:
    with house.store.read() as connection:
        c = t.probable_link.c
        return [tuple(row) for row in connection.execute(select(c.subject_id, c.other_id, c.score, c.let_go_at))]


def test_a_pair_that_is_judged_different_is_let_go_and_stays_so(tmp_path: Path) -> None:
    house = House(tmp_path)
    one, other = registered(house, spelt(house), "jeanne@gmial.com", "jeanne@gmail.com")
    house.tell(statement(one), statement(other, "ConsentWithdrawn"))

    def judged(same: bool, now: int) -> tuple[int, int]:
        pairs = pa.table({"subject_id": [other], "other_id": [one], "same": [same]})
        with house.store.write() as connection:
            return judge(house.store, connection, pairs, now=now)

    assert house.reasons([one]) != [ALLOWED]
    assert judged(same=False, now=NOW + DAY) == (0, 1)
    assert judged(same=False, now=NOW + 2 * DAY) == (0, 0), "the same again changes nothing"
    registered(house, spelt(house), "jeanne@gmial.com", "jeanne@gmail.com", now=NOW + 3 * DAY)
    assert house.reasons([one], at=NOW + 3 * DAY) == [ALLOWED], "nor does a comparison tie it again"
    assert house.reasons([one], heard_until=NOW) != [ALLOWED], "what was decided before can be told"
    assert judged(same=True, now=NOW + 4 * DAY) == (1, 0)
    assert house.reasons([one], at=NOW + 4 * DAY) != [ALLOWED], "the last word counts"
    assert links(house) == [(one, other, 1000, None)]


def test_a_pair_is_let_go_as_the_people_they_are_today(tmp_path: Path) -> None:
    house = House(tmp_path)
    first, one, other = registered(house, spelt(house), "j@example.org", "jeanne@gmial.com", "jeanne@gmail.com")
    house.tell(statement(first), statement(one), statement(other, "ConsentWithdrawn"))
    assert house.merge(first, one) == first
    assert house.reasons([first]) != [ALLOWED], "the pair was found between those who were merged"
    pairs = pa.table({"subject_id": [first], "other_id": [other], "same": [False]})
    with house.store.write() as connection:
        assert judge(house.store, connection, pairs, now=NOW + DAY) == (0, 1)
        assert judge(house.store, connection, pairs, now=NOW + DAY) == (0, 0)
    assert house.reasons([first], at=NOW + DAY) == [ALLOWED]
