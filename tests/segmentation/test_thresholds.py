from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from passerelle.segmentation import MemoryHistory
from tests.segmentation.world import DAY, HOUR, T, World, event, persons, purchase, segment


def points(*values: int | None) -> list[dict[str, Any]]:
    return [{"subject_id": index, "points": value} for index, value in enumerate(values, start=1)]


def with_points(threshold: dict[str, Any]) -> dict[str, Any]:
    return {"traits": {"points": {"column": "points"}}, "thresholds": {"limit": threshold}}


REACHED = {"trait": "points", "at_least": {"threshold": "limit"}}


def test_a_quantile_is_the_smallest_value_that_so_many_do_not_exceed(world: World) -> None:
    world.people = points(*range(1, 11))
    world.model = with_points({"quantile": 0.9, "of": "points"})
    assert world.members(REACHED) == {9, 10}


def test_a_share_is_never_rounded(world: World) -> None:
    world.people = points(*range(1, 101))
    for share, first in ((0.29, 29), (0.57, 57), (0.58, 58), (0.07, 7)):  # 0.29 * 100 is not 29 in floating point
        world.model = with_points({"quantile": share, "of": "points"})
        assert min(world.members(REACHED)) == first


def test_equal_values_are_never_split_and_a_surprising_share_is_told(world: World) -> None:
    world.people = points(*[1] * 90, *[2] * 10)
    world.model = with_points({"quantile": 0.6, "of": "points"})
    found = world.run(segment("it", REACHED))["it"]
    assert found.size == 100
    assert found.warnings == (
        "The threshold limit is reached by 100% of people rather than 40%, because many have the same value.",
    )


def test_missing_values_are_not_ranked(world: World) -> None:
    world.people = points(1, 2, 3, 4, None, None, None, None)
    world.model = with_points({"quantile": 0.5, "of": "points"})
    assert world.members(REACHED) == {2, 3, 4}


def test_over_chooses_who_is_ranked(world: World) -> None:
    world.people = persons(1, 2, 3, 4)
    world.orders = [purchase(1, 1, 1_000), purchase(2, 1, 3_000)]
    world.model = {
        "thresholds": {
            "all": {"quantile": 0.5, "of": "revenue_365d"},
            "buyers": {"quantile": 0.5, "of": "revenue_365d", "over": {"trait": "orders_365d", "at_least": 1}},
        }
    }
    assert world.members({"trait": "revenue_365d", "at_least": {"threshold": "all"}}) == {1, 2, 3, 4}
    assert world.members({"trait": "revenue_365d", "at_least": {"threshold": "buyers"}}) == {1, 2}


def test_by_gives_one_value_per_group(world: World) -> None:
    world.people = [
        {"subject_id": index, "points": index, "loyalty": "or" if index > 5 else "argent"} for index in range(1, 11)
    ]
    world.people += [{"subject_id": 11, "points": 99, "loyalty": None}]
    world.model = with_points({"quantile": 0.8, "of": "points", "by": "loyalty"})
    assert world.members(REACHED) == {4, 5, 9, 10}
    assert [(t.group, t.shown) for t in world.run(segment("it", REACHED))["it"].thresholds] == [
        ("argent", "4"),
        ("or", "9"),
    ]


def test_a_threshold_of_nobody_is_reached_by_nobody(world: World) -> None:
    world.people = points(None, None)
    world.model = with_points({"quantile": 0.5, "of": "points"})
    assert world.members(REACHED) == set()
    assert world.members({"not": REACHED}) == {1, 2}


def test_a_z_score_is_mean_plus_deviations_computed_exactly(world: World) -> None:
    world.people = points(2, 4, 4, 4, 5, 5, 7, 9)  # mean 5, deviation 2
    world.model = with_points({"z_score": 1, "of": "points"})
    assert world.members(REACHED) == {7, 8}
    world.model = with_points({"z_score": -1.5, "of": "points"})
    assert world.members(REACHED) == {1, 2, 3, 4, 5, 6, 7, 8}


