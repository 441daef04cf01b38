import hashlib
import math
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.segmentation import holdout
from tests.segmentation.world import World, segment

EVERYBODY = {"not": {"attribute": "loyalty", "is": "nobody has this"}}


def by_hand(person: int, percent: Decimal, salt: str) -> bool:
    """The rule in its own words, for shares below a hundred."""
    limit = format(math.ceil(percent / 100 * 2**32), "08x")
    return hashlib.sha256(f"{salt}:{person}".encode()).hexdigest()[:8] < limit


@settings(max_examples=10, deadline=None)
@given(percent=st.decimals("0.01", "99.99", places=2), salt=st.text(min_size=1, max_size=8))
def test_a_holdout_is_a_comparison_of_hashes(percent: Decimal, salt: str) -> None:
    people = [0, 1, 7, 2**62, *range(100, 160)]
    found = holdout(pa.array(people, pa.int64()), percent, salt).to_pylist()
    assert found == [by_hand(person, percent, salt) for person in people]


def test_a_holdout_is_about_as_big_as_it_says() -> None:
    assert holdout(pa.array(range(20_000), pa.int64()), 10, "spring").true_count == pytest.approx(2_000, rel=0.1)


def test_nobody_and_everybody_are_the_ends() -> None:
    people = pa.array([1, 2], pa.int64())
    assert holdout(people, 0, "s").to_pylist() == [False, False]
    assert holdout(people, 100, "s").to_pylist() == [True, True]


def test_people_stay_in_a_holdout_that_grows() -> None:
    people = pa.array(range(5_000), pa.int64())
    small, big = holdout(people, 5, "s").to_pylist(), holdout(people, 20, "s").to_pylist()
    assert all(after for before, after in zip(small, big, strict=True) if before)


def test_another_salt_draws_other_people() -> None:
    people = pa.array(range(1_000), pa.int64())
    assert holdout(people, 50, "a") != holdout(people, 50, "b")


def test_a_segments_holdout_is_the_same_draw(world: World) -> None:
    world.people = [{"subject_id": person} for person in range(200)]
    it = segment("it", EVERYBODY, holdout={"percent": 25, "salt": "winback"})
    found = world.run(it)["it"]
    held = holdout(pa.array(range(200), pa.int64()), 25, "winback").to_pylist()
    assert found.subject_ids.to_pylist() == [person for person in range(200) if not held[person]]
    assert found.held_out == sum(held)


def test_splits_are_disjoint_and_sticky(world: World) -> None:
    world.people = [{"subject_id": person} for person in range(300)]
    it = segment("it", EVERYBODY, holdout={"percent": 10, "salt": "s"}, splits={"a": 45, "b": 45})
    found = world.run(it)["it"]
    one, two = (set(found.splits[name].to_pylist()) for name in ("a", "b"))
    assert one.isdisjoint(two)
    assert one | two == set(found.subject_ids.to_pylist())
    world.people = world.people[100:]
    again = world.run(it)["it"]
    assert set(again.splits["a"].to_pylist()) == {person for person in one if person >= 100}


def test_who_is_in_no_split_is_still_a_member(world: World) -> None:
    world.people = [{"subject_id": person} for person in range(100)]
    found = world.run(segment("it", EVERYBODY, splits={"a": 10}))["it"]
    assert found.size == 100
    assert 0 < len(found.splits["a"]) < 40
