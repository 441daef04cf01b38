"""Only people who could be in are kept for a run, and that changes nobody's membership."""

from typing import Any

import pytest

from passerelle.segmentation import MemoryHistory
from passerelle.segmentation.evaluation import evaluating
from tests.segmentation.world import T, World, event, persons, purchase, segment

PEOPLE = range(1, 21)
BUYER: dict[str, Any] = {"trait": "orders_365d", "at_least": 1}


@pytest.fixture
def shop(world: World) -> World:
    """Twenty people; four bought, as many times as their number, two of them looked at something."""
    world.people = persons(*PEOPLE, loyalty="or")
    world.orders = [purchase(person, day + 1, 1_000 * person) for person in range(1, 5) for day in range(person)]
    world.web = [event(person, "view", 2) for person in (1, 2)]
    world.model = {
        "thresholds": {
            "high": {"quantile": 0.5, "of": "orders_365d", "over": BUYER},
            "usual": {"moving_average": "views", "days": 30},
        },
        "metrics": {"views": {"count": "view", "per": "active_person"}},
        "traits": {"views_30d": {"count": "view", "within": "30d"}},
    }
    return world


def kept(world: World, where: object) -> int:
    """How many people a run keeps that asks for members only."""
    file = segment("it", where)
    with evaluating(
        ["it"],
        model=world.modelled(),
        segments={"it": file},
        dataset=world.dataset(),
        as_of=T,
        history=MemoryHistory(),
        members_only=True,
    ) as run:
        people = run.compiler.people
        assert run.population == len(PEOPLE)
        return int(run.session.fetch(people.aggregate(n=people.count()))["n"][0].as_py())


def test_only_people_who_could_be_in_are_kept(shop: World) -> None:
    assert kept(shop, {"did": "purchase"}) == 4
    assert kept(shop, {"trait": "rfm.r", "at_least": 4}) == 4
    assert kept(shop, {"all": [BUYER, {"trait": "orders_365d", "at_least": {"threshold": "high"}}]}) == 4
    assert kept(shop, {"sequence": {"steps": [{"event": "view"}, {"event": "purchase"}]}}) == 2


def test_a_threshold_read_off_events_is_known_before_people_are_looked_up(shop: World) -> None:
    assert kept(shop, {"trait": "views_30d", "at_least": {"threshold": "usual"}}) == 2


def test_everybody_is_kept_where_anybody_could_be_in(shop: World) -> None:
    assert kept(shop, {"not": {"trait": "orders_365d", "at_least": {"threshold": "high"}}}) == len(PEOPLE)
    assert kept(shop, {"any": [{"did": "purchase"}, {"attribute": "loyalty", "is": "or"}]}) == len(PEOPLE)
    assert kept(shop, {"top": {"n": 3, "by": "orders_365d"}}) == len(PEOPLE)


def test_the_population_is_everybody_whoever_was_kept(shop: World) -> None:
    found = shop.run(segment("it", {"did": "purchase"}))["it"]
    assert (found.size, found.population) == (4, len(PEOPLE))


def test_of_equals_at_the_edge_all_are_among_the_greatest(shop: World) -> None:
    shop.orders = [*shop.orders, purchase(9, 1, 1), purchase(9, 2, 1), purchase(9, 3, 1)]  # as often as 3 did
    assert shop.members({"top": {"n": 2, "by": "orders_365d"}}) == {3, 4, 9}
    assert shop.members({"top": {"percent": 5, "by": "orders_365d"}}) == {4}


@pytest.mark.parametrize("ties", ["include", "hash"])
def test_the_greatest_are_so_among_everybody_and_not_among_those_who_could_be_in(shop: World, ties: str) -> None:
    greatest = {"top": {"n": 2, "by": "orders_365d", "ties": ties}}  # 3 and 4, who looked at nothing
    assert shop.members({"all": [{"did": "view"}, greatest]}) == set()
    found = shop.run(segment("it", {"did": "view"}, exclude=[greatest]))["it"]
    assert found.subject_ids.to_pylist() == [1, 2]


def test_a_table_that_holds_somebody_twice_counts_them_once(shop: World) -> None:
    shop.people = [*shop.people, *persons(1, 2, loyalty="or"), *persons(2**40, 2**40 + 64)]
    found = shop.run(segment("it", {"attribute": "loyalty", "is": "or"}))["it"]
    assert (found.size, found.population) == (20, 22)
