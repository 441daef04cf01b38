"""Figures of funnels, ladders and ways: counted by hand, and nothing of few people."""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.segmentation import Evaluation, MemoryHistory, evaluating
from passerelle.segmentation.journeys.few import untold
from passerelle.segmentation.journeys.funnels import FunnelFigures, Stage, funnel_figures
from passerelle.segmentation.journeys.ladders import LadderFigures, ladder_figures, standing
from passerelle.segmentation.journeys.markov import chances, reaching, removal_effects
from passerelle.segmentation.journeys.ways import JourneyFigures, Way, journey_figures
from tests.segmentation.journeys import slowly
from tests.segmentation.journeys.test_funnels import STEPS
from tests.segmentation.journeys.test_ladders import NAMES, everybody, ladder
from tests.segmentation.journeys.test_properties import events, filled, own
from tests.segmentation.test_properties import PEOPLE, examples
from tests.segmentation.world import DAY, HOUR, Row, T, World, event, persons, purchase


@contextmanager
def opened(world: World, *names: str, as_of: int = T, extra: Sequence[str] = ()) -> Iterator[Evaluation]:
    with evaluating(
        names,
        model=world.modelled(),
        segments={},
        dataset=world.dataset(),
        as_of=as_of,
        history=MemoryHistory(),
        extra=extra,
    ) as run:
        yield run


def funnelled(world: World, minimum: int = 0, by: str | None = None, **more: object) -> FunnelFigures:
    world.model = {"funnels": {"buying": {"steps": STEPS, **more}}}
    with opened(world, extra=[by] if by else []) as run:
        return funnel_figures(run, "buying", minimum=minimum, by=by)


def laddered(world: World, minimum: int = 0, since: int | None = None) -> LadderFigures:
    before = None
    if since is not None:
        with opened(world, "ladder closeness", as_of=since) as run:
            before = standing(run, "closeness")
    with opened(world, "ladder closeness") as run:
        return ladder_figures(run, "closeness", minimum=minimum, before=before, since=since or 0)


def journeyed(world: World, minimum: int = 0, **journey: object) -> JourneyFigures:
    world.model = {"journeys": {"it": journey}}
    with opened(world) as run:
        return journey_figures(run, "it", minimum=minimum)


# --- funnels
def shop(world: World) -> World:
    world.people = [*persons(1, 2, 3, loyalty="or"), *persons(4, 5)]
    world.web = [event(person, "view", 5) for person in (1, 2, 3, 4)]
    world.web += [event(person, "view", 4.5) for person in (1, 2)]
    world.web += [event(person, "cart", 4) for person in (1, 2, 4)] + [event(2, "cart", 1)]
    world.orders = [purchase(1, 3), purchase(1, 1)]
    return world


def test_a_funnel_counts_people_and_takes_the_median_of_first_arrivals(world: World) -> None:
    found = funnelled(shop(world))
    assert found.groups[0].stages == (
        Stage("looked", 4, None),
        Stage("carted", 3, 43_200.0),  # from the last look before: twice half a day, and once a day
        Stage("bought", 1, 86_400.0),
    )


def test_a_funnel_by_group_tells_nothing_of_few(world: World) -> None:
    found = funnelled(shop(world), by="loyalty")
    assert [(each.group, [stage.people for stage in each.stages]) for each in found.groups] == [
        ("", [4, 3, 1]),
        ("or", [3, 2, 1]),
        ("unknown", [1, 1, 0]),
    ]
    few = funnelled(shop(world), by="loyalty", minimum=3)
    assert few.small_groups == 2
    # Of 3 with `or`, the one without could be told by subtraction.
    assert [(each.group, [stage.people for stage in each.stages]) for each in few.groups] == [("", [4, 3, None])]
    assert few.groups[0].stages[2] == Stage("bought", None, None)


