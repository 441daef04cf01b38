"""What is told of few people: nothing that a sum gives away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.workflows.segments.small import OTHERS, SMALL_GROUP, folded, people


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"a": 40, "b": 12}, {"a": 40, "b": 12}),
        ({"b": 12, "a": 40, "c": 9, "d": 1}, {"a": 40, "b": 12, OTHERS: 10}),
        ({"a": 40, "b": 12, "c": 3}, {"a": 40, OTHERS: 15}),
        ({"a": 40, "c": 3}, {OTHERS: 43}),
        ({"a": 5, "b": 4}, {}),
        ({"a": 5, "b": 5}, {OTHERS: 10}),
        ({"a": 40, "b": 0}, {"a": 40}),
        ({}, {}),
    ],
)
def test_small_parts_are_told_together(parts: dict[str, int], told: dict[str, int]) -> None:
    assert folded(parts) == told
    assert list(folded(parts)) == list(told)


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 60), max_size=8))
def test_no_part_that_is_told_is_few_and_none_gets_lost(parts: dict[str, int]) -> None:
    told = folded(parts)
    assert all(count >= SMALL_GROUP for count in told.values())
    assert sum(told.values()) == (sum(parts.values()) if told else 0)
    assert bool(told) == (sum(parts.values()) >= SMALL_GROUP)


def test_nobody_is_told_as_nobody_and_few_as_few() -> None:
    assert [people(count) for count in (0, 1, 9, 10, 1200)] == ["0", "fewer than 10", "fewer than 10", "10", "1,200"]
