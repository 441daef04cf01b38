"""What went wrong elsewhere must not go wrong here, on any engine.

The fifteen hazards of the field, and where each has its test:

| | hazard | what holds here | test |
| --- | --- | --- | --- |
| 1 | ranks by NTILE change with the order of rows | equals share a score | `test_equals_share_a_score_` |
| 2 | money as floats drifts | cents are whole, sums exact | `test_sums_of_money_are_exact_to_the_cent` |
| 3 | engines differ on days between instants | a day is 86,400 seconds | `test_a_day_is_86400_seconds_` |
| 4 | a quantile of small numbers takes all | what is reached is told | `test_a_quantile_that_takes_nearly_` |
| 5 | holdouts move | a comparison of text, sticky | `test_a_holdout_is_a_comparison_of_text_and_stays` |
| 6 | SQL's NOT loses unknown values | `not` is everybody else | `test_not_is_everybody_else` |
| 7 | an absence is decided too early | when its time is over | `test_an_absence_is_decided_when_its_time_is_over` |
| 8 | a threshold jumps after an outage | the last value stays | `test_a_threshold_that_jumps_keeps_its_last_value` |
| 9 | one field at 0.85 misses duplicates | several fields | `privacy/duplicates/test_find.py::test_hazard_9_` |
| 10 | a shape takes non-numbers | the country's plan | `privacy/identifiers/test_refusals.py::test_hazard_10_` |
| 11 | engines normalise in their own ways | one table here | `test_letters_are_compared_by_one_table` |
| 11 | … so that hashes differ | the same vectors | `privacy/identifiers/test_refusals.py::test_hazard_11_` |
| 12 | a refit numbers groups anew | labels are aligned | `segmentation/clusters/test_hazards.py::test_12_` |
| 13 | a sampled silhouette wavers | a fixed draw | `segmentation/clusters/test_hazards.py::test_13_` |
| 14 | plain xgboost drags 400 MB of NCCL | nothing locks it | `test_requirements.py::test_hazard_14_` |
| 15 | stand-ins pin other versions | environments of their own | `test_requirements.py::test_hazard_15_` |

What this project met itself:

| hazard | what holds here |
| --- | --- |
| engines take a decimal for a float | a product is computed as floats everywhere |
| an engine overflows where another gives infinity | what is too great is missing, what is too small is zero |
| sums of floats depend on their order | they are sums of whole millionths, decay included |
| events at one instant part a session by chance | one instant is put together first |
| a scaled score moves although a person did nothing | its numbers are fitted and kept (test_scaled.py) |
| natural breaks split equals, or depend on a start | they are found exactly, over the different values |
| equal times are taken for an order | a person is in one state at an instant (journeys/test_figures.py) |
| steps of a funnel gain people | the beginning of a way is a way (journeys/test_figures.py) |
| two steps of a ladder, or none, hold a person | exactly one does (journeys/test_properties.py) |
| a small number is found by subtraction | others go untold with it (journeys/test_figures.py) |
| doubled rows count a person twice | a person is one person; an event told twice happened twice |
"""

import hashlib
import random
import re
from pathlib import Path
from typing import Any

import pytest

from passerelle.segmentation import MemoryHistory
from tests.segmentation.world import DAY, HOUR, T, World, event, persons, purchase, segment

TESTS = Path(__file__).parents[1]


def test_each_of_the_fifteen_hazards_has_its_test() -> None:
    rows = re.findall(r"^\| (\d+) \|.* \| `(?:(\S+)::)?(\w+)` \|$", __doc__ or "", re.MULTILINE)
    assert sorted({int(number) for number, _, _ in rows}) == list(range(1, 16))
    for _, file, name in rows:
        text = (TESTS / file if file else Path(__file__)).read_text(encoding="utf-8")
        assert f"\ndef {name}" in text, name


