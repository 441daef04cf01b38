"""Preview and explanation."""

from typing import Any

import pytest

from passerelle.segmentation import Explained, Misdefined, Preview, explain, preview
from tests.segmentation.world import T, World, event, persons, purchase, segment

HIGH = {
    "thresholds": {"high": {"quantile": 0.5, "of": "revenue_365d", "over": {"trait": "orders_365d", "at_least": 1}}}
}
BEST = segment(
    "best",
    {"all": [{"trait": "revenue_365d", "at_least": {"threshold": "high"}}, {"did": "view", "within": "7d"}]},
    exclude=[{"attribute": "loyalty", "is": "or"}],
)


@pytest.fixture
def shop(world: World) -> World:
    world.people = [*persons(1, 2, 3, loyalty="argent"), *persons(4, loyalty="or"), *persons(5)]
    world.orders = [purchase(person, 10, 1_000 * person) for person in (1, 2, 3, 4)]
    world.web = [event(person, "view", 1) for person in (2, 3, 4, 5)]
    world.model = HIGH
    return world


def seen(world: World, by: str | None = None, minimum: int = 0) -> Preview:
    return preview(
        "best",
        model=world.modelled(),
        segments={"best": BEST},
        dataset=world.dataset(),
        as_of=T,
        by=by,
        minimum=minimum,
    )


def why(world: World, person: int) -> Explained:
    return explain("best", person, model=world.modelled(), segments={"best": BEST}, dataset=world.dataset(), as_of=T)


def test_a_preview_shows_how_conditions_narrow_people_down(shop: World) -> None:
    found = seen(shop)
    assert (found.size, found.population, found.excluded) == (2, 5, 1)
    assert [(c.words, c.alone, c.left, c.exclude) for c in found.conditions] == [
        ("revenue_365d is at least the threshold high", 3, 3, False),
        ("did view in the last 7 days", 4, 3, False),
        ("loyalty is or", 1, 2, True),
    ]
    assert [(t.name, t.shown) for t in found.thresholds] == [("high", "20.00")]


def test_a_preview_breaks_members_down(shop: World) -> None:
    parts = seen(shop, by="loyalty").breakdown
    assert [(part.value, part.members, part.population) for part in parts] == [
        ("argent", 2, 3),
        ("or", 0, 1),
        ("unknown", 0, 1),
    ]


def test_small_groups_are_not_shown_alone(shop: World) -> None:
    parts = seen(shop, by="loyalty", minimum=2).breakdown
    assert [(part.value, part.members, part.population) for part in parts] == [("argent", 2, 3), ("…", 0, 2)]


def test_a_preview_by_an_unknown_name_is_refused(shop: World) -> None:
    with pytest.raises(Misdefined, match="loyalti"):
        seen(shop, by="loyalti")


def test_a_preview_of_an_unknown_segment_is_refused_with_a_suggestion(shop: World) -> None:
    with pytest.raises(Misdefined) as caught:
        preview("bets", model=shop.modelled(), segments={"best": BEST}, dataset=shop.dataset(), as_of=T)
    assert "`best`" in caught.value.advice


def test_an_explanation_shows_the_persons_value_and_what_was_asked(shop: World) -> None:
    found = why(shop, 1)
    assert not found.member
    assert found.where is not None
    money, view = found.where.parts
    assert (money.holds, money.value, money.asked) == (False, "10.00", "20.00")
    assert (view.holds, view.value) == (False, "0")
    assert "it does not hold that revenue_365d is at least the threshold high (here 10.00, asked" in found.verdict


def test_an_explanation_of_a_member(shop: World) -> None:
    found = why(shop, 3)
    assert found.member
    assert found.verdict == "In: every condition holds."


def test_an_explanation_names_the_exclusion(shop: World) -> None:
    found = why(shop, 4)
    assert not found.member
    assert found.verdict == "Out: excluded, since loyalty is or."


def test_an_explanation_of_somebody_unknown(shop: World) -> None:
    found = why(shop, 99)
    assert (found.known, found.member, found.where) == (False, False, None)


def test_explanation_and_membership_never_disagree(shop: World) -> None:
    members = set(shop.run(BEST)["best"].subject_ids.to_pylist())
    assert {person for person in range(1, 6) if why(shop, person).member} == members


def test_every_kind_of_condition_can_be_explained_in_words(world: World) -> None:
    world.people = persons(1, loyalty="or", points=3, joined=T)
    world.orders, world.web = [purchase(1, 1), purchase(1, 3)], [event(1, "view", 1, page="/a")]
    conditions: list[Any] = [
        {"trait": "rfm.m", "is": 1},
        {"rfm": ["champions", "lost"]},
        {"attribute": "loyalty", "in": ["or", "argent"]},
        {"attribute": "loyalty", "contains": "o"},
        {"attribute": "joined", "older_than": "3d"},
        {"attribute": "points", "missing": False},
        {"trait": "recency_days", "more_than": {"trait": "usual_gap_days", "times": 1.5}},
        {"did": "view", "where": {"page": {"starts_with": "/"}}, "within": "9d", "until": "1h"},
        {"did_not": ["cart", "newsletter_open"]},
        {"did": "view", "regularly": {"periods": 1, "of": 2}},
        {"sequence": {"max": "3d", "steps": [{"event": "purchase"}, {"event": "view", "immediately": True}]}},
        {"sequence": {"steps": [{"event": "view"}, {"absent": "cart", "within": "2h"}]}},
        {"top": {"percent": 10, "by": "revenue_365d"}},
        {"not": {"in_segment": "other"}},
    ]
    files = {"it": segment("it", {"all": conditions}), "other": segment("other", {"did": "cart"})}
    found = explain("it", 1, model=world.modelled(), segments=files, dataset=world.dataset(), as_of=T)
    assert found.where is not None
    said = [part.words for part in found.where.parts]
    assert len(said) == len(conditions)
    assert "recency_days is more than 1.5 times usual_gap_days" in said
    assert "purchase, then as the very next event view, all within 3 days" in said
    assert "view, then no cart within 2 hours after it" in said
    assert "did view whose page starts with / between 9 days and 1 hour ago" in said
