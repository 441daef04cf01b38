from passerelle.segmentation import ModelFile, check, evaluate
from tests.segmentation.world import DAY, HOUR, T, World, event, persons, purchase, segment


def test_count_and_sum_are_zero_for_people_without_events(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [purchase(1, 1)]
    assert world.members({"trait": "orders_365d", "is": 0}) == {2}
    assert world.members({"trait": "revenue_365d", "is": 0}) == {2}


def test_other_statistics_are_missing_for_people_without_events(world: World) -> None:
    world.people = persons(1)
    world.model = {
        "traits": {
            "mean": {"avg": "purchase.amount"},
            "most": {"max": "purchase.amount"},
            "since": {"since_first": "purchase"},
            "last": {"last": "view.page"},
        }
    }
    for name in ("mean", "most", "since", "last", "recency_days", "usual_gap_days"):
        assert world.members({"trait": name, "missing": True}) == {1}


def test_a_default_takes_the_place_of_a_missing_value(world: World) -> None:
    world.people = [{"subject_id": 1, "loyalty": "or"}, {"subject_id": 2}]
    traits = {"tier": {"column": "loyalty", "default": "none"}, "since": {"recency": "purchase", "default": 9999}}
    world.model = {"traits": traits}
    assert world.members({"trait": "tier", "is": "none"}) == {2}
    assert world.members({"trait": "since", "is": 9999}) == {1, 2}


def test_days_since_are_full_days_of_24_hours(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [{**purchase(1, 0), "at": T - 10 * DAY}, {**purchase(2, 0), "at": T - 10 * DAY + 1}]
    assert world.members({"trait": "recency_days", "is": 10}) == {1}
    assert world.members({"trait": "recency_days", "is": 9}) == {2}


def test_time_is_counted_in_the_unit_asked_for(world: World) -> None:
    world.people = persons(1)
    world.orders = [{**purchase(1, 0), "at": T - 50 * HOUR}]
    world.model = {"traits": {"hours": {"recency": "purchase", "unit": "hour"}}}
    assert world.members({"trait": "hours", "is": 50}) == {1}


def test_a_rhythm_needs_two_events(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [purchase(1, 5), purchase(2, 5), purchase(2, 10), purchase(2, 25)]
    assert world.members({"trait": "usual_gap_days", "missing": True}) == {1}
    assert world.members({"trait": "usual_gap_days", "is": 10}) == {2}


def test_mean_smallest_and_greatest(world: World) -> None:
    world.people = persons(1)
    world.orders = [purchase(1, 1, 1_000), purchase(1, 2, 2_001), purchase(1, 3, None)]
    world.model = {
        "traits": {
            "mean": {"avg": "purchase.amount"},
            "least": {"min": "purchase.amount"},
            "most": {"max": "purchase.amount"},
        }
    }
    assert world.members({"trait": "mean", "is": 15.005}) == {1}
    assert world.members({"trait": "least", "is": 10.00}) == {1}
    assert world.members({"trait": "most", "is": 20.01}) == {1}


def test_distinct_first_last_and_favourite(world: World) -> None:
    world.people = persons(1)
    pages = ["b", "a", "b", "a", "c", None]
    world.web = [event(1, "view", 10 - i, page=page) for i, page in enumerate(pages)]
    names = ("distinct", "first", "last", "favourite")
    world.model = {"traits": {name: {name: "view.page"} for name in names}}
    assert world.members({"trait": "distinct", "is": 3}) == {1}
    assert world.members({"trait": "first", "is": "b"}) == {1}
    assert world.members({"trait": "last", "is": "c"}) == {1}
    assert world.members({"trait": "favourite", "is": "a"}) == {1}  # as often as b, and before it


def test_events_at_one_instant_give_the_same_first_and_last_whatever_their_order(world: World) -> None:
    world.people = persons(1)
    world.model = {"traits": {"first": {"first": "view.page"}, "last": {"last": "view.page"}}}
    for pages in (["x", "y"], ["y", "x"]):
        world.web = [event(1, "view", 1, page=page) for page in pages]
        assert world.members({"trait": "first", "is": "x"}) == {1}
        assert world.members({"trait": "last", "is": "x"}) == {1}


def test_sums_of_fractions_do_not_depend_on_the_order_of_rows(world: World) -> None:
    world.people = persons(1)
    world.model = {"traits": {"time": {"sum": "view.seconds"}}}
    seconds = [0.1, 1e9, 0.2, -1e9, 0.3]
    for order in (seconds, seconds[::-1], sorted(seconds)):
        world.web = [event(1, "view", i + 1, seconds=value) for i, value in enumerate(order)]
        assert world.members({"trait": "time", "is": 0.6}) == {1}


def test_all_people_are_those_of_the_person_tables(world: World) -> None:
    world.people = persons(1)
    world.orders = [purchase(1, 1), purchase(2, 1)]
    assert world.members({"did": "purchase"}) == {1}
    assert world.run(segment("it", {"did": "purchase"}))["it"].population == 1


def test_the_population_can_be_widened_to_people_with_events(world: World) -> None:
    world.people = persons(1)
    world.orders = [purchase(2, 1), purchase(3, -1)]
    world.model = {"population": ["customers", "orders"]}
    assert world.members({"not": {"attribute": "loyalty", "is": "or"}}) == {1, 2}


def test_people_who_were_merged_are_one_person(world: World) -> None:
    world.people = [{"subject_id": 1, "loyalty": "or"}, {"subject_id": 2, "loyalty": "argent", "points": 7}]
    world.orders = [purchase(1, 1), purchase(2, 2)]
    world.merges = {2: 1}
    assert world.members({"trait": "orders_365d", "is": 2}) == {1}
    assert world.members({"attribute": "loyalty", "is": "or"}) == {1}  # the surviving record goes first
    assert world.members({"attribute": "points", "is": 7}) == {1}  # and lacks are filled from the other


def test_people_who_are_gone_are_nobody(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [purchase(1, 1), purchase(2, 1)]
    world.gone = [2]
    assert world.members({"did": "purchase"}) == {1}
    assert world.run(segment("it", {"not": {"did": "purchase"}}))["it"].population == 1


def test_the_same_person_twice_in_a_person_table_counts_once(world: World) -> None:
    world.people = [*persons(1, loyalty="or"), *persons(1), *persons(2)]
    assert world.members({"attribute": "loyalty", "is": "or"}) == {1}


def test_tables_without_files_are_empty(world: World) -> None:
    dataset = world.dataset()
    for table in dataset.tables.values():
        object.__setattr__(table, "files", ())
    model = ModelFile.model_validate(world.modelled().model_dump(by_alias=True, exclude_none=True) and _plain())
    it = segment("it", {"did": "purchase"})
    assert evaluate(["it"], model=model, segments={"it": it}, dataset=dataset, as_of=T)["it"].size == 0


def _plain() -> dict[str, object]:
    from tests.segmentation.world import MODEL

    return MODEL


def test_a_trait_is_told_of_each_of_a_segments_people_money_as_people_write_it(world: World) -> None:
    world.people = [*persons(3, 1), {"subject_id": 2, "ratio": 0.5}]
    world.orders = [purchase(1, 1, 12_345), purchase(3, 1, -200)]
    world.model = {"traits": {"share": {"column": "ratio"}, "spent": {"sum": "purchase.amount"}}}
    everybody = segment("all", {"trait": "orders_365d", "at_least": 0})
    told = evaluate(
        ["all"],
        model=world.modelled(),
        segments={"all": everybody},
        dataset=world.dataset(),
        as_of=T,
        values={"all": ["spent", "share", "orders_365d"]},
    )["all"]
    assert told.subject_ids.to_pylist() == [1, 2, 3]
    assert {name: values.to_pylist() for name, values in told.values.items()} == {
        "spent": [123.45, 0.0, -2.0], "share": [None, 0.5, None], "orders_365d": [1.0, 0.0, 1.0],
    }  # fmt: skip


def test_a_trait_that_is_no_amount_is_refused_as_a_value(world: World) -> None:
    world.people = persons(1)
    world.model = {"traits": {"tier": {"column": "loyalty"}}}
    (problem,) = check(world.modelled(), {}, world.dataset().tables, amounts=["tier"])
    assert (problem.document, problem.path) == ("model.yaml", ("traits", "tier"))
    assert "a text" in problem.message
