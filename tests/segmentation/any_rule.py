"""Random people, and any rule that the language can say of them."""

import random
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from tests.segmentation.journeys.test_properties import sequences
from tests.segmentation.test_properties import PEOPLE
from tests.segmentation.world import DAY, HOUR, Row, T

STEPS = [
    {"step": "looked", "event": "view"},
    {"step": "carted", "event": "cart", "within": "3d"},
    {"step": "bought", "event": "purchase"},
]
PARTS: dict[str, Any] = {
    "traits": {
        "points": {"column": "customers.points"},
        "loyalty": {"column": "customers.loyalty"},
        "joined": {"column": "customers.joined"},
        "spent": {"sum": "purchase.amount"},
        "least": {"min": "purchase.amount"},
        "most": {"max": "purchase.amount"},
        "paid": {"count": "purchase", "within": "5d", "where": {"status": {"is": "paid"}}},
        "pages": {"distinct": "view.page"},
        "first_page": {"first": "view.page"},
        "last_status": {"last": "purchase.status"},
        "favourite": {"favourite": "view.page"},
        "tier": {"ordinal": "loyalty", "order": ["argent", "or"], "default": 0},
    },
    "thresholds": {
        "two_euros": {"fixed": 2},
        "usual": {"quantile": 0.5, "of": "spent", "over": {"did": "purchase"}},
        "of_tier": {"quantile": 0.6, "of": "spent", "by": "loyalty"},
    },
    "moments": {
        "visit": {"of": [{"event": "view", "times": 2}, {"event": "cart"}], "visit": "view", "gap": "12h"},
        "hurry": {"of": [{"event": "cart"}, {"event": "purchase"}], "within": "18h"},
    },
    "funnels": {
        "loose": {"steps": STEPS, "within": "6d", "within_last": "10d"},
        "strict": {"steps": STEPS[:2], "order": "strict"},
    },
    "ladders": {
        "closeness": {
            "otherwise": "none",
            "steps": [
                {"step": "visitor", "where": {"did": "view"}},
                {"step": "buyer", "where": {"trait": "orders_365d", "at_least": 2}},
                {"step": "near", "where": {"all": [{"did": "cart", "within": "4d"}, {"in_segment": ["base"]}]}},
            ],
        }
    },
}
BASE: dict[str, dict[str, Any]] = {
    "base": {
        "where": {"any": [{"did": "cart"}, {"attribute": "points", "at_least": 1}]},
        "exclude": [{"did": "purchase", "within": "2d"}],
    },
    "other": {"where": {"trait": "favourite", "starts_with": "/r"}},
}
HELD_OUT = {"percent": 50, "salt": "held out of its audiences, and in other segments all the same"}
TEXTS, PAGES, STATUSES = ["or", "Or", "argent", "x or"], ["/robes/1", "/Robes", "/soldes"], ["paid", "cancelled"]


