"""Moments: several events within a visit, or within a length of time."""

from typing import Any

import pytest

from passerelle.segmentation import explain
from tests.segmentation.journeys.refused import refusals
from tests.segmentation.world import DAY, HOUR, Row, T, World, event, persons, purchase, segment

MINUTE = HOUR // 60
PRICE = {"event": "view", "where": {"page": {"starts_with": "/price"}}}
DELIVERY = {"event": "view", "where": {"page": {"is": "/delivery"}}}
WEIGHING: dict[str, Any] = {"of": [PRICE, DELIVERY], "visit": ["view", "cart"]}
RUSH: dict[str, Any] = {"of": [{"event": "view", "times": 3}], "within": "10min"}


def at(person: int, name: str, minutes: float, **columns: object) -> Row:
    """So many minutes after three days ago."""
    return {**event(person, name, 0, **columns), "at": T - 3 * DAY + round(minutes * MINUTE)}


def looked(person: int, minutes: float, page: str) -> Row:
    return at(person, "view", minutes, page=page)


def with_moments(world: World) -> World:
    world.people = persons(1, 2, 3, 4)
    world.model = {"moments": {"weighing": WEIGHING, "rush": RUSH}}
    return world


def test_a_visit_holds_a_moment_in_any_order_and_a_pause_parts_visits(world: World) -> None:
    with_moments(world)
    world.web = [looked(1, 30, "/delivery"), looked(1, 0, "/price/3")]
    world.web += [looked(2, 0, "/price"), looked(2, 30 + 1 / 60_000_000, "/delivery")]
    world.web += [looked(3, 0, "/price"), at(3, "cart", 20), looked(3, 40, "/delivery")]  # the cart keeps it going
    assert world.members({"moment": "weighing"}) == {1, 3}


def test_a_part_may_be_asked_for_several_times(world: World) -> None:
    with_moments(world)
    world.web = [looked(1, minute, "/a") for minute in (0, 5, 10)]
    world.web += [looked(2, minute, "/a") for minute in (0, 5, 10.1)]
    world.web += [looked(3, 0, "/a")] * 3  # at one instant
    assert world.members({"moment": "rush"}) == {1, 3}


def test_moments_are_counted_by_visit_and_those_that_run_into_each_other_are_one(world: World) -> None:
    with_moments(world)
    world.web = [
        looked(1, start + more, page) for start in (0, 100) for more, page in ((0, "/price"), (1, "/delivery"))
    ]
    world.web += [looked(2, minute, page) for minute, page in ((0, "/price"), (1, "/delivery"), (2, "/price"))]
    assert world.members({"moment": "weighing", "count": {"is": 2}}) == {1}
    assert world.members({"moment": "weighing", "count": {"is": 0}}) == {3, 4}
    world.web = [looked(1, minute, "/a") for minute in range(9)] + [looked(1, 30 + minute, "/a") for minute in range(3)]
    world.web += [looked(2, minute, "/a") for minute in range(9)]
    assert world.members({"moment": "rush", "count": {"at_least": 2}}) == {1}
    assert world.members({"moment": "rush", "count": {"is": 1}}) == {2}


def test_all_of_a_moment_lies_in_its_window(world: World) -> None:
    with_moments(world)
    world.web = [looked(1, 0, "/price"), looked(1, 1, "/delivery"), looked(2, -1, "/price"), looked(2, 1, "/delivery")]
    assert world.members({"moment": "weighing", "within": "3d"}) == {1}
    assert world.members({"moment": "weighing", "until": "3d"}) == set()
    assert world.members({"moment": "weighing", "within": "4d", "until": "2d"}) == {1, 2}


def test_an_event_that_fits_two_parts_counts_for_both(world: World) -> None:
    world.people = persons(1)
    world.model = {"moments": {"both": {"of": [PRICE, {"event": "view"}], "within": "1min"}}}
    world.web = [looked(1, 0, "/price")]
    assert world.members({"moment": "both"}) == {1}


def test_events_of_several_tables_make_one_visit(world: World) -> None:
    world.people = persons(1, 2)
    bought = {"event": "purchase", "where": {"amount": {"at_least": 50}}}
    world.model = {"moments": {"sold": {"of": [PRICE, bought], "visit": "view"}}}
    world.web = [looked(1, 0, "/price"), looked(2, 0, "/price")]
    world.orders = [
        {**purchase(person, 0, amount), "at": T - 3 * DAY + 9 * MINUTE} for person, amount in ((1, 5_000), (2, 1))
    ]
    assert world.members({"moment": "sold"}) == {1}


def test_an_explanation_calls_a_moment_by_its_name(world: World) -> None:
    with_moments(world)
    world.web = [looked(1, 0, "/price"), looked(1, 1, "/delivery")]
    it = segment("it", {"moment": "weighing", "within": "30d"})
    found = explain("it", 1, model=world.modelled(), segments={"it": it}, dataset=world.dataset(), as_of=T)
    assert found.member
    assert found.where is not None
    assert found.where.words == "had the moment weighing in the last 30 days"
    assert found.where.parts[0].value == "1"


@pytest.mark.parametrize(
    ("moment", "refusal"),
    [
        ({"of": [PRICE, DELIVERY]}, "must have either `within` or `visit`"),
        ({**WEIGHING, "within": "5min"}, "must have either `within` or `visit`"),
        ({"of": [PRICE], "within": "5min"}, "is a single event"),
        ({**RUSH, "gap": "5min"}, "has a `gap` without a `visit`"),
        ({**RUSH, "of": [{"event": "vew", "times": 2}]}, "There is no event `vew`. Did you mean `view`?"),
    ],
)
def test_what_is_no_moment_is_refused(world: World, moment: dict[str, Any], refusal: str) -> None:
    assert refusal in refusals(world, {"moments": {"it": moment}})


def test_a_moment_that_is_not_there_is_refused(world: World) -> None:
    assert "Did you mean `rush`?" in refusals(world, {"moments": {"rush": RUSH}}, {"moment": "rsh"})