def test_a_fixed_threshold_takes_the_unit_of_what_it_is_compared_with(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [purchase(1, 1, 12_050), purchase(2, 1, 12_049)]
    world.model = {"thresholds": {"much": {"fixed": 120.50}}}
    assert world.members({"trait": "revenue_365d", "at_least": {"threshold": "much"}}) == {1}


def test_a_threshold_can_be_multiplied(world: World) -> None:
    world.people = points(*range(1, 11))
    world.model = with_points({"quantile": 0.5, "of": "points"})
    assert world.members({"trait": "points", "more_than": {"threshold": "limit", "times": 1.5}}) == {8, 9, 10}


def test_a_quantile_can_stand_inside_a_comparison(world: World) -> None:
    world.people = points(*range(1, 11))
    world.model = {"traits": {"points": {"column": "points"}}}
    assert world.members({"trait": "points", "at_least": {"quantile": 0.8, "of": "points"}}) == {8, 9, 10}


def moving(metric: dict[str, Any], days: int) -> dict[str, Any]:
    return {"metrics": {"daily": metric}, "thresholds": {"usual": {"moving_average": "daily", "days": days}}}


def value(world: World, as_of: int = T) -> Decimal | None:
    condition = {"trait": "activity_30d", "more_than": {"threshold": "usual"}}
    return world.run(segment("it", condition), as_of=as_of)["it"].thresholds[0].value


def test_a_moving_average_takes_complete_calendar_days_of_the_time_zone(world: World) -> None:
    world.people = persons(1)
    midnight = T - HOUR  # in Paris
    for instant in (midnight - 1, midnight, midnight - 2 * DAY, midnight - 2 * DAY - 1):
        world.web = [*world.web, {**event(1, "view", 0), "at": instant}]
    world.model = moving({"count": "view"}, 2)
    assert value(world) == 1  # one yesterday, one the day before; today is not complete


def test_days_without_events_count_as_zero(world: World) -> None:
    world.people = persons(1)
    world.web = [event(1, "view", 2)] * 3
    world.model = moving({"count": "view"}, 10)
    assert value(world) == Decimal("0.3")


def test_per_active_person_leaves_out_days_on_which_nobody_was(world: World) -> None:
    world.people = persons(1, 2)
    world.web = [event(1, "view", 2), event(1, "view", 1.9), event(2, "view", 2), event(1, "view", 5)]
    world.model = moving({"count": "view", "per": "active_person"}, 10)
    assert value(world) == Decimal("1.25")


def test_per_person_divides_by_everybody(world: World) -> None:
    world.people = persons(1, 2, 3, 4)
    world.web = [event(1, "view", 2), event(2, "view", 3)]
    world.model = moving({"count": "view", "per": "person"}, 5)
    assert value(world) == Decimal("0.1")


def test_a_metric_can_sum_money_or_count_people(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [purchase(1, 2, 1_050), purchase(2, 2, 2_000), purchase(1, 1.9, 5)]
    world.model = moving({"people": "purchase"}, 2)
    assert value(world) == 1
    world.model = moving({"sum": "purchase.amount"}, 1)
    world.model["thresholds"]["usual"]["days"] = 2
    condition = {"trait": "revenue_365d", "more_than": {"threshold": "usual"}}
    assert world.run(segment("it", condition))["it"].thresholds[0].shown == "15.28"  # 3055 cents over two days


def test_days_of_23_and_25_hours_are_days(world: World) -> None:
    world.people = persons(1)
    noon = int(datetime(2026, 10, 26, 11, tzinfo=UTC).timestamp()) * 1_000_000  # the day after the clocks went back
    first = int(datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp()) * 1_000_000  # midnight in Paris, summer time
    last = int(datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000
    world.web = [{**event(1, "view", 0), "at": instant} for instant in (first - 1, first, last, last + 1_000_000)]
    world.model = moving({"count": "view"}, 1)
    assert value(world, as_of=noon) == 2


GUARDED = {"quantile": 0.5, "of": "points", "guard": {"max_change": "25%"}}


def test_a_guard_keeps_the_previous_value_when_the_new_one_jumps(world: World) -> None:
    world.people, world.model = points(10, 20, 30), with_points(GUARDED)
    history = MemoryHistory()
    world.run(segment("it", REACHED), as_of=T - DAY, history=history)
    world.people = points(1, 2, 3)
    found = world.run(segment("it", REACHED), history=history)["it"]
    assert found.size == 0
    stands = found.thresholds[0]
    assert (stands.value, stands.previous, stands.computed) == (Decimal(20), Decimal(20), Decimal(2))
    assert stands.kept
    assert found.warnings == ("The threshold limit jumped, so its guard kept the previous value 20.",)


def test_a_guard_lets_small_changes_through(world: World) -> None:
    world.people, world.model = points(10, 20, 30), with_points(GUARDED)
    history = MemoryHistory()
    world.run(segment("it", REACHED), as_of=T - DAY, history=history)
    world.people = points(10, 25, 30)
    assert world.run(segment("it", REACHED), history=history)["it"].thresholds[0].value == 25


def test_a_guard_keeps_the_previous_value_when_there_is_no_new_one(world: World) -> None:
    world.people, world.model = points(10, 20, 30), with_points(GUARDED)
    history = MemoryHistory()
    world.run(segment("it", REACHED), as_of=T - DAY, history=history)
    world.people = points(None)
    assert world.run(segment("it", REACHED), history=history)["it"].thresholds[0].value == 20


def test_another_definition_is_not_held_against_the_old_value(world: World) -> None:
    world.people, world.model = points(10, 20, 30), with_points(GUARDED)
    history = MemoryHistory()
    world.run(segment("it", REACHED), as_of=T - DAY, history=history)
    world.model = with_points({**GUARDED, "quantile": 0.1})
    found = world.run(segment("it", REACHED), history=history)["it"].thresholds[0]
    assert found.value == 10
    assert found.previous is None


def test_a_replay_of_an_earlier_instant_does_not_see_later_values(world: World) -> None:
    world.people, world.model = points(10, 20, 30), with_points(GUARDED)
    history = MemoryHistory()
    world.run(segment("it", REACHED), as_of=T + DAY, history=history)
    world.people = points(1, 2, 3)
    assert world.run(segment("it", REACHED), history=history)["it"].thresholds[0].value == 2


def test_thresholds_are_computed_again_with_every_run_and_remembered(world: World) -> None:
    world.people, world.model = points(10, 20, 30), with_points({"quantile": 0.5, "of": "points"})
    history = MemoryHistory()
    world.run(segment("it", REACHED), as_of=T - DAY, history=history)
    world.people = points(100, 200, 300)
    world.run(segment("it", REACHED), history=history)
    assert [value.value for value in history.values.values()] == [20, 200]