# --- who there is
def crowd(chance: random.Random) -> tuple[list[Row], list[Row], list[Row]]:
    """People, orders and clicks on a coarse grid of time: equal instants and exact edges of windows are common."""

    def at() -> int:
        return T - chance.randrange(61) * 6 * HOUR + chance.choice([-1, 0, 0, 1])

    def some(rows: int, make: Callable[[], dict[str, Any]]) -> list[Row]:
        return [{"subject_id": chance.choice(PEOPLE), "at": at(), **make()} for _ in range(rows)]

    who: list[Row] = [
        {
            "subject_id": person,
            "points": chance.choice([None, *range(-3, 4)]),
            "loyalty": chance.choice([None, *TEXTS]),
            "joined": chance.choice([None, *(T - days * DAY // 2 for days in range(1, 40))]),
        }
        for person in PEOPLE
    ]
    amounts, statuses, seen = [None, *range(-300, 600, 25)], [None, *STATUSES], [None, *PAGES]
    orders = some(
        chance.randrange(15, 60),
        lambda: {"event": "purchase", "amount": chance.choice(amounts), "status": chance.choice(statuses)},
    )
    web = some(
        chance.randrange(20, 120),
        lambda: {"event": chance.choice(["view", "view", "cart", "newsletter_open"]), "page": chance.choice(seen)},
    )
    return who, orders, web


# --- what is asked
lengths = st.sampled_from(["6h", "36h", "4d", "1w"])
names = st.sampled_from(["view", "cart", "purchase"])
small = st.integers(-3, 4) | st.sampled_from([0.5, 1.25, -0.01])
orderings = st.sampled_from(["is", "is_not", "at_least", "at_most", "more_than", "less_than"])
NUMBERS = st.sampled_from(["points", "spent", "least", "most", "paid", "pages", "tier", "recency_days", "orders_365d"])
MONIES = st.sampled_from(["spent", "least", "most"])


def words(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """One or two words that compare with such values."""
    lists = st.lists(values, min_size=1, max_size=3)
    pairs = st.tuples(values, values).map(sorted)
    one = st.one_of(
        st.builds(lambda word, value: {word: value}, orderings, values),
        st.builds(lambda word, value: {word: value}, st.sampled_from(["in", "not_in"]), lists),
        pairs.map(lambda pair: {"between": pair}),
        st.booleans().map(lambda said: {"missing": said}),
    )
    return st.builds(lambda first, second: first | second, one, st.just({}) | one)


texts = st.one_of(
    st.builds(
        lambda word, value: {word: value},
        st.sampled_from(["is", "is_not", "contains", "starts_with"]),
        st.sampled_from(TEXTS),
    ),
    st.builds(
        lambda word, values: {word: values},
        st.sampled_from(["in", "not_in"]),
        st.lists(st.sampled_from(TEXTS), min_size=1),
    ),
    st.booleans().map(lambda said: {"missing": said}),
)
pages = st.one_of(
    st.builds(lambda word, value: {word: value}, st.sampled_from(["is", "is_not", "contains"]), st.sampled_from(PAGES)),
    st.sampled_from(["/r", "/R", "/s"]).map(lambda start: {"starts_with": start}),
)
dates = st.builds(
    lambda word, age: {word: age}, st.sampled_from(["older_than", "newer_than"]), st.sampled_from(["4d", "1w", "12h"])
)
moving = st.one_of(
    st.builds(
        lambda name, times: {"threshold": name, "times": times},
        st.sampled_from(["two_euros", "usual", "of_tier"]),
        st.sampled_from([1, 0.5, 2]),
    ),
    st.builds(lambda name: {"trait": name, "times": 2}, MONIES),
    st.builds(
        lambda share, by: {"quantile": share, "of": "spent", **by},
        st.sampled_from([0.25, 0.5, 0.8]),
        st.sampled_from([{}, {"by": "loyalty"}]),
    ),
)
traits = st.one_of(
    st.builds(lambda name, said: {"trait": name, **said}, NUMBERS, words(small)),
    st.builds(
        lambda name, said: {"trait": name, **said},
        st.sampled_from(["rfm.r", "rfm.f", "rfm.m"]),
        words(st.integers(1, 5)),
    ),
    st.builds(lambda name, word, bound: {"trait": name, word: bound}, MONIES, orderings, moving),
    st.builds(lambda said: {"trait": "loyalty", **said}, texts),
    st.builds(lambda said: {"trait": "joined", **said}, dates),
    st.builds(lambda name, said: {"trait": name, **said}, st.sampled_from(["first_page", "favourite"]), pages),
    st.builds(lambda said: {"trait": "last_status", "is": said}, st.sampled_from(STATUSES)),
)
wheres = st.one_of(
    words(small).map(lambda said: ("purchase", {"amount": said})),
    st.sampled_from(STATUSES).map(lambda said: ("purchase", {"status": {"is_not": said}})),
    pages.map(lambda said: ("view", {"page": said})),
)
windows = st.sampled_from([{}, {"within": "4d"}, {"until": "36h"}, {"within": "1w", "until": "12h"}])
counts = st.builds(lambda word, n: {word: n}, orderings.filter(lambda word: word != "is_not"), st.integers(1, 3))
did = st.one_of(
    st.builds(lambda name, window: {"did": name, **window}, names, windows),
    st.builds(
        lambda many, window, count: {"did": many, "count": count, **window},
        st.lists(names, min_size=2, max_size=3, unique=True), windows, counts,
    ),
    st.builds(lambda where, window: {"did": where[0], "where": where[1], **window}, wheres, windows),
    st.builds(lambda name, length: {"did": name, "within": length, "first_time": True}, names, lengths),
    st.builds(
        lambda name, unit, n: {"did": name, "regularly": {"periods": n, "of": 3, "unit": unit}},
        names, st.sampled_from(["day", "week"]), st.integers(1, 3),
    ),
)  # fmt: skip


def paused(word: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda name, active, silent: {word: name, "active": active, "silent": silent}, names, lengths, lengths
    )


ranked = st.sampled_from(["points", "spent", "most", "pages", "score.soon"])
ranks = st.builds(
    lambda size, by, ties: {"top": {**size, "by": by, **ties}},
    st.sampled_from([{"n": 1}, {"n": 4}, {"percent": 12.5}, {"percent": 40}]),
    ranked,
    st.sampled_from([{}, {"ties": "hash"}]),
)
groups = st.lists(st.integers(1, 3), min_size=1, max_size=2, unique=True)
segments = st.lists(st.sampled_from(sorted(BASE)), min_size=1, max_size=2, unique=True)
LEAVES: Mapping[str, st.SearchStrategy[dict[str, Any]]] = {
    "trait": traits,
    "attribute": st.builds(lambda said: {"attribute": "points", **said}, words(small)),
    "did": did,
    "did_not": st.builds(lambda name, window: {"did_not": name, **window}, names, windows),
    "stopped": paused("stopped"),
    "restarted": paused("restarted"),
    "sequence": sequences().map(lambda written: {"sequence": written}),
    "rfm": st.lists(st.sampled_from(["champions", "loyal", "lost", "at_risk", "hibernating"]), min_size=1).map(
        lambda some: {"rfm": some}
    ),
    "cluster": st.builds(
        lambda word, some: {"cluster": "kinds", word: some}, st.sampled_from(["in", "not_in"]), groups
    ),
    "score": st.one_of(
        st.builds(lambda said: {"score": "soon", **said}, words(st.sampled_from([0.3, 0.401, 0.45, 0.6]))),
        st.builds(lambda percent: {"score": "soon", "top_percent": percent}, st.sampled_from([10, 33.3])),
    ),
    "moment": st.builds(
        lambda name, window, count: {"moment": name, **window, **count},
        st.sampled_from(["visit", "hurry"]),
        windows,
        st.just({}) | counts.map(lambda count: {"count": count}),
    ),
    "funnel": st.builds(
        lambda word, name, step: {"funnel": name, word: step},
        st.sampled_from(["reached", "stopped_at"]),
        st.sampled_from(["loose", "strict"]),
        st.sampled_from(["looked", "carted"]),
    ),
    "ladder": st.builds(
        lambda word, step: {"ladder": "closeness", word: step},
        st.sampled_from(["is", "at_least", "at_most"]),
        st.sampled_from(["visitor", "buyer"]),
    ),
    "in_segment": segments.map(lambda some: {"in_segment": some}),
    "not_in_segment": segments.map(lambda some: {"not_in_segment": some}),
    "top": ranks,
}
trees = st.recursive(
    st.one_of(*LEAVES.values()),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"all": some}),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"any": some}),
        inner.map(lambda one: {"not": one}),
    ),
    max_leaves=5,
)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    """Segments of one condition each, of several kinds, and some of many conditions."""
    kinds = draw(st.lists(st.sampled_from(sorted(LEAVES)), min_size=6, max_size=6, unique=True))
    found: dict[str, dict[str, Any]] = {f"of_{tag}": {"where": draw(LEAVES[tag])} for tag in kinds}
    some = {
        f"tree{number}": {"where": draw(trees), "exclude": draw(st.lists(trees, max_size=1))} for number in range(3)
    }
    return {**found, **some}
