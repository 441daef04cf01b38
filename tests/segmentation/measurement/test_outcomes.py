"""What groups did, against a naive count on random data; and what is no measure."""

from collections.abc import Mapping
from pathlib import Path
from statistics import mean, variance
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.segmentation.measurement.outcomes import GROUPS, Measured, measured
from passerelle.segmentation.wrong import Misdefined
from tests.exploring import examples
from tests.segmentation.world import DAY, Row, T, World, event, purchase

TRAITS = {
    "bought": {"count": "purchase", "within": "7d"},
    "paid": {"sum": "purchase.amount", "where": {"status": {"is": "paid"}}},
    "seconds": {"sum": "view.seconds"},
    "looked": {"count": ["view", "cart", "purchase"]},
}
LENGTH = 10 * DAY
Since = Mapping[int, tuple[str, int]]

ARMS = st.dictionaries(st.integers(0, 9), st.tuples(st.sampled_from(["sent", "held_out"]), st.integers(0, 30)))
BOUGHT = st.builds(
    purchase,
    st.integers(0, 11),
    st.integers(0, 45),
    st.one_of(st.none(), st.integers(0, 90_000)),
    st.sampled_from(["paid", "cancelled"]),
)
SEEN = st.builds(
    lambda person, days, seconds: event(person, "view", days, seconds=seconds),
    st.integers(0, 11),
    st.integers(0, 45),
    st.one_of(st.none(), st.integers(-4_000, 4_000).map(lambda value: value / 8)),
)


def run(world: World, since: Since, *measures: str) -> list[Measured]:
    rows = {
        "subject_id": list(since),
        "arm": [arm for arm, _ in since.values()],
        "since": [T - days * DAY for _, days in since.values()],
    }
    return measured(
        pa.table(rows, GROUPS),
        measures,
        length=LENGTH,
        model=world.modelled(),
        segments={},
        dataset=world.dataset(),
        as_of=T,
    )


def naive(rows: list[Row], since: Since, low: int, high: int, value: Any) -> dict[str, list[tuple[bool, float]]]:  # noqa: ANN401 - a function of a row
    found: dict[str, list[tuple[bool, float]]] = {}
    for person, (arm, days) in since.items():
        first = T - days * DAY
        theirs = [row for row in rows if row["subject_id"] == person and low <= row["at"] - first < high]
        theirs = [row for row in theirs if row["at"] < T]
        found.setdefault(arm, []).append((bool(theirs), sum(value(row) or 0 for row in theirs)))
    return found


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(6))
@given(ARMS.filter(bool), st.lists(BOUGHT, max_size=25), st.lists(SEEN, max_size=15))
def test_outcomes_are_those_of_a_naive_count(world: World, since: Since, orders: list[Row], web: list[Row]) -> None:
    world.orders, world.web, world.model = orders, web, {"traits": TRAITS}
    rows = {
        "bought": (orders, lambda _row: 1),
        "paid": ([row for row in orders if row["status"] == "paid"], lambda row: (row["amount"] or 0) / 100),
        "seconds": (web, lambda row: row["seconds"]),
        "looked": ([*orders, *web], lambda _row: 1),
    }
    for each in run(world, since, *TRAITS):
        for found, low, high in ((each.after, 0, LENGTH), (each.before, -LENGTH, 0)):
            expected = naive(list(rows[each.measure][0]), since, low, high, rows[each.measure][1])
            assert found.keys() == expected.keys()
            for arm, people in expected.items():
                values = [value for _, value in people]
                outcome = found[arm]
                assert (outcome.share.did, outcome.share.people) == (sum(did for did, _ in people), len(people))
                assert outcome.mean.mean == pytest.approx(mean(values))
                assert outcome.mean.variance == pytest.approx(variance(values) if len(values) > 1 else 0)
                assert float(outcome.total) / (100 if each.measure == "paid" else 1) == pytest.approx(sum(values))


@pytest.mark.parametrize(
    ("days_ago", "after", "before"),
    [(20, 1, 0), (10.0001, 1, 0), (10, 0, 0), (20.0001, 0, 1), (30, 0, 1), (30.0001, 0, 0)],
)
def test_days_begin_at_the_first_instant_and_end_before_the_last(
    world: World, days_ago: float, after: int, before: int
) -> None:
    world.orders = [purchase(1, days_ago)]
    (found,) = run(world, {1: ("sent", 20), 2: ("sent", 0), 3: ("sent", 40)}, "orders_365d")
    assert (found.after["sent"].share.did, found.before["sent"].share.did) == (after, before)


def test_a_merged_person_did_what_both_did(world: World) -> None:
    world.orders, world.merges = [purchase(7, 5), purchase(1, 4)], {7: 1}
    (found,) = run(world, {1: ("sent", 6)}, "orders_365d")
    assert found.after["sent"].mean.mean == 2


@pytest.mark.parametrize("name", ["recency_days", "usual_gap_days"])
def test_what_nobody_has_who_did_nothing_is_no_measure(world: World, name: str) -> None:
    with pytest.raises(Misdefined, match="is no measure") as refused:
        run(world, {1: ("sent", 6)}, name)
    assert refused.value.path == ("traits", name)


def test_a_measure_that_is_misspelt_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(Misdefined) as refused:
        run(World(tmp_path), {1: ("sent", 6)}, "orders_356d")
    assert "orders_365d" in refused.value.advice