@examples
@given(rows=events, strict=st.booleans(), within=st.sampled_from([None, "2d"]), longest=st.sampled_from([None, "3d"]))
def test_funnels_of_random_people(
    world: World, rows: list[Row], strict: bool, within: str | None, longest: str | None
) -> None:
    filled(world, rows, {})
    steps = [STEPS[0], {**STEPS[1], **({"within": within} if within else {})}, STEPS[2]]
    more: dict[str, Any] = {"order": "strict" if strict else "loose", **({"within": longest} if longest else {})}
    found = funnelled(world, steps=steps, **more)
    arrived: list[list[int]] = [[], [], []]
    for person in PEOPLE:
        happened = [[row["at"] for row in own(rows, person, name)] for name in ("view", "cart", "purchase")]
        every = [at for instants in happened for at in instants] if strict else None
        found_ways = slowly.ways(
            happened, [None, 2 * DAY if within else None, None], 3 * DAY if longest else None, every
        )
        for index, ways in enumerate(found_ways):
            if ways:
                first = min(way[-1] for way in ways)
                arrived[index].append(first - max(way[-2] for way in ways if way[-1] == first) if index else 0)
    for stage, taken in zip(found.groups[0].stages, arrived, strict=True):
        assert stage.people == len(taken)
        median = sorted(taken)[(len(taken) - 1) // 2] / 1_000_000 if taken and stage.step != "looked" else None
        assert stage.median == median


# --- ladders
def test_a_ladder_counts_each_person_once(world: World) -> None:
    everybody(world).model = ladder()
    found = laddered(world)
    assert (found.steps, found.people, found.moves) == (tuple(NAMES), (1, 1, 2, 4), None)
    assert laddered(world, minimum=2).people == (None, None, 2, 4)
    assert laddered(world, minimum=3).people == (None, None, None, 4)


def test_moves_are_between_the_same_rules_at_two_instants(world: World) -> None:
    steps = [
        {"step": "visitor", "where": {"did": "view", "within": "30d"}},
        {"step": "buyer", "where": {"did": "purchase"}},
    ]
    world.people = persons(*range(1, 7))
    world.web = [event(person, "view", days) for person, days in ((1, 35), (2, 5), (3, 35), (4, 10))]
    world.orders = [purchase(3, 2), purchase(4, 40), purchase(5, 1)]
    world.model = {"ladders": {"closeness": {"steps": steps}}}
    found = laddered(world, since=T - 20 * DAY)
    assert found.people == (2, 1, 3)
    assert found.moves is not None
    assert found.moves.people == ((1, 1, 1), (1, 0, 1), (0, 0, 1))
    assert (found.moves.up, found.moves.down, found.moves.stayed) == (3, 1, 2)
    few = laddered(world, since=T - 20 * DAY, minimum=2).moves
    assert few is not None
    assert few.people == ((None, None, None), (None, 0, None), (0, 0, None))
    assert (few.up, few.down, few.stayed) == (3, None, None)  # with two of three, the third would be known


# --- ways
STATES = {
    "front": {"event": "view", "where": {"page": {"is": "/"}}},
    "page": {"event": "view"},
    "cart": {"event": "cart"},
    "bought": {"event": "purchase"},
}


def seen(found: JourneyFigures) -> Counter[tuple[str, str]]:
    return Counter({(way.source, way.target): way.times for way in found.ways})


def test_ways_begin_and_end_and_a_goal_ends_them(world: World) -> None:
    world.people = persons(1, 2)
    world.web = [event(1, "view", 5, page="/"), event(1, "view", 4, page="/a"), event(1, "view", 2, page="/a")]
    world.web += [event(2, "view", 5, page="/b"), event(2, "newsletter_open", 4)]
    world.orders = [purchase(1, 3)]
    found = journeyed(world, states=STATES, goal="bought")
    assert seen(found) == {
        ("start", "front"): 1,
        ("front", "page"): 1,
        ("page", "bought"): 1,
        ("start", "page"): 2,
        ("page", "end"): 2,
    }
    assert (found.journeys, found.goal, found.untold) == (3, "bought", 0)
    assert found.chance == pytest.approx(1 / 3)
    assert found.ways[0] == Way("page", "end", 2, 2, 2 / 3)
    # Without the front page, of three journeys the one that began there ends; the model does not know which one bought.
    assert {state.name: state.removal_effect for state in found.states} == {
        "bought": None,
        "front": pytest.approx(1 / 3),
        "page": 1.0,
    }


def test_the_most_frequent_values_are_states_and_all_others_are_one(world: World) -> None:
    world.people = persons(*range(1, 5))
    pages = {"/a": (1, 2, 3), "/b": (1, 2), "end": (1, 2), "/d": (4,)}
    world.web = [
        event(person, "view", 9 - number, page=page)
        for number, (page, people) in enumerate(pages.items())
        for person in people
    ]
    world.web = [*world.web, event(4, "view", 1, page=None)]
    found = journeyed(world, values="view.page", most=3)
    assert [state.name for state in found.states] == ["/a", "/b", '"end"', "other"]
    assert seen(found)["other", "end"] == 1
    few = journeyed(world, values="view.page", most=3, minimum=2)
    assert seen(few) == {("/b", '"end"'): 2, ('"end"', "end"): 2}  # one went elsewhere from the start, and from /a
    assert few.untold == 5


def test_what_few_people_did_is_not_told_and_counts_in_shares(world: World) -> None:
    world.people = persons(*range(30))
    world.web = [event(person, "view", 5, page="/x") for person in range(30)]
    world.web += [event(person, "cart", 4) for person in range(12)] + [event(99, "cart", 4)] * 40
    world.orders = [purchase(person, 3) for person in range(3)]
    found = journeyed(world, minimum=10, states=STATES, goal="bought")
    assert journeyed(world, minimum=31, states=STATES, goal="bought").journeys is None
    # 3 bought, so 9 ended at the cart; 18 more who ended are not told, or the 9 could be found.
    assert seen(found) == {("start", "page"): 30, ("page", "cart"): 12}
    assert (found.untold, found.chance) == (3, None)
    assert found.ways[1].share == pytest.approx(0.4)
    assert [(state.name, state.visits, state.removal_effect) for state in found.states] == [
        ("page", 30, None),
        ("cart", 12, None),
    ]


@examples
@given(rows=events, gap=st.sampled_from([None, 24]), goal=st.sampled_from([None, "bought"]))
def test_ways_of_random_people(world: World, rows: list[Row], gap: int | None, goal: str | None) -> None:
    filled(world, rows, {})
    states = {"cart": {"event": "cart"}, "page": {"event": "view"}, "bought": {"event": "purchase"}}
    order = ["bought", "cart", "page"] if goal else [*states]
    names = {"cart": "cart", "view": "page", "purchase": "bought"}
    expected: Counter[tuple[str, str]] = Counter()
    for person in PEOPLE:
        mine = own(rows, person, *names)
        expected += slowly.transitions(mine, lambda row: names[row["event"]], order, gap and gap * HOUR, goal)
    more: dict[str, Any] = {"goal": goal, "gap": gap and f"{gap}h"}
    found = journeyed(world, states=states, **{key: value for key, value in more.items() if value})
    assert seen(found) == expected
    if goal and expected:
        whole = sum(n for (source, _), n in expected.items() if source == "start")
        reached = sum(n for (_, target), n in expected.items() if target == "bought")
        assert found.journeys == whole
        # What flows in flows out, so the chain's chance is what happened.
        assert (found.chance or 0) == pytest.approx(reached / whole)


def test_the_order_of_rows_and_doubled_rows_change_no_way(world: World) -> None:
    chance = random.Random(3)  # noqa: S311 - no secret
    rows: list[Row] = [
        {**event(chance.randrange(20), chance.choice(["view", "cart"]), 0), "at": T - chance.randrange(60) * HOUR}
        for _ in range(200)
    ]
    filled(world, rows, {})
    first = journeyed(world, states=STATES, gap="2h")
    filled(world, chance.sample(rows, len(rows)) + rows[:50], {})
    assert journeyed(world, states=STATES, gap="2h") == first


# --- what is not told
@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"a": 50, "b": 20, "c": 30}, set()),
        ({"a": 50, "b": 5, "c": 30}, {"b", "c"}),  # of a known sum, 5 would be what is left
        ({"a": 50, "b": 5, "c": 6, "d": 0}, {"b", "c"}),
        ({"a": 5, "b": 0}, {"a"}),
        ({"b": 5, "a": 30, "c": 30}, {"b", "a"}),
    ],
)
def test_nothing_of_few_is_left_over_for_a_sum_to_tell(counts: dict[str, int], expected: set[str]) -> None:
    assert untold(counts, [key for key, n in counts.items() if 0 < n < 10], [counts], 10) == expected


