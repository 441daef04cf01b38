"""Random people and events: the compiled rules and the naive ones must choose the same people."""

import os
import random
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passerelle.segmentation import Dataset, evaluate
from passerelle.segmentation.engines.duck import DuckDb
from tests.segmentation import naive
from tests.segmentation.world import DAY, HOUR, Row, T, World, segment

PEOPLE = range(1, 21)
Chosen = dict[str, set[int]]

# More examples on demand: PASSERELLE_EXAMPLES=200 pytest tests/segmentation/test_properties.py
EXAMPLES = int(os.environ.get("PASSERELLE_EXAMPLES", "3"))

busy = [HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow]
examples = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=busy)

# Instants on a coarse grid, so that equal times and exact edges of windows are common.
instants = st.builds(lambda hours, off: T - hours * 6 * HOUR + off, st.integers(0, 60), st.sampled_from([-1, 0, 0, 1]))
purchases = st.builds(
    lambda person, at, amount: {"subject_id": person, "event": "purchase", "at": at, "amount": amount},
    st.sampled_from(PEOPLE),
    instants,
    st.one_of(st.none(), st.integers(-300, 300)),
)
clicks = st.builds(
    lambda person, event, at: {"subject_id": person, "event": event, "at": at},
    st.sampled_from(PEOPLE),
    st.sampled_from(["view", "cart"]),
    instants,
)
bought = st.lists(purchases, min_size=10, max_size=60)
clicked = st.lists(clicks, min_size=10, max_size=60)
people = st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=len(PEOPLE), max_size=len(PEOPLE)).map(
    lambda points: [{"subject_id": person, "points": value} for person, value in zip(PEOPLE, points, strict=True)]
)


def chosen(world: World, conditions: dict[str, Any]) -> Chosen:
    files = [segment(name, condition) for name, condition in conditions.items()]
    return {name: set(found.subject_ids.to_pylist()) for name, found in world.run(*files).items()}


def expected(holds: dict[str, Callable[[int], bool]]) -> Chosen:
    return {name: {person for person in PEOPLE if test(person)} for name, test in holds.items()}


@examples
@given(people=people, orders=bought, web=clicked)
def test_counts_and_sums_over_windows(world: World, people: list[Row], orders: list[Row], web: list[Row]) -> None:
    world.people, world.orders, world.web = people, orders, web
    world.model = {
        "traits": {
            "spent": {"sum": "purchase.amount", "within": "10d", "until": "2d"},
            "most": {"max": "purchase.amount"},
            "pages": {"count": ["view", "cart", "purchase"], "within": "5d"},
        }
    }
    everything = [*orders, *web]

    def amounts(person: int, **window: str) -> list[int]:
        found = naive.events_of(orders, person, ["purchase"], window)
        return [row["amount"] for row in found if row["amount"] is not None]

    conditions = {
        "spent": {"trait": "spent", "more_than": 1},
        "most": {"trait": "most", "at_least": 1.5},
        "least": {"not": {"trait": "most", "at_least": 1.5}},
        "pages": {"trait": "pages", "at_least": 2},
        "did": {"did": "purchase", "within": "3d", "count": {"is": 1}},
        "did_not": {"did_not": ["view", "cart"], "within": "1w"},
        "filtered": {"did": "purchase", "where": {"amount": {"less_than": 0}}},
        "both": {"all": [{"did": "view"}, {"not": {"did": "cart", "within": "12h"}}]},
    }
    assert chosen(world, conditions) == expected(
        {
            "spent": lambda p: sum(amounts(p, within="10d", until="2d")) > 100,
            "most": lambda p: max(amounts(p), default=-999) >= 150,
            "least": lambda p: max(amounts(p), default=-999) < 150,
            "pages": lambda p: len(naive.events_of(everything, p, ["view", "cart", "purchase"], {"within": "5d"})) >= 2,
            "did": lambda p: len(naive.events_of(orders, p, ["purchase"], {"within": "3d"})) == 1,
            "did_not": lambda p: not naive.events_of(web, p, ["view", "cart"], {"within": "1w"}),
            "filtered": lambda p: any(amount < 0 for amount in amounts(p)),
            "both": lambda p: (
                bool(naive.events_of(web, p, ["view"], {})) and not naive.events_of(web, p, ["cart"], {"within": "12h"})
            ),
        }
    )


