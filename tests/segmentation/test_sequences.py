from typing import Any

import pytest

from tests.segmentation.world import DAY, HOUR, SECOND, Row, T, World, event, persons, purchase

ABANDONED = {"sequence": {"within_last": "7d", "steps": [{"event": "cart"}, {"absent": "purchase", "within": "24h"}]}}


def at(person: int, name: str, instant: int, **columns: object) -> Row:
    return {**event(person, name, 0, **columns), "at": instant}


def steps(*steps: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"sequence": {"steps": list(steps), **more}}


def test_who_added_to_the_cart_and_did_not_buy_within_a_day_abandoned_it(world: World) -> None:
    world.people = persons(1, 2, 3, 4)
    world.web = [event(person, "cart", 3) for person in (1, 2, 3)]
    world.orders = [purchase(2, 2.5), purchase(3, 1.5), purchase(4, 1)]
    assert world.members(ABANDONED) == {1, 3}


def test_absence_is_decided_only_once_its_window_has_closed(world: World) -> None:
    world.people = persons(1, 2)
    world.web = [at(1, "cart", T - 24 * HOUR), at(2, "cart", T - 24 * HOUR + 1)]
    assert world.members(ABANDONED) == {1}
    assert world.members(ABANDONED, as_of=T + 1) == {1, 2}


def test_the_closing_instant_belongs_to_the_window_of_absence_and_the_opening_one_does_not(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.web = [at(person, "cart", T - 3 * DAY) for person in (1, 2, 3)]
    world.orders = [
        {**purchase(1, 0), "at": T - 2 * DAY},
        {**purchase(2, 0), "at": T - 2 * DAY + 1},
        {**purchase(3, 0), "at": T - 3 * DAY},
    ]
    assert world.members(ABANDONED) == {2, 3}


def test_one_abandoned_cart_is_enough(world: World) -> None:
    world.people = persons(1)
    world.web = [event(1, "cart", 6), event(1, "cart", 3)]
    world.orders = [purchase(1, 2.9)]
    assert world.members(ABANDONED) == {1}


def test_a_sequence_that_began_too_long_ago_does_not_count(world: World) -> None:
    world.people = persons(1, 2)
    world.web = [at(1, "cart", T - 7 * DAY), at(2, "cart", T - 7 * DAY - 1)]
    assert world.members(ABANDONED) == {1}


def test_steps_happen_one_strictly_after_the_other(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.web = [event(1, "view", 2), event(1, "cart", 1), event(2, "cart", 2), event(2, "view", 1)]
    world.web += [at(3, "view", T - DAY), at(3, "cart", T - DAY)]
    assert world.members(steps({"event": "view"}, {"event": "cart"})) == {1}


def test_within_counts_from_the_step_before_and_includes_its_end(world: World) -> None:
    world.people = persons(1, 2)
    world.web = [at(1, "view", T - 2 * HOUR), at(1, "cart", T - HOUR), at(2, "view", T - 2 * HOUR - 1)]
    world.web += [at(2, "cart", T - HOUR)]
    assert world.members(steps({"event": "view"}, {"event": "cart", "within": "1h"})) == {1}


def test_a_later_start_may_be_the_one_that_fits(world: World) -> None:
    world.people = persons(1)
    world.web = [event(1, "view", 9), event(1, "view", 2), event(1, "cart", 1)]
    assert world.members(steps({"event": "view"}, {"event": "cart", "within": "2d"})) == {1}


def test_max_limits_the_whole_way(world: World) -> None:
    world.people = persons(1, 2)
    for person, start in ((1, 3.0), (2, 3.1)):
        world.web = [*world.web, event(person, "view", start), event(person, "cart", 2)]
    world.orders = [purchase(1, 1), purchase(2, 1)]
    condition = steps({"event": "view"}, {"event": "cart"}, {"event": "purchase"}, max="2d")
    assert world.members(condition) == {1}


def test_immediately_means_the_next_event_of_any_kind(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.web = [event(1, "view", 3), event(1, "cart", 2)]
    world.web += [event(2, "view", 3), event(2, "newsletter_open", 2.5), event(2, "cart", 2)]
    world.web += [event(3, "view", 3), event(3, "cart", 2)]
    world.orders = [purchase(3, 2.5)]  # in another table, but an event all the same
    assert world.members(steps({"event": "view"}, {"event": "cart", "immediately": True})) == {1}


def test_immediately_can_have_a_limit_too(world: World) -> None:
    world.people = persons(1, 2)
    world.web = [event(1, "view", 3), event(1, "cart", 2), event(2, "view", 5), event(2, "cart", 2)]
    condition = steps({"event": "view"}, {"event": "cart", "immediately": True, "within": "1d"})
    assert world.members(condition) == {1}


def test_steps_are_filtered_by_columns(world: World) -> None:
    world.people = persons(1, 2)
    world.web = [event(1, "view", 3, page="/a"), event(2, "view", 3, page="/b")]
    world.orders = [purchase(1, 2, 5_000), purchase(2, 2, 5_000)]
    condition = steps(
        {"event": "view", "where": {"page": {"is": "/a"}}},
        {"event": "purchase", "where": {"amount": {"at_least": 50}}},
    )
    assert world.members(condition) == {1}


def test_only_what_is_named_counts_as_absent(world: World) -> None:
    world.people = persons(1)
    world.web = [event(1, "cart", 3)]
    world.orders = [purchase(1, 2.9, 100)]
    step = {"absent": "purchase", "within": "24h", "where": {"amount": {"at_least": 50}}}
    assert world.members(steps({"event": "cart"}, step)) == {1}


def test_sequences_can_be_negated_and_combined(world: World) -> None:
    world.people = persons(1, 2)
    world.web = [event(1, "cart", 3)]
    assert world.members({"not": ABANDONED}) == {2}


@pytest.mark.parametrize("unit", [SECOND, 1])
def test_order_is_exact_to_the_microsecond(world: World, unit: int) -> None:
    world.people = persons(1)
    world.web = [at(1, "view", T - DAY), at(1, "cart", T - DAY + unit)]
    assert world.members(steps({"event": "view"}, {"event": "cart"})) == {1}
