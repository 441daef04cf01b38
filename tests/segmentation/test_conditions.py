from datetime import date

import pytest

from tests.segmentation.world import DAY, HOUR, SECOND, T, World, event, persons, purchase


def test_a_window_is_half_open_and_ends_before_the_instant(world: World) -> None:
    world.people = persons(1, 2, 3, 4)
    world.orders = [
        {**purchase(1, 0), "at": T - 7 * DAY},  # the first instant of the window
        {**purchase(2, 0), "at": T - 7 * DAY - 1},
        {**purchase(3, 0), "at": T},
        {**purchase(4, 0), "at": T - 1},
    ]
    assert world.members({"did": "purchase", "within": "7d"}) == {1, 4}


def test_what_happens_at_or_after_the_instant_is_unknown_even_without_a_window(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [purchase(1, -3), purchase(2, 3)]
    assert world.members({"did": "purchase"}) == {2}


def test_did_counts_events(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.orders = [purchase(1, 1), purchase(1, 2), purchase(2, 3), purchase(3, 1), purchase(3, 2), purchase(3, 3)]
    assert world.members({"did": "purchase", "count": {"at_least": 2}}) == {1, 3}
    assert world.members({"did": "purchase", "count": {"is": 2}}) == {1}
    assert world.members({"did": "purchase", "count": {"less_than": 3}, "within": "1000d"}) == {1, 2}


def test_a_count_of_at_most_takes_people_who_never_did(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [purchase(1, 1), purchase(1, 2)]
    assert world.members({"did": "purchase", "count": {"at_most": 1}}) == {2}


def test_did_not_takes_everybody_else(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.orders = [purchase(1, 5), purchase(2, 50)]
    assert world.members({"did_not": "purchase", "within": "30d"}) == {2, 3}


def test_a_window_may_end_in_the_past(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.orders = [purchase(1, 20), purchase(2, 60), purchase(3, 100)]
    assert world.members({"did": "purchase", "within": "90d", "until": "30d"}) == {2}


def test_events_are_filtered_by_their_columns(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.orders = [purchase(1, 1, 5_000), purchase(2, 1, 4_999), purchase(3, 1, 9_000, "cancelled")]
    where = {"amount": {"at_least": 50.00}, "status": {"is": "paid"}}
    assert world.members({"did": "purchase", "where": where}) == {1}


def test_several_events_of_several_tables_count_together(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [purchase(1, 1)]
    world.web = [event(1, "view", 2), event(2, "cart", 3)]
    assert world.members({"trait": "activity_30d", "at_least": 2}) == {1}


def test_first_time_asks_that_it_never_happened_before(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.orders = [purchase(1, 5), purchase(2, 5), purchase(2, 300), purchase(3, 300)]
    assert world.members({"did": "purchase", "first_time": True, "within": "30d"}) == {1}


def test_regularly_counts_the_periods_in_which_something_happened(world: World) -> None:
    world.people = persons(1, 2)
    world.web = [event(1, "view", day) for day in (1, 8, 15)] + [event(2, "view", day) for day in (1, 2, 3, 4)]
    assert world.members({"did": "view", "regularly": {"periods": 3, "of": 4}}) == {1}


def test_a_period_begins_with_its_first_instant_and_ends_before_the_next(world: World) -> None:
    world.people = persons(1, 2)
    week = 7 * DAY
    world.web = [{**event(1, "view", 0), "at": T - 1}, {**event(1, "view", 0), "at": T - week}]
    world.web += [{**event(2, "view", 0), "at": T - week}, {**event(2, "view", 0), "at": T - week - 1}]
    assert world.members({"did": "view", "regularly": {"periods": 2, "of": 2}}) == {2}


def test_stopped_means_active_before_and_silent_since(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.web = [event(1, "view", 40), event(2, "view", 40), event(2, "view", 5), event(3, "view", 200)]
    assert world.members({"stopped": "view", "active": "60d", "silent": "30d"}) == {1}


def test_restarted_means_back_after_a_silence_and_not_new(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.web = [event(1, "view", 2), event(1, "view", 90), event(2, "view", 2)]
    world.web += [event(3, "view", 2), event(3, "view", 20), event(3, "view", 90)]
    assert world.members({"restarted": "view", "active": "7d", "silent": "30d"}) == {1}


def test_money_is_written_in_euros_and_compared_in_whole_cents(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [purchase(1, 1, 12_050), purchase(2, 1, 12_049)]
    assert world.members({"trait": "revenue_365d", "at_least": 120.50}) == {1}
    assert world.members({"trait": "revenue_365d", "is": 120.50}) == {1}


def test_a_bound_finer_than_a_cent_is_not_rounded(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [purchase(1, 1, 1_000), purchase(2, 1, 1_001)]
    assert world.members({"trait": "revenue_365d", "more_than": 10.005}) == {2}
    assert world.members({"trait": "revenue_365d", "at_most": 10.005}) == {1}
    assert world.members({"trait": "revenue_365d", "is": 10.005}) == set()
    assert world.members({"trait": "revenue_365d", "is_not": 10.005}) == {1, 2}


def test_a_comparison_with_a_missing_value_never_holds(world: World) -> None:
    world.people = [{"subject_id": 1, "loyalty": "or"}, {"subject_id": 2, "loyalty": None}]
    assert world.members({"attribute": "loyalty", "is": "or"}) == {1}
    assert world.members({"attribute": "loyalty", "is_not": "or"}) == set()
    assert world.members({"attribute": "loyalty", "not_in": ["argent"]}) == {1}


def test_not_is_the_complement_so_people_with_a_missing_value_are_in_it(world: World) -> None:
    world.people = [{"subject_id": 1, "loyalty": "or"}, {"subject_id": 2, "loyalty": None}]
    assert world.members({"not": {"attribute": "loyalty", "is": "or"}}) == {2}
    assert world.members({"not": {"attribute": "loyalty", "is_not": "or"}}) == {1, 2}


def test_not_in_asks_for_a_known_value_even_where_nobody_can_have_one_of_the_list(world: World) -> None:
    world.people = [*persons(1, points=5, credit=100), *persons(2)]
    assert world.members({"attribute": "points", "not_in": [0.5]}) == {1}
    assert world.members({"attribute": "credit", "not_in": [0.005]}) == {1}
    assert world.members({"attribute": "points", "in": [0.5]}) == set()


def test_missing_asks_for_it(world: World) -> None:
    world.people = [{"subject_id": 1, "loyalty": "or"}, {"subject_id": 2, "loyalty": None}]
    assert world.members({"attribute": "loyalty", "missing": True}) == {2}
    assert world.members({"attribute": "loyalty", "missing": False}) == {1}
    assert world.members({"trait": "recency_days", "missing": True}) == {1, 2}


def test_texts_are_compared_as_they_are_and_searched_without_case(world: World) -> None:
    world.people = [{"subject_id": 1, "loyalty": "Évry"}, {"subject_id": 2, "loyalty": "évry-centre"}]
    assert world.members({"attribute": "loyalty", "is": "Évry"}) == {1}
    assert world.members({"attribute": "loyalty", "starts_with": "éVRY"}) == {1, 2}
    assert world.members({"attribute": "loyalty", "contains": "-C"}) == {2}


def test_search_texts_have_no_wildcards(world: World) -> None:
    world.people = [{"subject_id": 1, "loyalty": "a%b_"}, {"subject_id": 2, "loyalty": "axbx"}]
    assert world.members({"attribute": "loyalty", "contains": "%b_"}) == {1}


def test_dates_are_compared_with_dates_of_the_time_zone_and_with_ages(world: World) -> None:
    paris_midnight = T - HOUR  # 2026-11-20 00:00 in Paris
    world.people = [
        {"subject_id": 1, "joined": paris_midnight},
        {"subject_id": 2, "joined": paris_midnight - SECOND},
        {"subject_id": 3, "joined": T - 40 * DAY},
    ]
    assert world.members({"attribute": "joined", "at_least": "2026-11-20"}) == {1}
    assert world.members({"attribute": "joined", "less_than": "2026-11-20T00:00:00+01:00"}) == {2, 3}
    assert world.members({"attribute": "joined", "older_than": "30d"}) == {3}
    assert world.members({"attribute": "joined", "newer_than": "30d"}) == {1, 2}


def test_yes_or_no_and_lists_and_ranges(world: World) -> None:
    world.people = [{"subject_id": i, "vip": i % 2 == 0, "points": i * 10, "ratio": i / 2} for i in range(1, 6)]
    assert world.members({"attribute": "vip", "is": True}) == {2, 4}
    assert world.members({"attribute": "points", "in": [10, 30, 31.5]}) == {1, 3}
    assert world.members({"attribute": "points", "between": [20, 40]}) == {2, 3, 4}
    assert world.members({"attribute": "ratio", "between": [0.5, 1.0]}) == {1, 2}
    assert world.members({"attribute": "ratio", "in": [1.5, 2]}) == {3, 4}


def test_not_a_number_is_a_missing_value(world: World) -> None:
    world.people = [{"subject_id": 1, "ratio": float("nan")}, {"subject_id": 2, "ratio": float("inf")}]
    world.people += [{"subject_id": 3, "ratio": 0.5}]
    assert world.members({"attribute": "ratio", "more_than": 0}) == {3}
    assert world.members({"attribute": "ratio", "missing": True}) == {1, 2}


def test_several_words_of_one_comparison_must_all_hold(world: World) -> None:
    world.people = [{"subject_id": i, "points": i} for i in range(10)]
    assert world.members({"attribute": "points", "at_least": 3, "less_than": 5}) == {3, 4}


@pytest.mark.parametrize("word", ["at_least", "gte"])
def test_short_forms_are_the_same_definition(world: World, word: str) -> None:
    world.people = [{"subject_id": i, "points": i} for i in range(3)]
    assert world.members({"attribute": "points", word: 1}) == {1, 2}


def test_a_trait_is_compared_with_another_trait_of_the_same_person(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.orders = [purchase(1, day) for day in (40, 50, 60)]  # a gap of 10 days, silent for 40
    world.orders += [purchase(2, day) for day in (12, 22, 32)] + [purchase(3, 400)]
    condition = {"trait": "recency_days", "more_than": {"trait": "usual_gap_days", "times": 1.5}}
    assert world.members(condition) == {1}


def test_conditions_nest(world: World) -> None:
    world.people = [{"subject_id": i, "points": i, "vip": i > 5} for i in range(10)]
    odd = {"attribute": "points", "in": [1, 3, 5, 7, 9]}
    condition = {"all": [{"any": [odd, {"attribute": "vip", "is": True}]}, {"not": {"attribute": "points", "is": 9}}]}
    assert world.members(condition) == {1, 3, 5, 6, 7, 8}


def test_a_plain_day_is_compared_as_a_day_whatever_the_time_zone(world: World) -> None:
    world.people = [{"subject_id": 1, "born": date(2000, 2, 29)}, {"subject_id": 2, "born": date(2000, 2, 28)}]
    assert world.members({"attribute": "born", "is": "2000-02-29"}) == {1}
    assert world.members({"attribute": "born", "at_least": "2000-02-29"}) == {1}
    assert world.members({"attribute": "born", "at_most": "2000-02-28"}) == {2}
    assert world.members({"attribute": "born", "older_than": "1w"}) == {1, 2}
