"""Sessions, passages, points, codes and formulas."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from passerelle.segmentation import Misdefined, check
from passerelle.segmentation.compile.instants import AsOf
from passerelle.segmentation.compile.seasons import years_before
from tests.segmentation.world import DAY, HOUR, SECOND, Row, T, World, event, persons, purchase, segment

MINUTE = 60 * SECOND


def at(person: int, name: str, ago: int) -> Row:
    return {**event(person, name, 0), "at": T - ago}


def value_is(world: World, trait: Row, expected: Mapping[int, float | None], **more: Row) -> None:
    """The value of `trait` of each person who is listed, to the last digit."""
    world.model = {"traits": {**more, "it": trait}}
    wanted: dict[float | None, set[int]] = {}
    for person, value in expected.items():
        wanted.setdefault(value, set()).add(person)
    conditions = {
        f"s{i}": {"trait": "it", "missing": True} if value is None else {"trait": "it", "is": value}
        for i, value in enumerate(wanted)
    }
    found = world.run(*(segment(name, condition) for name, condition in conditions.items()))
    people = [set(found[name].subject_ids.to_pylist()) & set(expected) for name in conditions]
    assert people == list(wanted.values())


VISITS = [
    *(at(1, "view", ago * MINUTE) for ago in (300, 270, 250)),  # exactly the gap: the same session of 50 minutes
    at(1, "cart", 10 * MINUTE),
    *(at(2, "view", ago) for ago in (60 * MINUTE + 1, 30 * MINUTE)),  # a moment more than the gap
    at(3, "view", MINUTE),
    at(3, "view", MINUTE),  # the same event told twice
    at(3, "cart", MINUTE),
]


@pytest.mark.parametrize(
    ("trait", "expected"),
    [
        ({}, {1: 2, 2: 2, 3: 1, 4: 0}),
        ({"gap": "31min"}, {1: 2, 2: 1, 3: 1, 4: 0}),
        ({"measure": "length"}, {1: 25, 2: 0, 3: 0, 4: None}),
        ({"measure": "length", "unit": "hour", "default": 0}, {1: 25 / 60, 2: 0, 3: 0, 4: 0}),
        ({"measure": "events"}, {1: 2, 2: 1, 3: 3, 4: None}),
        ({"measure": "events", "counting": "view"}, {1: 1.5, 2: 1, 3: 2, 4: None}),
        ({"measure": "weighted"}, {1: 150, 2: 0, 3: 0, 4: 0}),
        ({"within": "255min"}, {1: 2, 2: 2, 3: 1, 4: 0}),  # the window's edge cuts the first
    ],
)
def test_sessions(world: World, trait: dict[str, Any], expected: dict[int, float | None]) -> None:
    world.people, world.web = persons(1, 2, 3, 4), VISITS
    value_is(world, {"sessions": ["view", "cart"], **trait}, expected)


def test_a_step_takes_from_the_latest_start_to_the_first_end_after_it(world: World) -> None:
    world.people = persons(*range(1, 7))
    world.web = [at(1, "cart", ago * HOUR) for ago in (100, 90, 20)]
    world.orders = [purchase(1, hours / 24) for hours in (80, 70, 16)]  # 10 hours; none; 4 hours
    world.web += [at(2, "cart", 5 * HOUR), at(3, "cart", 5 * HOUR), at(5, "cart", 50 * HOUR), at(5, "cart", 50 * HOUR)]
    world.orders += [purchase(2, 5 / 24), purchase(4, 1), *[purchase(5, 49 / 24)] * 3]  # at the same instant: not after
    world.web.append(at(6, "cart", 10 * HOUR))
    world.orders += [purchase(6, 10 / 24), purchase(6, 7 / 24)]  # one at the same instant takes no cart away
    hours = {"time_between": ["cart", "purchase"]}
    value_is(world, hours, {1: 7, 2: None, 3: None, 4: None, 5: 1, 6: 3})
    value_is(world, {**hours, "at_most": "5h"}, {1: 4, 5: 1})
    value_is(world, {**hours, "unit": "minute", "default": 0}, {1: 420, 2: 0, 5: 60})


def test_silence_is_counted_in_the_persons_own_gaps(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.orders = [purchase(1, ago) for ago in (50, 30, 10)] + [purchase(2, 3), *[purchase(3, 3)] * 2]
    value_is(world, {"own_gaps": "purchase"}, {1: 0.5, 2: None, 3: None})


def test_points_are_halved_after_each_half_life_and_evenly_less_in_between(world: World) -> None:
    world.people = persons(*range(1, 8))
    world.web = [event(1, "view", 10), event(2, "view", 20), event(3, "view", 5), event(4, "view", 15)]
    world.web += [event(5, "cart", 10), event(5, "view", 10), event(6, "view", 500)]
    points = {"engagement": {"view": 1, "cart": 2.5}}
    faded = {1: 0.5, 2: 0.25, 3: 0.75, 4: 0.375, 5: 1.75, 6: 0, 7: 0}
    value_is(world, {**points, "half_life": "10d"}, faded)
    value_is(world, points, {1: 1, 5: 3.5, 6: 1, 7: 0})
    value_is(world, {**points, "within": "12d"}, {1: 1, 2: 0, 5: 3.5, 6: 0})


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("points / 3", {1: 3.333333, 2: 0, 3: None}),
        ("(points - 4) * -2", {1: -12, 2: 8, 3: None}),
        ("ratio + 0.2 - 0.3", {1: 0, 2: None, 3: None}),  # 5.6e-17 as floats
        ("1 / (ratio + 0.2 - 0.3)", {1: None}),
        ("1 / points", {1: 0.1, 2: None, 3: None}),
        ("points * points * points * points * points * points * points * points * points * points / points", {1: 1e9}),
        ("9000000000000 * points", {1: None, 2: 0}),  # more than 9·10¹²
    ],
)
def test_arithmetic(world: World, formula: str, expected: dict[int, float | None]) -> None:
    world.people = [*persons(1, points=10, ratio=0.1), *persons(2, points=0), *persons(3)]
    columns = {"points": {"column": "points"}, "ratio": {"column": "ratio"}}
    value_is(world, {"formula": formula}, expected, **columns)


def test_formulas_are_made_of_formulas_and_money_stays_money(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [purchase(1, 1, 1_000), purchase(1, 2, 3_001)]
    spent = {"spent": {"sum": "purchase.amount"}, "mean": {"formula": "spent / orders_365d"}}
    value_is(world, {"formula": "mean + 0.01"}, {1: 20.015, 2: None}, **spent)
    value_is(world, {"formula": "spent / mean", "default": 0}, {1: 2, 2: 0}, **spent)


def test_a_count_for_a_usual_time_of_the_year(world: World) -> None:
    world.people = persons(*range(1, 6))
    world.orders = [purchase(1, 5)] * 3  # of a person who buys three times now
    world.orders += [purchase(2, 365 + days) for days in (1, 30, 72.9)]  # a year ago, at this time of the year
    world.orders += [purchase(3, 365 + days) for days in (73.1, 200, 364.9)]  # … and at any other time of that year
    world.orders += [purchase(4, 2 * 365 + 1), purchase(4, 300)]  # the year before that, and this year
    seasonal = {"seasonal": "purchase", "within": "73d"}  # a fifth of a year, with half of its purchases
    value_is(world, seasonal, {1: 1.2, 2: 0, 5: 0})
    value_is(
        world, {**seasonal, "years": 2}, {1: 1.048564}
    )  # four of seven purchases in two years, one of them of 366 days
    value_is(world, {**seasonal, "where": {"amount": {"more_than": 100}}, "default": -1}, {1: -1, 5: -1})


def test_a_season_without_events_says_nothing(world: World) -> None:
    world.people, world.orders = persons(1), [purchase(1, 5), purchase(1, 365 + 200)]
    value_is(world, {"seasonal": "purchase", "within": "73d"}, {1: None})


def test_years_end_at_the_same_moment_of_the_calendar() -> None:
    leap_day = int(datetime(2028, 2, 29, 12, tzinfo=UTC).timestamp()) * SECOND
    assert years_before(AsOf(leap_day), 1, "UTC") == int(datetime(2027, 2, 28, 12, tzinfo=UTC).timestamp()) * SECOND
    summer = int(datetime(2026, 3, 29, 10, tzinfo=UTC).timestamp()) * SECOND + 7  # the clocks went forward that day
    before = int(datetime(2025, 3, 29, 11, tzinfo=UTC).timestamp()) * SECOND + 7
    assert years_before(AsOf(summer), 1, "Europe/Paris") == before


def test_codes(world: World) -> None:
    world.people = [*persons(1, loyalty="or"), *persons(2, loyalty="bronze"), *persons(3, loyalty="x"), *persons(4)]
    loyalty: dict[str, Row] = {
        "loyalty": {"column": "loyalty"},
        "tier": {"ordinal": "loyalty", "order": ["bronze", "argent", "or"]},
    }
    value_is(world, loyalty["tier"], {1: 3, 2: 1, 3: None, 4: None}, loyalty=loyalty["loyalty"])
    value_is(world, {"one_hot": "loyalty", "value": "or"}, {1: 1, 2: 0, 3: 0, 4: None}, **loyalty)
    value_is(world, {"formula": "10 * tier", "default": -1}, {1: 30, 2: 10, 3: -1, 4: -1}, **loyalty)


@pytest.mark.parametrize(
    ("trait", "said"),
    [
        ({"formula": "spent / revenue_356d"}, "There is no trait `revenue_356d`."),
        ({"formula": "spent ** 2"}, "A formula knows traits, numbers, + - * / and brackets."),
        ({"formula": "spent +"}, "This is no formula."),
        ({"formula": "__import__('os')"}, "A formula knows traits, numbers, + - * / and brackets."),
        ({"formula": "spent * spent"}, "Money cannot be multiplied by money."),
        ({"formula": "spent + orders_365d"}, "`+` stands between a money and a number."),
        ({"formula": "1 / spent"}, "A number cannot be divided by money."),
        ({"formula": "loyalty + 1"}, "`loyalty` is a text: there is no arithmetic with it."),
        ({"formula": " + ".join(["orders_365d"] * 13)}, "A formula has at most 12 traits and numbers"),
        ({"formula": "it + 1"}, "These traits are made of each other in a circle: `it` -> `it`."),
        ({"ordinal": "loyalty", "order": ["a", "b", "a"]}, "This says a value twice."),
        ({"one_hot": "spent", "value": 3}, "The values of `spent` are too many to be listed"),
        ({"sessions": "view", "measure": "events", "counting": "cart"}, "There is no event in these sessions `cart`."),
        ({"sessions": "view", "counting": "view"}, "`counting` changes nothing beside `measure: number`."),
        ({"min_max": "orders_365d"}, "Nothing was fitted for `it` yet."),
        ({"z_score": "loyalty"}, "A text cannot be scaled; a number or an amount can."),
        ({"engagement": {"view": 1, "veiw": 2}}, "There is no event `veiw`."),
    ],
)
def test_what_cannot_be_meant_is_refused(world: World, trait: dict[str, Any], said: str) -> None:
    columns = {"loyalty": {"column": "loyalty"}, "spent": {"sum": "purchase.amount"}}
    world.model = {"traits": {**columns, "it": trait}}
    found: list[Misdefined] = check(world.modelled(), {}, world.dataset().tables)
    assert [problem.message[: len(said)] for problem in found] == [said]


def test_the_order_of_rows_and_doubled_rows_change_no_session_length_and_no_step(world: World) -> None:
    world.people = persons(1)
    world.web = [at(1, "view", ago * MINUTE) for ago in (90, 80, 79, 5)]
    world.web += [at(1, "cart", 79 * MINUTE), at(1, "cart", 2 * DAY)]
    sessions = {"sessions": ["view", "cart"], "measure": "length"}
    step = {"time_between": ["view", "cart"], "unit": "minute"}
    for rows in (world.web, [*reversed(world.web)], [*world.web, *reversed(world.web)]):
        world.web = rows
        value_is(world, sessions, {1: 11 / 3})
        value_is(world, step, {1: 1})