@examples
@given(people=people, share=st.sampled_from(["0.1", "0.25", "0.5", "0.6", "0.9"]), n=st.integers(1, 20))
def test_missing_values_quantiles_and_ranks(world: World, people: list[Row], share: str, n: int) -> None:
    world.people = people
    world.model = {
        "traits": {"points": {"column": "points"}},
        "thresholds": {"limit": {"quantile": float(share), "of": "points"}},
    }
    points = {row["subject_id"]: row["points"] for row in people}
    known = [value for value in points.values() if value is not None]
    limit = naive.quantile(known, share) if known else None
    conditions = {
        "reached": {"trait": "points", "at_least": {"threshold": "limit"}},
        "not_reached": {"not": {"trait": "points", "at_least": {"threshold": "limit"}}},
        "half": {"trait": "points", "less_than": {"threshold": "limit", "times": 0.5}},
        "different": {"attribute": "points", "is_not": 0},
        "fraction": {"attribute": "points", "at_most": -0.5},
        "top": {"top": {"n": n, "by": "points"}},
    }
    greatest = sorted(known, reverse=True)
    edge = greatest[min(n, len(greatest)) - 1] if greatest else 0
    assert chosen(world, conditions) == expected(
        {
            "reached": lambda p: limit is not None and points[p] is not None and points[p] >= limit,
            "not_reached": lambda p: limit is None or points[p] is None or points[p] < limit,
            "half": lambda p: limit is not None and points[p] is not None and points[p] < limit / 2,
            "different": lambda p: points[p] is not None and points[p] != 0,
            "fraction": lambda p: points[p] is not None and points[p] <= -0.5,
            "top": lambda p: points[p] is not None and points[p] >= edge,
        }
    )


SEQUENCES: dict[str, dict[str, Any]] = {
    "abandoned": {"within_last": "7d", "steps": [{"event": "cart"}, {"absent": "purchase", "within": "24h"}]},
    "quick": {"steps": [{"event": "view"}, {"event": "cart", "within": "12h"}]},
    "limited": {"max": "36h", "steps": [{"event": "view"}, {"event": "cart", "within": "24h"}, {"event": "purchase"}]},
    "next": {"steps": [{"event": "view"}, {"event": "cart", "immediately": True}]},
    "next_quick": {"steps": [{"event": "cart"}, {"event": "purchase", "immediately": True, "within": "6h"}]},
    "long": {
        "within_last": "10d",
        "max": "4d",
        "steps": [{"event": "view"}, {"event": "cart"}, {"event": "view"}, {"absent": "cart", "within": "6h"}],
    },
}


@examples
@given(orders=st.lists(purchases, max_size=40), web=st.lists(clicks, min_size=10, max_size=80))
def test_sequences(world: World, orders: list[Row], web: list[Row]) -> None:
    world.people, world.orders, world.web = [{"subject_id": person} for person in PEOPLE], orders, web
    everything = [*orders, *web]
    found = chosen(world, {name: {"sequence": steps} for name, steps in SEQUENCES.items()})
    for name, steps in SEQUENCES.items():
        assert found[name] == {p for p in PEOPLE if naive.sequence(everything, p, steps)}, name


@examples
@given(orders=st.lists(purchases, max_size=40), web=st.lists(clicks, min_size=10, max_size=80))
def test_sessions_passages_and_points(world: World, orders: list[Row], web: list[Row]) -> None:
    world.people, world.orders, world.web = [{"subject_id": person} for person in PEOPLE], orders, web
    visits: dict[str, Any] = {"sessions": ["view", "cart"], "gap": "6h"}
    world.model = {
        "traits": {
            "visits": visits,
            "length": {**visits, "measure": "length", "unit": "hour"},
            "events": {**visits, "measure": "events", "counting": "cart"},
            "weighted": {**visits, "measure": "weighted", "unit": "hour"},
            "step": {"time_between": ["cart", "purchase"], "at_most": "60h"},
            "points": {"engagement": {"view": 1, "cart": 3}, "half_life": "30h"},
            "mixed": {"formula": "(points - 2 * visits) / length"},
        }
    }

    def own(person: int, name: str | None = None) -> list[Row]:
        return [row for row in web if row["subject_id"] == person and row["at"] < T and name in {None, row["event"]}]

    def lengths(person: int) -> list[int]:
        return [rows[-1]["at"] - rows[0]["at"] for rows in naive.sessions(own(person), 6 * HOUR)]

    def steps(person: int) -> list[int]:
        bought = {row["at"] for row in orders if row["subject_id"] == person and row["at"] < T}
        taken = naive.passages({row["at"] for row in own(person, "cart")}, bought)
        return [length for length in taken if length <= 60 * HOUR]

    def points(person: int) -> float:
        weights = {"view": 1, "cart": 3}
        return float(sum(weights[row["event"]] * naive.points_left(row["at"], 30 * 3_600) for row in own(person)))

    def weighted(person: int) -> int:
        return sum(len(rows) * (rows[-1]["at"] - rows[0]["at"]) for rows in naive.sessions(own(person), 6 * HOUR))

    def mixed(person: int) -> float | None:
        length = sum(lengths(person)) / max(len(lengths(person)), 1) / HOUR
        return (points(person) - 2 * len(lengths(person))) / length if length else None

    conditions = {
        "visits": {"trait": "visits", "at_least": 2},
        "length": {"trait": "length", "more_than": 3},
        "events": {"trait": "events", "more_than": 0.5},
        "weighted": {"trait": "weighted", "at_least": 12.5},
        "step": {"trait": "step", "at_most": 30},
        "points": {"trait": "points", "more_than": 1.001},
        "mixed": {"trait": "mixed", "more_than": -1.0001},
    }
    assert chosen(world, conditions) == expected(
        {
            "visits": lambda p: len(lengths(p)) >= 2,
            "length": lambda p: bool(lengths(p)) and sum(lengths(p)) > 3 * HOUR * len(lengths(p)),
            "events": lambda p: bool(lengths(p)) and len(own(p, "cart")) > 0.5 * len(lengths(p)),
            "weighted": lambda p: weighted(p) >= 12.5 * HOUR,
            "step": lambda p: bool(steps(p)) and sum(steps(p)) <= 30 * HOUR * len(steps(p)),
            "points": lambda p: points(p) > 1.001,
            "mixed": lambda p: (found := mixed(p)) is not None and found > -1.0001,
        }
    )


