import pytest

from passerelle.segmentation import Misdefined
from tests.segmentation.world import World, persons, segment


def numbered(world: World, count: int = 10) -> None:
    world.people = [{"subject_id": index, "points": index} for index in range(1, count + 1)]
    world.model = {"traits": {"points": {"column": "points"}}}


EVEN = segment("even", {"attribute": "points", "in": [2, 4, 6, 8, 10]})
SMALL = segment("small", {"attribute": "points", "at_most": 4})


def test_segments_are_sets(world: World) -> None:
    numbered(world)
    files = [
        EVEN,
        SMALL,
        segment("both", {"all": [{"in_segment": "even"}, {"in_segment": "small"}]}),
        segment("either", {"in_segment": ["even", "small"]}),
        segment("neither", {"not_in_segment": ["even", "small"]}),
        segment("minus", {"in_segment": "even"}, exclude=[{"in_segment": "small"}]),
    ]
    found = {name: set(item.subject_ids.to_pylist()) for name, item in world.run(*files).items()}
    assert found["both"] == {2, 4}
    assert found["either"] == {1, 2, 3, 4, 6, 8, 10}
    assert found["neither"] == {5, 7, 9}
    assert found["minus"] == {6, 8, 10}


def test_a_segment_is_referred_to_with_its_exclusions_and_before_its_holdout(world: World) -> None:
    numbered(world)
    inner = segment(
        "inner",
        {"attribute": "points", "at_most": 5},
        exclude=[{"attribute": "points", "is": 1}],
        holdout={"percent": 99.99, "salt": "s"},
    )
    found = world.run(inner, segment("outer", {"in_segment": "inner"}))
    assert found["inner"].size == 0
    assert set(found["outer"].subject_ids.to_pylist()) == {2, 3, 4, 5}


def test_only_what_is_asked_for_is_returned(world: World) -> None:
    numbered(world)
    found = world.run(EVEN, segment("outer", {"in_segment": "even"}), only=["outer"])
    assert list(found) == ["outer"]


def test_segments_that_refer_to_each_other_in_a_circle_are_refused(world: World) -> None:
    numbered(world)
    one, two = segment("one", {"in_segment": "two"}), segment("two", {"not": {"in_segment": "one"}})
    with pytest.raises(Misdefined, match="in a circle: `one` -> `two` -> `one`") as caught:
        world.run(one, two)
    assert (caught.value.document, caught.value.path) == ("segments/two.yaml", ("where", "not", "in_segment"))


def test_a_segment_that_refers_to_itself_is_refused(world: World) -> None:
    numbered(world)
    with pytest.raises(Misdefined, match="circle"):
        world.run(segment("one", {"in_segment": "one"}))


def test_excluded_and_held_out_people_are_counted(world: World) -> None:
    numbered(world)
    it = segment(
        "it",
        {"attribute": "points", "at_most": 8},
        exclude=[{"attribute": "points", "at_most": 2}],
        holdout={"percent": 50, "salt": "s"},
    )
    found = world.run(it)["it"]
    assert (found.population, found.excluded) == (10, 2)
    assert found.size + found.held_out == 6


def test_top_n_takes_everybody_who_is_equal_at_the_edge(world: World) -> None:
    world.people = [{"subject_id": index, "points": value} for index, value in enumerate([9, 8, 7, 7, 7, 1])]
    world.model = {"traits": {"points": {"column": "points"}}}
    assert world.members({"top": {"n": 3, "by": "points"}}) == {0, 1, 2, 3, 4}


def test_top_n_by_hash_takes_exactly_n_and_always_the_same(world: World) -> None:
    world.people = [{"subject_id": index, "points": 5} for index in range(100)]
    world.model = {"traits": {"points": {"column": "points"}}}
    condition = {"top": {"n": 10, "by": "points", "ties": "hash"}}
    first = world.members(condition)
    world.people = world.people[::-1]
    assert len(first) == 10
    assert world.members(condition) == first


def test_top_percent_is_of_people_with_a_value_and_rounded_up(world: World) -> None:
    world.people = [{"subject_id": index, "points": index} for index in range(11)] + persons(20, 21)
    world.model = {"traits": {"points": {"column": "points"}}}
    assert world.members({"top": {"percent": 10, "by": "points"}}) == {10, 9}
    assert world.members({"top": {"percent": 100, "by": "points"}}) == set(range(11))


def test_a_version_follows_everything_that_a_definition_refers_to(world: World) -> None:
    numbered(world)
    outer = segment("outer", {"in_segment": "even"})
    before = world.run(EVEN, outer)["outer"].version
    assert world.run(EVEN, outer)["outer"].version == before
    other = segment("even", {"attribute": "points", "in": [2, 4]})
    assert world.run(other, outer)["outer"].version != before


def test_a_version_does_not_follow_descriptions_synonyms_or_the_instant(world: World) -> None:
    numbered(world)
    one = world.run(segment("it", {"attribute": "points", "gte": 3}))["it"]
    other = world.run(segment("it", {"attribute": "points", "at_least": 3.0}, description="x"), as_of=10**15)["it"]
    assert one.version == other.version
