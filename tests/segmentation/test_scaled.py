"""Scaled traits: fitted once, the same until they are fitted again."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.segmentation import Misdefined, check, fit
from passerelle.segmentation.fitted import Fitted, read, write
from tests.segmentation.world import T, World, persons, purchase, segment

MIN_MAX: dict[str, Any] = {"min_max": "points"}
Z_SCORE: dict[str, Any] = {"z_score": "points"}
HAPPY = segment("happy", {"attribute": "vip", "is": True})


def with_trait(world: World, trait: dict[str, Any], of: str = "points") -> None:
    world.model = {"traits": {"points": {"column": of}, "it": trait}}


def fitted(world: World, version: int = 1) -> Fitted:
    return fit("it", version, model=world.modelled(), segments={"happy": HAPPY}, dataset=world.dataset(), as_of=T)


def numbers(world: World) -> tuple[int, Decimal, Decimal]:
    found = fitted(world)
    return found.people, found.shift, found.scale


@pytest.mark.parametrize(
    ("trait", "expected"),
    [
        (MIN_MAX, (10, Decimal(2), Decimal(9))),
        (Z_SCORE, (10, Decimal("6.5"), Decimal("2.872281"))),
        ({**MIN_MAX, "among": "happy"}, (10, Decimal(2), Decimal(9))),
    ],
)
def test_numbers_are_those_of_the_stated_people(
    world: World, trait: dict[str, Any], expected: tuple[int, Decimal, Decimal]
) -> None:
    world.people = [row for points in range(2, 12) for row in persons(points, points=points, vip=True)] + persons(99)
    with_trait(world, trait)
    assert numbers(world) == expected
    world.people = [*world.people, *persons(100, points=1_000, vip=False)]
    assert (numbers(world) == expected) == ("among" in trait)


def test_fractions_are_fitted_to_a_millionth(world: World) -> None:
    world.people = [{"subject_id": index, "ratio": 0.1 * index} for index in range(11)]
    with_trait(world, MIN_MAX, of="ratio")
    assert numbers(world) == (11, Decimal(0), Decimal(1))


def test_an_unchanged_person_keeps_the_score_until_it_is_fitted_again(world: World) -> None:
    world.people = [row for points in range(11) for row in persons(points, points=points)]
    with_trait(world, MIN_MAX)
    world.fitted = {"it": fitted(world)}
    half = {"trait": "it", "is": 0.5}
    before = world.run(segment("it", half))["it"]
    world.people = [*world.people, *persons(50, points=50)]
    assert world.members(half) == set(before.subject_ids.to_pylist()) == {5}
    assert world.members({"trait": "it", "more_than": 1}) == {50}
    world.fitted = {"it": fitted(world, 2)}
    assert world.members({"trait": "it", "is": 0.1}) == {5}
    assert world.run(segment("it", half))["it"].version != before.version


def test_money_is_scaled_to_a_number(world: World) -> None:
    world.people = persons(*range(10))
    world.orders = [purchase(person, 1, 100 * person) for person in range(10)]
    with_trait(world, {"min_max": "revenue_365d"})
    world.fitted = {"it": fitted(world)}
    assert world.members({"trait": "it", "at_least": 0.9}) == {9}


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ([None, None], "Nobody has a value."),
        (list(range(9)), "Only 9 people have a value: 10 are needed."),
        ([3] * 12, "All have the same value, so there is no scale."),
    ],
)
def test_what_cannot_be_fitted_says_why(world: World, points: list[int | None], said: str) -> None:
    world.people = [{"subject_id": index, "points": value} for index, value in enumerate(points)]
    for trait in (MIN_MAX, Z_SCORE):
        with_trait(world, trait)
        with pytest.raises(Misdefined) as caught:
            fitted(world)
        assert caught.value.message == said


def test_numbers_of_another_definition_are_refused(world: World) -> None:
    world.people = [row for points in range(11) for row in persons(points, points=points, credit=points)]
    with_trait(world, MIN_MAX)
    world.fitted = {"it": fitted(world)}
    for trait, of in (({**MIN_MAX, "among": "happy"}, "points"), (Z_SCORE, "points"), (MIN_MAX, "credit")):
        with_trait(world, trait, of)
        with pytest.raises(Misdefined) as caught:
            world.run(segment("some", {"trait": "it", "more_than": 0.5}))
        assert caught.value.message == "`it` was fitted when it was defined otherwise."
        assert caught.value.path == ("traits", "it", "z_score" if trait is Z_SCORE else "min_max")


def test_a_segment_that_is_not_there_is_found_before_anything_is_fitted(world: World) -> None:
    with_trait(world, {**MIN_MAX, "among": "hapy"})
    found = check(world.modelled(), {"happy": HAPPY}, world.dataset().tables)
    assert [problem.message for problem in found] == [
        "Nothing was fitted for `it` yet.",
        "There is no segment `hapy`.",
    ]


def test_only_a_scaled_trait_can_be_fitted(world: World) -> None:
    with_trait(world, MIN_MAX)
    with pytest.raises(Misdefined, match="There is no scaled trait `points`"):
        fit("points", 1, model=world.modelled(), segments={}, dataset=world.dataset(), as_of=T)


def test_every_version_is_kept_and_a_file_that_was_meddled_with_is_named(world: World, tmp_path: Path) -> None:
    world.people = [row for points in range(11) for row in persons(points, points=points)]
    with_trait(world, Z_SCORE)
    folder = tmp_path / "fitted"
    assert read(folder) == {}
    for version in (1, 2):
        write(folder, "it", read(folder).get("it"), fitted(world, version))
    assert read(folder)["it"].versions == [fitted(world, 1), fitted(world, 2)]
    file = folder / "it.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"scale":', '"scael":'), encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"fitted/it.json is not as it was written"):
        read(folder)
