"""Ladders: each person on exactly one step."""

from typing import Any

import pytest

from tests.segmentation.journeys.refused import refusals
from tests.segmentation.world import Row, World, event, persons, purchase, segment

STEPS = [
    {"step": "visitor", "where": {"did": "view"}},
    {"step": "reader", "where": {"did": "newsletter_open"}},
    {"step": "buyer", "where": {"did": "purchase"}},
]
NAMES = ["stranger", "visitor", "reader", "buyer"]


def ladder(**more: object) -> dict[str, Any]:
    return {"ladders": {"closeness": {"steps": STEPS, "otherwise": "stranger", **more}}}


def on(world: World, word: str, step: str) -> set[int]:
    return world.members({"ladder": "closeness", word: step})


def everybody(world: World) -> World:
    world.people = persons(*range(1, 9))
    did: list[Row] = []
    for person in range(1, 9):
        did += [event(person, "view", 3)] * bool(person & 1)
        did += [event(person, "newsletter_open", 3)] * bool(person & 2)
    world.web = did
    world.orders = [purchase(person, 3) for person in range(1, 9) if person & 4]
    return world


@pytest.mark.parametrize(
    ("choose", "expected"),
    [
        ("highest", [{8}, {1}, {2, 3}, {4, 5, 6, 7}]),
        ("lowest", [{8}, {1, 3, 5, 7}, {2, 6}, {4}]),
    ],
)
def test_each_person_stands_on_exactly_one_step(world: World, choose: str, expected: list[set[int]]) -> None:
    everybody(world).model = ladder(choose=choose)
    assert [on(world, "is", step) for step in NAMES] == expected
    assert [on(world, "at_least", step) for step in NAMES[1:]] == [set().union(*expected[n:]) for n in (1, 2, 3)]
    assert [on(world, "at_most", step) for step in NAMES[:-1]] == [set().union(*expected[: n + 1]) for n in (0, 1, 2)]


def test_a_step_may_be_a_segment_or_rest_on_a_threshold_and_its_people_are_frozen_in_the_same_run(world: World) -> None:
    everybody(world)
    steps = [
        {"step": "known", "where": {"in_segment": "readers"}},
        {"step": "best", "where": {"trait": "orders_365d", "at_least": {"quantile": 0.5, "of": "orders_365d"}}},
    ]
    world.model = {"ladders": {"closeness": {"steps": steps, "choose": "lowest"}}}
    readers = segment("readers", {"did": "newsletter_open"}, holdout={"percent": 50, "salt": "x"})
    found = world.run(segment("it", {"ladder": "closeness", "is": "best"}), readers, only=["it"])["it"]
    assert set(found.subject_ids.to_pylist()) == {1, 4, 5, 8}


def test_a_change_of_a_ladder_is_another_version_of_the_segments_that_use_it_and_its_words_are_not(
    world: World,
) -> None:
    it = segment("it", {"ladder": "closeness", "is": "reader"})
    everybody(world).model = ladder()
    first = world.run(it)["it"].version
    world.model = ladder(description="How close people are.", otherwise="nobody")
    assert world.run(it)["it"].version == first
    world.model = ladder(choose="lowest")
    assert world.run(it)["it"].version != first


@pytest.mark.parametrize(
    ("condition", "refusal"),
    [
        ({"ladder": "closness", "is": "buyer"}, "Did you mean `closeness`?"),
        ({"ladder": "closeness", "is": "byer"}, "Did you mean `buyer`?"),
        ({"ladder": "closeness", "at_least": "stranger"}, "Everybody stands on `stranger` of `closeness`, or higher."),
        ({"ladder": "closeness", "at_most": "buyer"}, "Everybody stands on `buyer` of `closeness`, or lower."),
        ({"ladder": "closeness", "is": "buyer", "at_most": "buyer"}, "must have one of `is`, `at_least` and `at_most`"),
    ],
)
def test_a_step_that_chooses_nobody_or_everybody_is_refused(world: World, condition: object, refusal: str) -> None:
    assert refusal in refusals(world, ladder(), condition)


def test_two_steps_of_one_name_are_refused(world: World) -> None:
    assert "has two steps called `buyer`" in refusals(world, ladder(otherwise="buyer"))


def test_circles_are_refused(world: World) -> None:
    itself = [{"step": "high", "where": {"ladder": "closeness", "is": "high"}}]
    assert "in a circle: `ladder closeness` -> `ladder closeness`" in refusals(world, ladder(steps=itself))
    through = [{"step": "high", "where": {"in_segment": "it"}}]
    said = refusals(world, ladder(steps=through), {"ladder": "closeness", "is": "high"})
    assert "in a circle" in said
    assert "`it` -> `ladder closeness` -> `it`" in said


def test_who_is_ranked_or_scored_is_not_chosen_by_a_ladder_of_segments(world: World) -> None:
    steps = [{"step": "high", "where": {"in_segment": "it"}}]
    over = {"quantile": 0.5, "of": "orders_365d", "over": {"ladder": "closeness", "is": "high"}}
    model = {**ladder(steps=steps), "thresholds": {"usual": over}}
    assert "An `over:` cannot refer to segments." in refusals(world, model, {"did": "view"})
