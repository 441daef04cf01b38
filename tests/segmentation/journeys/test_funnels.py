"""How far people come in a funnel, as a condition."""

from typing import Any

import pytest

from tests.segmentation.journeys.refused import refusals
from tests.segmentation.world import World, event, persons, purchase

STEPS = [
    {"step": "looked", "event": "view"},
    {"step": "carted", "event": "cart"},
    {"step": "bought", "event": "purchase"},
]


def funnel(**more: object) -> dict[str, Any]:
    return {"funnels": {"buying": {"steps": STEPS, **more}}}


def reached(world: World) -> list[set[int]]:
    return [world.members({"funnel": "buying", "reached": step["step"]}) for step in STEPS]


def shop(world: World) -> World:
    world.people = persons(1, 2, 3, 4)
    world.web = [event(person, "view", 5) for person in (1, 2, 3)] + [event(person, "cart", 4) for person in (1, 2, 4)]
    world.orders = [purchase(1, 3), purchase(3, 3), purchase(4, 3)]
    return world


def test_who_reached_a_step_went_through_those_before_it(world: World) -> None:
    shop(world).model = funnel()
    assert reached(world) == [{1, 2, 3}, {1, 2}, {1}]


def test_who_stopped_at_a_step_has_not_come_to_the_next(world: World) -> None:
    shop(world).model = funnel()
    stopped = [world.members({"funnel": "buying", "stopped_at": step["step"]}) for step in STEPS]
    assert stopped == [{3}, {2}, {1}]


def test_a_strict_funnel_lets_nothing_lie_between(world: World) -> None:
    shop(world).model = funnel(order="strict")
    world.web = [*world.web, event(1, "newsletter_open", 4.5)]
    assert reached(world) == [{1, 2, 3}, {2}, set()]


def test_a_funnel_takes_its_time_from_the_first_step(world: World) -> None:
    shop(world).model = funnel(within="36h")
    assert reached(world) == [{1, 2, 3}, {1, 2}, set()]
    world.model = funnel(within="2d", within_last="4d")
    assert reached(world) == [set(), set(), set()]
    world.web = [*world.web, event(2, "view", 4)]
    assert reached(world) == [{2}, set(), set()]


def test_a_step_may_have_its_own_time(world: World) -> None:
    shop(world).model = {"funnels": {"buying": {"steps": [*STEPS[:2], {**STEPS[2], "within": "12h"}]}}}
    assert reached(world) == [{1, 2, 3}, {1, 2}, set()]


@pytest.mark.parametrize(
    ("written", "refusal"),
    [
        ({"steps": STEPS[:1]}, "at least 2"),
        ({"steps": [*STEPS, STEPS[0]]}, "has two steps called `looked`"),
        ({"steps": [{**STEPS[0], "within": "1d"}, STEPS[1]]}, "use `within_last` of the funnel"),
        ({"steps": [{**STEPS[0], "event": "vew"}, STEPS[1]]}, "Did you mean `view`?"),
    ],
)
def test_what_is_no_funnel_is_refused(world: World, written: dict[str, Any], refusal: str) -> None:
    assert refusal in refusals(world, {"funnels": {"buying": written}})


@pytest.mark.parametrize(
    ("condition", "refusal"),
    [
        ({"funnel": "buing", "reached": "looked"}, "Did you mean `buying`?"),
        ({"funnel": "buying", "reached": "lokked"}, "There is no step of `buying` `lokked`. Did you mean `looked`?"),
        ({"funnel": "buying"}, "must have either `reached` or `stopped_at`"),
    ],
)
def test_a_step_that_is_not_there_is_refused(world: World, condition: dict[str, Any], refusal: str) -> None:
    assert refusal in refusals(world, funnel(), condition)
