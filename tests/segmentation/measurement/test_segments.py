"""Overlap, make-up and months, against naive counts on random data; and what is too few to be told."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import mean, variance
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.segmentation import MemoryHistory
from passerelle.segmentation.measurement.makeup import Cell, Figures, Values, makeup, merged
from passerelle.segmentation.measurement.months import by_month, edges
from passerelle.segmentation.measurement.overlap import overlap
from tests.exploring import examples
from tests.segmentation.world import DAY, Row, T, World, persons, purchase, segment

FEW = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(6))
GOLD = segment("gold", {"attribute": "loyalty", "is": "gold"})
VIP = segment("vip", {"attribute": "vip", "is": True})
RICH = segment("rich", {"attribute": "credit", "at_least": 50}, holdout={"percent": 50, "salt": "s"})
PERSON = st.fixed_dictionaries(
    {
        "loyalty": st.sampled_from(["gold", "silver", None]),
        "vip": st.sampled_from([True, False, None]),
        "credit": st.one_of(st.none(), st.integers(0, 10_000)),
    }
)
PEOPLE = st.lists(PERSON, min_size=1, max_size=30).map(
    lambda rows: [{"subject_id": number, **row} for number, row in enumerate(rows)]
)


def asked(world: World) -> dict[str, Any]:
    return {
        "model": world.modelled(),
        "segments": {each.segment: each for each in (GOLD, VIP, RICH)},
        "dataset": world.dataset(),
        "as_of": T,
        "history": MemoryHistory(),
    }


def members(people: Sequence[Row], name: str) -> set[int]:
    holds: dict[str, Callable[[Row], bool]] = {
        "gold": lambda row: row["loyalty"] == "gold",
        "vip": lambda row: row["vip"] is True,
        "rich": lambda row: (row["credit"] or 0) >= 5_000,
    }
    return {row["subject_id"] for row in people if holds[name](row)}


@FEW
@given(PEOPLE)
def test_overlap_is_that_of_sets_before_any_holdout(world: World, people: list[Row]) -> None:
    world.people = people
    found = overlap(["gold", "vip", "rich"], **asked(world))
    sets = {name: members(people, name) for name in ("gold", "vip", "rich")}
    assert found.sizes == {name: len(theirs) for name, theirs in sets.items()}
    assert [*found.pairs] == [("gold", "vip"), ("gold", "rich"), ("vip", "rich")]
    for (one, other), shared in found.pairs.items():
        both, either = sets[one] & sets[other], sets[one] | sets[other]
        assert shared.both == len(both)
        assert shared.jaccard == (len(both) / len(either) if either else 0)
        assert shared.of_one * len(sets[one]) == pytest.approx(len(both))
        assert shared.of_other * len(sets[other]) == pytest.approx(len(both))


@FEW
@given(PEOPLE)
def test_a_makeup_counts_each_value_inside_and_outside(world: World, people: list[Row]) -> None:
    world.people = people
    values, figures = makeup("gold", ["vip", "credit"], **asked(world), minimum=1)
    gold = members(people, "gold")
    assert isinstance(values, Values)
    words = {True: "yes", False: "no", None: "unknown"}
    for cell in values.cells:
        theirs = {row["subject_id"] for row in people if words[row["vip"]] == cell.value}
        assert (cell.members, cell.others) == (len(theirs & gold), len(theirs - gold))
    assert sum(cell.members + cell.others for cell in values.cells) == len(people)
    assert isinstance(figures, Figures)
    for found, inside in ((figures.members, True), (figures.others, False)):
        amounts = [
            row["credit"] / 100 for row in people if (row["subject_id"] in gold) == inside and row["credit"] is not None
        ]
        assert (found is None) == (not amounts)
        if found is not None:
            assert found.people == len(amounts)
            assert found.mean == pytest.approx(mean(amounts))
            assert found.variance == pytest.approx(variance(amounts) if len(amounts) > 1 else 0)


CELLS = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 25)), max_size=8).map(
    lambda rows: [Cell(str(number), *row) for number, row in enumerate(rows)]
)


@given(CELLS)
def test_of_few_people_no_cell_is_told_and_nobody_is_lost(cells: list[Cell]) -> None:
    told = merged(cells, Cell("…", 0, 0), 10)
    for cell in told:
        assert all(count == 0 or count >= 10 for count in (cell.members, cell.others))
        assert cell.members + cell.others >= 10
    if told:
        assert sum(cell.members for cell in told) == sum(cell.members for cell in cells)
        assert sum(cell.others for cell in told) == sum(cell.others for cell in cells)
    fine = all(n == 0 or n >= 10 for cell in cells for n in (cell.members, cell.others, cell.members + cell.others))
    if fine:
        assert {cell.value for cell in told} == {cell.value for cell in cells if cell.members + cell.others}


def test_a_segment_that_is_like_everybody_does_not_differ_and_another_does(world: World) -> None:
    rows = persons(*range(20), loyalty="gold", vip=True) + persons(*range(20, 40), loyalty="silver", vip=True)
    world.people = rows + persons(*range(40, 60), loyalty="gold", vip=False)
    world.people += persons(*range(60, 80), loyalty="silver", vip=False)
    (even,) = makeup("gold", ["vip"], **asked(world), minimum=10)
    assert isinstance(even, Values)
    assert even.test is not None
    assert (even.test.effect, even.test.p) == (0, 1)
    assert [even.difference(cell) for cell in even.cells] == [0, 0]
    (own,) = makeup("gold", ["loyalty"], **asked(world), minimum=10)
    assert isinstance(own, Values)
    assert own.test is not None
    assert own.test.effect == pytest.approx(1)


def test_few_people_have_no_figures(world: World) -> None:
    world.people = persons(*range(9), loyalty="gold", credit=100) + persons(*range(9, 40), loyalty="silver", credit=1)
    (figures, values) = makeup("gold", ["credit", "vip"], **asked(world), minimum=10)
    assert isinstance(figures, Figures)
    assert (figures.members, figures.difference) == (None, None)
    assert isinstance(values, Values)
    assert (values.cells, values.test) == ([], None)


BOUGHT = st.builds(purchase, st.integers(0, 7), st.integers(0, 200), st.integers(0, 9_000))


def month_of(at: int, back: int = 0) -> str:
    day = datetime.fromtimestamp(at / 1_000_000, tz=UTC).astimezone(ZoneInfo("Europe/Paris"))
    number = day.year * 12 + day.month - 1 - back
    return f"{number // 12}-{number % 12 + 1:02d}"


@FEW
@given(st.lists(BOUGHT, max_size=40), st.sampled_from(["orders_365d", "revenue_365d"]))
def test_months_are_those_of_a_naive_count(world: World, orders: list[Row], measure: str) -> None:
    world.people = persons(0, 1, 2, 3, loyalty="gold") + persons(4, 5, 6)
    world.orders = orders
    found = by_month("gold", measure, 4, **asked(world))
    assert [each.month for each in found.months] == ["2026-07", "2026-08", "2026-09", "2026-10"]
    for each in found.months:
        for doing, who in ((each.members, {0, 1, 2, 3}), (each.everybody, {0, 1, 2, 3, 4, 5, 6})):
            rows = [row for row in orders if row["subject_id"] in who and month_of(row["at"]) == each.month]
            active = {row["subject_id"] for row in rows}
            last = {row["subject_id"] for row in orders if row["subject_id"] in who if _next(row) == each.month}
            assert (doing.people, doing.active, doing.events) == (len(who), len(active), len(rows))
            assert doing.total == (len(rows) if measure == "orders_365d" else sum(row["amount"] for row in rows))
            assert (doing.stayed, doing.before) == (len(active & last), len(last))


def _next(row: Row) -> str:
    return month_of(row["at"], back=-1)


def test_a_month_begins_at_midnight_of_the_models_time_zone() -> None:
    found = edges(T + 11 * DAY, 2, "Europe/Paris")  # 1 December
    assert [name for name, _ in found] == ["2026-10", "2026-11", "2026-12"]
    assert [datetime.fromtimestamp(at / 1e6, tz=UTC).hour for _, at in found] == [22, 23, 23]
