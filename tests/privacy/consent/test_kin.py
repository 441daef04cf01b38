import numpy as np
import pytest
from sqlalchemy import select, update

from passerelle.privacy.consent.kin import kin, survivors, with_kin
from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.store import tables as t
from tests.privacy.consent.house import House


def merged(house: House, pairs: dict[int, tuple[int, int | None]]) -> None:
    with house.store.write() as connection:
        for one, (into, at) in pairs.items():
            found = update(t.subject).where(t.subject.c.subject_id == one)
            connection.execute(found.values(merged_into=into, merged_at=at))


def test_a_chain_ends_at_its_survivor_and_counts_from_its_last_merge(house: House) -> None:
    a, b, c, d = house.people(4)
    merged(house, {d: (c, 7), c: (a, 9)})
    with house.store.read() as connection:
        found = kin(house.store, connection)
    assert found.to_pylist() == [
        {"subject_id": c, "survivor": a, "since": 9},
        {"subject_id": d, "survivor": a, "since": 9},
    ]
    assert survivors(np.array([a, b, c, d]), found).tolist() == [a, b, a, a]
    assert with_kin(np.array([a, b]), found).tolist() == [a, b, c, d]


def test_a_merge_of_unknown_time_lets_nothing_count_for_both(house: House) -> None:
    a, b = house.people(2)
    merged(house, {b: (a, None)})
    with house.store.read() as connection:
        assert kin(house.store, connection)["since"].to_pylist() == [np.iinfo(np.int64).max]


def test_a_circle_is_noticed(house: House) -> None:
    a, b = house.people(2)
    merged(house, {a: (b, 1), b: (a, 1)})
    with house.store.read() as connection, pytest.raises(IntegrityError, match="circle"):
        kin(house.store, connection)


def test_the_few_who_were_merged_are_found_without_reading_everybody(house: House) -> None:
    c = t.subject.c
    with house.store.read() as connection:
        asked = select(c.subject_id, c.merged_into, c.merged_at).where(c.merged_into.is_not(None))
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked.compile(connection)}").all()
    assert "USING INDEX subject_merged" in plan[0].detail