def test_in_a_matrix_rows_and_columns_hide_together() -> None:
    cells = {(row, column): 20 for row in range(3) for column in range(3)} | {(0, 0): 3}
    lines = [[(row, n) for n in range(3)] for row in range(3)] + [
        [(n, column) for n in range(3)] for column in range(3)
    ]
    hidden = untold(cells, [(0, 0)], lines, 10)
    assert hidden == {(0, 0), (0, 1), (1, 0)}
    assert all(sum(cells[cell] for cell in line if cell in hidden) in {0, 20, 23} for line in lines)


# --- the chain
def test_removal_effects_are_those_of_the_published_example() -> None:
    """Four paths (https://serhiipuzyrov.com/2019/07/markov-chain-attribution-simple-explanation-of-removal-effect/)."""
    counts = {
        ("start", "google"): 4,
        ("start", "mailing"): 1,
        ("google", "bought"): 2,
        ("google", "mailing"): 1,
        ("google", "end"): 1,
        ("mailing", "bought"): 2,
    }
    table = chances(counts, ["google", "mailing", "bought"], start="start", end="end", goal="bought")
    assert reaching(table, "bought", "start") == pytest.approx(0.8)
    assert removal_effects(table, "bought", "start") == {"google": pytest.approx(0.75), "mailing": pytest.approx(0.5)}


def test_smoothing_gives_each_possible_step_a_chance() -> None:
    table = chances({("start", "a"): 3, ("a", "b"): 1}, ["a", "b"], start="start", end="end", goal=None, smoothing=1)
    assert table["start"] == {"a": pytest.approx(4 / 5), "b": pytest.approx(1 / 5)}
    assert table["a"] == {"a": pytest.approx(1 / 4), "b": pytest.approx(2 / 4), "end": pytest.approx(1 / 4)}
    assert table["b"] == {target: pytest.approx(1 / 3) for target in ("a", "b", "end")}


def test_a_circle_that_leads_nowhere_reaches_nothing() -> None:
    counts = {("a", "a"): 1, ("a", "b"): 1, ("b", "a"): 1, ("start", "a"): 1, ("start", "goal"): 1}
    table = chances(counts, ["a", "b", "goal"], start="start", end="end", goal="goal")
    assert reaching(table, "goal", "start") == pytest.approx(0.5)
    assert reaching(table, "goal", "a") == 0
    assert removal_effects(table, "goal", "a") == {}


def test_a_state_of_which_nothing_was_counted_leads_to_the_end() -> None:
    table = chances({("start", "a"): 1}, ["a"], start="start", end="end", goal=None)
    assert table["a"] == {"end": 1.0}
