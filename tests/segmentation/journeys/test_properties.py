"""Random people and events: what is compiled and what is counted by hand must agree."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.segmentation import naive
from tests.segmentation.journeys import slowly
from tests.segmentation.test_properties import PEOPLE, chosen, clicks, examples, purchases
from tests.segmentation.world import HOUR, Row, T, World

events = st.lists(st.one_of(purchases, clicks, clicks), min_size=20, max_size=120)


def filled(world: World, rows: list[Row], model: dict[str, Any]) -> None:
    world.people = [{"subject_id": person} for person in PEOPLE]
    world.orders = [row for row in rows if row["event"] == "purchase"]
    world.web = [row for row in rows if row["event"] != "purchase"]
    world.model = model


def own(rows: list[Row], person: int, *names: str) -> list[Row]:
    return [row for row in rows if row["subject_id"] == person and row["at"] < T and row["event"] in names]


@examples
@given(rows=events, times=st.integers(1, 2))
def test_moments(world: World, rows: list[Row], times: int) -> None:
    parts = [{"event": "view", "times": times}, {"event": ["cart", "purchase"]}]
    moments = {"visit": {"of": parts, "visit": "view", "gap": "12h"}, "time": {"of": parts, "within": "18h"}}
    filled(world, rows, {"moments": moments})
    asked: list[tuple[slowly.Fits, int]] = [
        (lambda row: row["event"] == "view", times),
        (lambda row: row["event"] != "view", 1),
    ]
    counts: dict[str, Callable[[list[Row]], int]] = {
        "visit": lambda mine: slowly.moments_in_visits(mine, asked, 12 * HOUR),
        "time": lambda mine: slowly.moments_in_time(mine, asked, 18 * HOUR),
    }
    found = chosen(world, {f"{name}{n}": {"moment": name, "count": {"is": n}} for name in moments for n in range(4)})
    for name, count in counts.items():
        for n in range(4):
            expected = {p for p in PEOPLE if count(own(rows, p, "view", "cart", "purchase")) == n}
            assert found[f"{name}{n}"] == expected, (name, n)


names = st.sampled_from(["view", "cart", "purchase"])
lengths = st.sampled_from([None, None, "6h", "12h", "3d"])


@st.composite
def sequences(draw: st.DrawFn) -> dict[str, Any]:
    """Any sequence that the language can say, but for `where`."""
    steps: list[dict[str, Any]] = [{"event": draw(names)}]
    for _ in range(draw(st.integers(1, 3))):
        step: dict[str, Any] = {"event": draw(names), "within": draw(lengths), "immediately": draw(st.booleans())}
        steps.append({key: value for key, value in step.items() if value})
    if draw(st.booleans()):
        steps[-1] = {"absent": draw(names), "within": draw(lengths.filter(bool))}
    more = {"max": draw(lengths), "within_last": draw(st.sampled_from([None, "7d", "10d"]))}
    return {"steps": steps, **{key: value for key, value in more.items() if value}}


@examples
@given(rows=events, written=st.lists(sequences(), min_size=6, max_size=6))
def test_sequences_in_all_their_forms(world: World, rows: list[Row], written: list[dict[str, Any]]) -> None:
    filled(world, rows, {})
    found = chosen(world, {f"s{n}": {"sequence": each} for n, each in enumerate(written)})
    for n, each in enumerate(written):
        assert found[f"s{n}"] == {p for p in PEOPLE if naive.sequence(rows, p, each)}, each


@examples
@given(rows=events, written=st.lists(st.sampled_from(["view", "cart", "purchase"]), min_size=3, max_size=3))
def test_ladders_put_each_person_on_one_step(world: World, rows: list[Row], written: list[str]) -> None:
    steps = [{"step": f"s{n}", "where": {"did": name, "within": f"{3 * n + 3}d"}} for n, name in enumerate(written)]
    ladders = {word: {"steps": steps, "choose": word} for word in ("highest", "lowest")}
    filled(world, rows, {"ladders": ladders})
    places = ["none", "s0", "s1", "s2"]
    found = chosen(world, {f"{w}_{step}": {"ladder": w, "is": step} for w in ladders for step in places})
    for person in PEOPLE:
        fit = [
            f"s{n}"
            for n, name in enumerate(written)
            if naive.events_of(rows, person, [name], {"within": f"{3 * n + 3}d"})
        ]
        assert [w for w in places if person in found[f"highest_{w}"]] == [fit[-1] if fit else "none"]
        assert [w for w in places if person in found[f"lowest_{w}"]] == [fit[0] if fit else "none"]