@examples
@given(orders=st.lists(purchases.map(lambda row: {**row, "amount": row["amount"] or 0}), min_size=10, max_size=80))
def test_rfm_scores(world: World, orders: list[Row]) -> None:
    world.people, world.orders = [{"subject_id": person} for person in PEOPLE], orders
    found_of = {p: naive.events_of(orders, p, ["purchase"], {"within": "52w"}) for p in PEOPLE}
    raw = {
        p: (naive.days_since(max(row["at"] for row in rows)), len(rows), sum(row["amount"] for row in rows))
        for p, rows in found_of.items()
        if rows
    }
    shares = ["1/5", "2/5", "3/5", "4/5"]
    edges = (
        [[naive.quantile([v[i] for v in raw.values()], share) or 0 for share in shares] for i in range(3)]
        if raw
        else []
    )
    scores = {
        p: (6 - naive.score(r, edges[0]), naive.score(f, edges[1]), naive.score(m, edges[2]))
        for p, (r, f, m) in raw.items()
    }
    conditions = {f"{part}{n}": {"trait": f"rfm.{part}", "is": n} for part in "rfm" for n in range(1, 6)}
    found = chosen(world, conditions)
    for index, part in enumerate("rfm"):
        for n in range(1, 6):
            assert found[f"{part}{n}"] == {p for p, values in scores.items() if values[index] == n}


@examples
@given(people=people, orders=bought, web=clicked, seed=st.integers(0, 99))
def test_the_order_of_rows_changes_nothing(
    world: World, people: list[Row], orders: list[Row], web: list[Row], seed: int
) -> None:
    conditions: dict[str, Any] = {
        "rfm": {"rfm": ["champions", "loyal", "lost"]},
        "top": {"top": {"n": 3, "by": "revenue_365d", "ties": "hash"}},
        "z": {"trait": "usual_gap_days", "at_least": {"quantile": 0.5, "of": "usual_gap_days"}},
        "sequence": {"sequence": SEQUENCES["long"]},
        "sessions": {"trait": "weighted", "at_least": {"threshold": "parted"}},
        "steps": {"trait": "worth", "more_than": {"quantile": 0.5, "of": "worth"}},
    }
    world.model = {
        "traits": {
            "weighted": {"sessions": ["view", "cart"], "gap": "6h", "measure": "weighted", "counting": "view"},
            "step": {"time_between": ["cart", "purchase"], "default": 0.1},
            "points": {"engagement": {"view": 0.3, "cart": 0.7, "purchase": 1.1}, "half_life": "50h"},
            "worth": {"formula": "points / step + weighted"},
        },
        "thresholds": {"parted": {"natural_breaks": 2, "of": "weighted"}},
    }
    world.people, world.orders, world.web = people, orders, web
    before = chosen(world, conditions)
    chance = random.Random(seed)  # noqa: S311 - no secret
    world.people, world.orders, world.web = (chance.sample(rows, len(rows)) for rows in (people, orders, web))
    assert chosen(world, conditions) == before


def test_the_number_of_threads_changes_nothing(world: World) -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    world.people = [{"subject_id": person} for person in range(500)]
    world.orders = [
        {"subject_id": chance.randrange(500), "event": "purchase", "at": T - chance.randrange(400 * DAY), "amount": 7}
        for _ in range(3_000)
    ]
    it = segment("it", {"all": [{"rfm": "champions"}, {"trait": "usual_gap_days", "less_than": 200}]})
    dataset = world.dataset()
    found = []
    for threads in (1, 4):
        with_threads = Dataset(dataset.tables, engine=DuckDb(memory="512MB", threads=threads))
        run = evaluate(["it"], model=world.modelled(), segments={"it": it}, dataset=with_threads, as_of=T)
        found.append(run["it"].subject_ids.to_pylist())
    assert found[0] == found[1] != []