def test_equals_share_a_score_whatever_the_order_of_rows(world: World) -> None:
    world.people = persons(*range(40))
    world.orders = [purchase(person, 1 + person % 3) for person in range(40) for _ in range(1 + person % 2)]
    best: dict[str, Any] = {"trait": "rfm.f", "at_least": 3}
    before = world.members(best)
    chance = random.Random(5)  # noqa: S311 - no secret
    world.people, world.orders = (chance.sample(rows, len(rows)) for rows in (world.people, world.orders))
    assert world.members(best) == before
    assert before in ({person for person in range(40) if person % 2}, set(range(40)))


def test_sums_of_money_are_exact_to_the_cent(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [purchase(1, 1, 10)] * 300 + [purchase(2, 1, 10)] * 299 + [purchase(2, 1, 2**53 + 1)]
    assert world.members({"trait": "revenue_365d", "is": 30.00}) == {1}
    assert world.members({"trait": "revenue_365d", "more_than": (2**53 + 1) // 100 + 29}) == {2}


def test_a_day_is_86400_seconds_and_not_a_midnight(world: World) -> None:
    world.people = persons(1, 2)
    world.orders = [{**purchase(1, 0), "at": T - DAY + 1}, {**purchase(2, 0), "at": T - DAY}]
    assert world.members({"trait": "recency_days", "is": 0}) == {1}
    assert world.members({"trait": "recency_days", "is": 1}) == {2}


def test_a_quantile_that_takes_nearly_everybody_says_so(world: World) -> None:
    world.people = persons(*range(10))
    world.orders = [purchase(person, 1) for person in range(10)]
    world.model = {"thresholds": {"often": {"quantile": 0.60, "of": "orders_365d"}}}
    found = world.run(segment("it", {"trait": "orders_365d", "at_least": {"threshold": "often"}}))["it"]
    assert found.size == 10
    assert "100% of people rather than 40%" in found.warnings[0]


def test_a_holdout_is_a_comparison_of_text_and_stays(world: World) -> None:
    world.people = persons(*range(60))
    everybody = {"attribute": "loyalty", "missing": True}
    limit = f"{-(-(2**32) // 4):08x}"
    held = {person for person in range(60) if hashlib.sha256(f"été:{person}".encode()).hexdigest() < limit}
    assert world.members(everybody, holdout={"percent": 25, "salt": "été"}) == set(range(60)) - held
    world.people = persons(*range(30, 90))
    assert (
        world.members(everybody, holdout={"percent": 25, "salt": "été"}) & set(range(60)) == set(range(30, 60)) - held
    )


def test_not_is_everybody_else(world: World) -> None:
    world.people = [*persons(1, points=5), *persons(2, points=1), *persons(3)]
    assert world.members({"not": {"attribute": "points", "at_least": 3}}) == {2, 3}
    assert world.members({"attribute": "points", "is_not": 5}) == {2}


def test_an_absence_is_decided_when_its_time_is_over(world: World) -> None:
    world.people = persons(1, 2, 3)
    world.web = [{**event(person, "cart", 0), "at": T - 24 * HOUR + late} for person, late in ((1, -1), (2, 0), (3, 1))]
    abandoned = {"sequence": {"steps": [{"event": "cart"}, {"absent": "purchase", "within": "24h"}]}}
    assert world.members(abandoned) == {1, 2}


def test_a_threshold_that_jumps_keeps_its_last_value(world: World) -> None:
    world.people = [*persons(1, points=10), *persons(2, points=20)]
    world.model = {
        "traits": {"points": {"column": "points"}},
        "thresholds": {"usual": {"quantile": 0.9, "of": "points", "guard": {"max_change": "25%"}}},
    }
    reached = segment("it", {"trait": "points", "at_least": {"threshold": "usual"}})
    history = MemoryHistory()
    assert world.run(reached, as_of=T - DAY, history=history)["it"].size == 1
    world.people = [*persons(1, points=1), *persons(2, points=2)]
    found = world.run(reached, history=history)["it"]
    assert (found.size, found.thresholds[0].kept) == (0, True)


@pytest.mark.parametrize(
    ("text", "part", "found"),
    [
        ("ÉTÉ", "été", True),
        ("\t a@b.fr\u00a0", "a@b.fr", True),
        ("İX", "ix", False),  # to some engines the small letter of İ is i, to others i and a dot
        ("İX", "İx", True),
        ("ΣΑΣ", "σας", False),  # a final sigma is another letter
        ("STRASSE", "straße", False),
        ("ẞ", "ß", True),
        ("a.b", "a?b", False),
        ("50 %_", "%_", True),
        ("[x]^\\", "]^\\", True),
    ],
)
def test_letters_are_compared_by_one_table(world: World, text: str, part: str, *, found: bool) -> None:
    world.people = persons(1, loyalty=text)
    assert world.members({"attribute": "loyalty", "contains": part}) == ({1} if found else set())


def test_white_space_counts(world: World) -> None:
    world.people = [*persons(1, loyalty="or"), *persons(2, loyalty="or "), *persons(3, loyalty="\tor")]
    assert world.members({"attribute": "loyalty", "is": "or"}) == {1}


def test_a_product_with_a_fraction_is_the_same_everywhere(world: World) -> None:
    world.people = [*persons(1, ratio=3.3000000000000003, points=3), *persons(2, ratio=3.3, points=3)]
    times = {"trait": "points", "times": 1.1}  # 3 * 1.1 is 3.3000000000000003 as floats, 3.3 as decimals
    world.model = {"traits": {"ratio": {"column": "ratio"}, "points": {"column": "points"}}}
    assert world.members({"trait": "ratio", "at_least": times}) == {1}


def test_what_is_too_great_is_missing_and_what_is_too_small_is_zero(world: World) -> None:
    values = {1: 1e-300, 2: 9e12, 3: 1.0, 4: float("inf"), 5: float("nan"), 6: 1e-7}
    world.people = [{"subject_id": person, "ratio": value} for person, value in values.items()]
    world.model = {
        "traits": {
            "ratio": {"column": "ratio"},
            "cube": {"formula": "ratio * ratio * ratio"},
            "inverse": {"formula": "1 / ratio / ratio"},
        }
    }
    assert world.members({"trait": "cube", "is": 0}) == {1, 6}
    assert world.members({"trait": "cube", "missing": True}) == {2, 4, 5}
    assert world.members({"trait": "inverse", "missing": True}) == {1, 4, 5, 6}
    assert world.members({"trait": "inverse", "is": 0}) == {2}


def test_points_do_not_depend_on_the_order_in_which_they_are_added(world: World) -> None:
    world.people = persons(1, 2)
    rows = [event(1, "view", days / 7) for days in range(1, 200)]
    world.web = [*rows, *({**row, "subject_id": 2} for row in reversed(rows))]
    world.model = {"traits": {"points": {"engagement": {"view": 0.1}, "half_life": "13d"}}}
    edge = {"trait": "points", "at_least": {"quantile": 0.75, "of": "points"}}
    assert world.members(edge) == {1, 2}


def test_events_at_one_instant_belong_to_one_session(world: World) -> None:
    world.people = persons(1, 2)
    late = [event(1, name, 1) for name in ("cart", "view", "view")]
    world.web = [event(1, "view", 2), *late, *({**row, "subject_id": 2} for row in reversed(late)), event(2, "view", 2)]
    world.model = {"traits": {"visits": {"sessions": ["view", "cart"]}}}
    assert world.members({"trait": "visits", "is": 2}) == {1, 2}


def test_a_person_told_twice_is_one_and_an_event_told_twice_is_two(world: World) -> None:
    world.people = [*persons(1, 2), *persons(1, 2)]
    world.orders = [purchase(1, 1), purchase(1, 1), purchase(2, 1)]
    assert world.members({"trait": "orders_365d", "at_least": 2}) == {1}
    assert world.run(segment("it", {"did": "purchase"}))["it"].population == 2


def test_a_replay_gives_the_same_members_to_the_byte(world: World) -> None:
    world.people, world.orders = persons(*range(50)), [purchase(person, 1 + person % 9) for person in range(0, 50, 2)]
    it = segment("it", {"rfm": ["champions", "loyal"]}, splits={"a": 50})
    one, two = (world.run(it)["it"] for _ in range(2))
    assert one.subject_ids.buffers()[1].to_pybytes() == two.subject_ids.buffers()[1].to_pybytes()
    assert one == two
