from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.segmentation import MemoryHistory, ThresholdValue
from passerelle.segmentation.breaks import breaks
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


def costs(values: Sequence[int], edges: Sequence[int]) -> Fraction:
    """The sum of squared distances from the means of the groups that begin at `edges`."""
    groups = [
        [value for value in values if low <= value < high]
        for low, high in pairwise([min(values), *edges, max(values) + 1])
    ]
    means = [Fraction(sum(group), len(group)) for group in groups]
    return sum(((value - mean) ** 2 for group, mean in zip(groups, means, strict=True) for value in group), Fraction())


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.integers(-20, 20) | st.integers(-(10**15), 10**15), min_size=1, max_size=12))
def test_natural_breaks_are_the_best_that_there_are(values: list[int]) -> None:
    counts = Counter(values)
    line = sorted(counts)
    for groups in range(2, 5):
        found = breaks(line, [counts[value] for value in line], groups)
        options = list(combinations(line[1:], groups - 1))
        best = min((costs(values, edges) for edges in options), default=None)
        assert (found is None) == (best is None)
        if found is not None and best is not None:
            assert costs(values, found) <= best * (1 + Fraction(1, 10**12))


def test_natural_breaks_part_values_that_lie_together(world: World) -> None:
    world.people = points(1, 2, 2, 3, 50, 51, 52, 1000, 1001, None)
    world.model = with_points({"natural_breaks": 3, "of": "points"})
    assert world.members(REACHED) == {8, 9}
    world.model = with_points({"natural_breaks": 3, "of": "points", "reach": 2})
    assert world.members(REACHED) == {5, 6, 7, 8, 9}


def test_natural_breaks_never_split_equals_and_need_as_many_values_as_groups(world: World) -> None:
    world.model = with_points({"natural_breaks": 3, "of": "points"})
    world.people = points(*[1] * 50, 2, 2)
    assert world.members(REACHED) == set()
    world.people = points(*[1] * 50, 2, 2, *[3] * 40)
    assert world.members(REACHED) == set(range(53, 93))
    world.people = points(None)
    assert world.members(REACHED) == set()


def test_natural_breaks_of_fractions_by_group(world: World) -> None:
    world.people = [
        {"subject_id": index, "ratio": value, "loyalty": loyalty}
        for index, (value, loyalty) in enumerate(
            [(0.5, "or"), (0.6, "or"), (9.5, "or"), (70.25, "argent"), (71.0, "argent"), (0.1, "argent"), (1.0, None)]
        )
    ]
    world.model = {
        "traits": {"ratio": {"column": "ratio"}},
        "thresholds": {"limit": {"natural_breaks": 2, "of": "ratio", "by": "loyalty"}},
    }
    found = world.run(segment("it", {"trait": "ratio", "at_least": {"threshold": "limit"}}))["it"]
    assert found.subject_ids.to_pylist() == [2, 3, 4]
    assert [(each.group, each.shown, each.people) for each in found.thresholds] == [
        ("argent", "70.25", 3),
        ("or", "9.5", 3),
    ]


def test_very_many_values_are_put_on_a_grid_before_they_are_parted(world: World) -> None:
    world.people = points(*range(0, 36_000, 3), *range(10**7, 10**7 + 100))
    world.model = with_points({"natural_breaks": 2, "of": "points"})
    assert world.members(REACHED) == set(range(12_001, 12_101))


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


def test_a_moving_average_by_group_is_of_the_people_of_the_group(world: World) -> None:
    world.people = [
        *persons(1, 2, loyalty="or"),
        *persons(3, loyalty="argent"),
        *persons(4, loyalty="none"),
        *persons(5),
    ]
    world.web = [event(1, "view", 2), event(2, "view", 2), *[event(3, "view", 3)] * 4, event(5, "view", 2)]
    expected: dict[str, list[Decimal | None]] = {
        "": [Decimal("0.8"), Decimal(0), Decimal("0.4")],
        "person": [Decimal("0.8"), Decimal(0), Decimal("0.2")],
        "active_person": [Decimal(4), None, Decimal(1)],
    }
    for per, values in expected.items():
        world.model = moving({"count": "view", **({"per": per} if per else {})}, 5)
        world.model["thresholds"]["usual"]["by"] = "loyalty"
        found = world.run(segment("it", {"trait": "activity_30d", "more_than": {"threshold": "usual"}}))["it"]
        assert [each.group for each in found.thresholds] == ["argent", "none", "or"]
        assert [each.value for each in found.thresholds] == values
        assert found.subject_ids.to_pylist() == {"": [1, 2, 3], "person": [1, 2, 3], "active_person": []}[per]


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


def test_a_jump_that_a_person_accepted_stands_and_is_what_the_next_run_is_held_against(world: World) -> None:
    world.people, world.model = points(10, 20, 30), with_points(GUARDED)
    history = MemoryHistory()
    world.run(segment("it", REACHED), as_of=T - DAY, history=history)
    world.people = points(1, 2, 3)
    kept = world.run(segment("it", REACHED), history=history)["it"].thresholds[0]
    history.save([ThresholdValue("limit", "", T, kept.computed, kept.definition, accepted=True)])
    again = world.run(segment("it", REACHED), history=history)["it"].thresholds[0]
    assert (again.value, again.kept, again.accepted) == (Decimal(2), False, True)
    assert [(each.value, each.accepted) for each in history.series("limit")] == [
        (Decimal(20), False),
        (Decimal(2), True),
    ]
    next_day = world.run(segment("it", REACHED), as_of=T + DAY, history=history)["it"].thresholds[0]
    assert (next_day.value, next_day.previous, next_day.kept) == (Decimal(2), Decimal(2), False)


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
