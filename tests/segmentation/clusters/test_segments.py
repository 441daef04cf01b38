"""Groups in segments: on each engine, and held back where the model may not be relied on."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation import Misdefined, check, evaluate, explain, preview
from passerelle.segmentation.clusters.assign import assigned
from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.clusters.model import ClusterModel
from passerelle.segmentation.clusters.people import look
from tests.once import once
from tests.segmentation.clusters.crowd import asked, kinds
from tests.segmentation.clusters.scene import ClusterWorld, in_world
from tests.segmentation.world import DAY, T, World, segment

NAMES = {1: "best", 2: "usual"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ClusterModel:
    place = once(tmp_path_factory, "model-of-kinds", _fitted)
    (file,) = place.glob("*.json")
    return ClusterModel.from_bytes(file.read_bytes(), file.stem)


def _fitted(place: Path) -> None:
    place.mkdir()
    found = in_world(place).fit()
    (place / f"{found.version}.json").write_bytes(found.to_bytes())


@pytest.fixture
def scene(world: World, model: ClusterModel) -> ClusterWorld:
    """On every engine."""
    return in_world(world.folder, engine=world.engine, names={"1": "best", "2": "usual"}).using(model)


@pytest.fixture
def here(tmp_path: Path, model: ClusterModel) -> ClusterWorld:
    """On DuckDB, where the engine does not matter."""
    return in_world(tmp_path, names={"1": "best", "2": "usual"}).using(model)


def ids(*wanted: int) -> set[int]:
    return set((np.flatnonzero(np.isin(kinds(), wanted)) + 1).tolist())


CASES: list[tuple[Any, set[int]]] = [
    ({"cluster": "kinds", "in": "best"}, ids(0)),
    ({"cluster": "kinds", "in": ["best", 3]}, ids(0, 2)),
    ({"cluster": "kinds", "in": [1, 3]}, ids(0, 2)),
    ({"cluster": "kinds", "not_in": ["best"]}, ids(1, 2)),
    ({"not": {"cluster": "kinds", "in": ["best"]}}, ids(1, 2) | set(range(151, 161))),
    ({"trait": "cluster.kinds", "is_not": "usual"}, ids(0, 2)),
    ({"trait": "cluster.kinds", "missing": True}, set(range(151, 161))),
    ({"trait": "cluster.kinds.distance", "missing": True}, set(range(151, 161))),
]


def test_groups_choose_people_on_every_engine(scene: ClusterWorld) -> None:
    files = [segment(f"s{index}", where) for index, (where, _) in enumerate(CASES)]
    found = scene.run(*files)
    assert {name: set(each.subject_ids.to_pylist()) for name, each in found.items()} == {
        f"s{index}": wanted for index, (_, wanted) in enumerate(CASES)
    }


def test_a_distance_is_compared_and_ranked_by_group_on_every_engine(scene: ClusterWorld, model: ClusterModel) -> None:
    half = {"quantile": 0.5, "of": "cluster.kinds.distance", "by": "cluster.kinds"}
    near = segment("near", {"trait": "cluster.kinds.distance", "at_most": half})
    exact = segment("exact", {"trait": "cluster.kinds.distance", "less_than": 0.3})
    found = scene.run(near, exact)
    raw = look("kinds", scene.resolver, scene.dataset, as_of=T, history=scene.history).raw
    labels, distance = assigned(model, raw)
    people = raw["subject_id"].to_numpy()
    halves = [np.sort(distance[labels == label])[-(-int((labels == label).sum()) // 2) - 1] for label in (1, 2, 3)]
    assert found["near"].subject_ids.to_pylist() == people[distance <= np.array([0, *halves])[labels]].tolist()
    assert found["exact"].subject_ids.to_pylist() == people[distance < 0.3].tolist()


def test_what_the_engine_says_is_what_was_fitted(scene: ClusterWorld, model: ClusterModel) -> None:
    looked = look("kinds", scene.resolver, scene.dataset, as_of=T, history=scene.history)
    assert np.bincount(assigned(model, looked.raw)[0]).tolist() == [0, 60, 50, 40]


def test_a_membership_knows_the_model_it_rests_on(here: ClusterWorld, model: ClusterModel) -> None:
    found = here.run(segment("s", {"cluster": "kinds", "in": ["best"]}))["s"]
    (used,) = found.models
    assert (used.name, used.version, used.as_of, used.quality) == ("kinds", model.version, T, model.stability)
    other = model.model_copy(update={"seed": 2})
    assert here.using(other).run(segment("s", {"cluster": "kinds", "in": ["best"]}))["s"].version != found.version
    assert here.run(segment("s", {"did": "purchase"}))["s"].models == ()


def _using(here: ClusterWorld, **changed: object) -> ClusterWorld:
    return here.using(here.dataset.clusters.models["kinds"].model_copy(update=changed))


HELD: list[tuple[dict[str, object], dict[str, Any], str]] = [
    ({"definition": "another"}, {}, "clusters/kinds.yaml asks for something else than what was fitted."),
    ({"stability": 0.69}, {}, "(adjusted Rand index 0.69, at least 0.70 asked)"),
    ({"stability": 0.8}, {"min_stability_ari": 0.9}, "(adjusted Rand index 0.80, at least 0.90 asked)"),
    ({"as_of": T - 31 * DAY}, {"max_age": "30d"}, "The model of `kinds` is more than 30 days old."),
    ({}, {"version": "0123abcd"}, "is not the one that is asked for (0123abcd)."),
    ({"groups": []}, {}, "The model of `kinds` has no group `best` any more."),
]


@pytest.mark.parametrize(("changed", "require", "said"), HELD)
def test_a_model_that_may_not_be_relied_on_holds_its_segment_back_and_no_other(
    here: ClusterWorld, changed: dict[str, object], require: dict[str, Any], said: str
) -> None:
    where = {"cluster": "kinds", "in": ["best"]}
    file = segment("s", where, **({"require_model": require} if require else {}))
    found = _using(here, **changed).run(file, segment("other", {"did": "purchase"}))
    assert found["s"].held is not None
    assert said in found["s"].held.reason
    assert found["s"].held.advice
    assert found["s"].size == 0
    assert found["other"].size == 150
    assert here.run(segment("s", where))["s"].held is None


def test_a_model_that_is_missing_holds_back_also_whoever_refers_to_the_segment(here: ClusterWorld) -> None:
    files = [segment("s", {"cluster": "kinds", "in": ["best"]}), segment("t", {"in_segment": "s"})]
    found = here.using(None).run(*files)
    for each in found.values():
        assert each.held is not None
        assert each.held.reason == "The cluster `kinds` has not been fitted yet."
        assert each.held.advice == "Run `passerelle cluster fit kinds`."


def test_what_a_model_requires_may_be_just_met(here: ClusterWorld) -> None:
    require = {"min_stability_ari": 0.8, "max_age": "30d"}
    file = segment("s", {"cluster": "kinds", "in": ["best"]}, require_model=require)
    found = _using(here, stability=0.8, as_of=T - 30 * DAY).run(file)
    assert (found["s"].held, found["s"].size) == (None, 60)


def test_a_preview_of_a_segment_that_is_held_back_says_so(here: ClusterWorld) -> None:
    segments = {"s": segment("s", {"cluster": "kinds", "in": ["best"]})}
    asked_of = {"model": here.world.modelled(), "segments": segments, "as_of": T}
    with pytest.raises(HeldBack, match="has not been fitted yet"):
        preview("s", dataset=here.using(None).dataset, **asked_of)  # type: ignore[arg-type]
    found = preview("s", dataset=here.dataset, by="cluster.kinds", **asked_of)  # type: ignore[arg-type]
    assert (found.breakdown[0].value, found.breakdown[0].members) == ("best", 60)
    with pytest.raises(HeldBack, match="has not been fitted yet"):
        preview("all", dataset=here.using(None).dataset, by="cluster.kinds", **{**asked_of, "segments": EVERYBODY})  # type: ignore[arg-type]


EVERYBODY = {"all": segment("all", {"did": "purchase"})}


def test_why_one_person_is_in_says_their_group(here: ClusterWorld) -> None:
    segments = {"s": segment("s", {"cluster": "kinds", "in": ["usual"]})}
    found = explain("s", 1, model=here.world.modelled(), segments=segments, dataset=here.dataset, as_of=T)
    assert not found.member
    assert "group of kinds is one of usual (here best)" in found.verdict


WRONG: list[tuple[Any, str]] = [
    ({"cluster": "kind", "in": ["best"]}, "There is no cluster `kind`. Did you mean `kinds`?"),
    ({"cluster": "kinds", "in": ["bst"]}, "There is no group `bst`. Did you mean `best`?"),
    ({"trait": "cluster.kinds", "is": "1"}, "Group 1 is called `best`. Say it by its name."),
    ({"trait": "cluster.kinds", "is": "bset"}, "There is no group `bset`. Did you mean `best`?"),
    ({"trait": "cluster.kinds.far", "is": "x"}, "A cluster has no `.far`."),
    ({"trait": "cluster.kinds", "at_least": "best"}, "A text has no more or less."),
    ({"trait": "cluster.kinds.distance", "is": "best"}, "must be a number without quotes"),
]


@pytest.mark.parametrize(("where", "said"), WRONG)
def test_a_misspelt_group_is_found_before_anything_runs(here: ClusterWorld, where: Any, said: str) -> None:  # noqa: ANN401
    with pytest.raises(Misdefined) as told:
        here.run(segment("s", where))
    assert said in f"{told.value.message} {told.value.advice}"
    assert told.value.document == "segments/s.yaml"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"traits": {"revenue_365": {}}}, "There is no trait `revenue_365`. Did you mean `revenue_365d`?"),
        ({"traits": {"tier": {}}}, "`tier` is a text. Add `one_hot: true`"),
        ({"traits": {"revenue_365d": {"one_hot": True}}}, "`revenue_365d` is a money; `one_hot` takes texts apart."),
        ({"traits": {"since": {}}}, "`since` is a date: nobody is alike in it."),
        ({"traits": {"vip": {"log": True}}}, "which has no logarithm"),
        ({"traits": {"revenue_365d": {"fill": "no"}}}, "must be an amount such as 120.50"),
        ({"population": {"in_segment": "grouped"}}, "A cluster cannot rest on groups of clusters itself."),
        ({"population": {"in_segment": "nobody"}}, "There is no segment `nobody`."),
    ],
)
def test_what_a_cluster_is_made_of_is_checked_against_the_model(
    tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    scene = in_world(tmp_path)
    traits = {
        column: {"column": f"customers.{name}"}
        for column, name in (("tier", "loyalty"), ("since", "joined"), ("vip", "vip"))
    }
    scene.world.model = {"traits": traits}
    segments = {"grouped": segment("grouped", {"cluster": "kinds", "in": [1]})}
    known = Clusters({"kinds": asked(**more)}, {})
    found = check(scene.world.modelled(), segments, scene.dataset.tables, clusters=known)
    assert [each.document for each in found][:1] == ["clusters/kinds.yaml"]
    assert said in f"{found[0].message} {found[0].advice}"


def test_a_population_may_be_a_segment_and_traits_of_every_kind_count(tmp_path: Path) -> None:
    scene = in_world(
        tmp_path,
        population={"in_segment": "buyers"},
        traits={
            "revenue_365d": {"log": True},
            "tier": {"one_hot": ["or", "argent"], "fill": "none"},
            "vip": {"fill": False},
        },
    )
    columns = [
        {**row, "loyalty": ["or", "argent", None][n % 3], "vip": n % 2 == 0} for n, row in enumerate(scene.world.people)
    ]
    scene.world.people = columns
    scene.world.model = {"traits": {"tier": {"column": "customers.loyalty"}, "vip": {"column": "customers.vip"}}}
    scene = replace(scene, dataset=scene.world.dataset(), segments={"buyers": segment("buyers", {"did": "purchase"})})
    found = scene.using(None).fit()
    assert (found.people, found.left_out) == (150, 0)
    assert [each.shown for each in found.features] == ["revenue_365d", "tier = argent", "tier = or", "vip"]
    euros = next(each for each in found.groups[0].figures if each.feature == "revenue_365d")
    assert 1 < euros.mean < 2_000


def test_runs_are_told_how_the_model_does(here: ClusterWorld) -> None:
    told: list[Any] = []
    segments = {"s": segment("s", {"cluster": "kinds", "in": ["best"]})}
    evaluate(
        ["s"],
        model=here.world.modelled(),
        segments=segments,
        dataset=here.dataset,
        as_of=T,
        standings=lambda standings, at: told.append((standings, at)),
    )
    ((standings, at),) = told
    assert (standings["cluster.kinds"].sizes, standings["cluster.kinds"].none, at) == ({1: 60, 2: 50, 3: 40}, 0, T)


def test_the_gate_of_a_cluster_is_its_own(here: ClusterWorld) -> None:
    asked_more = asked(population={"did": "purchase"}, stability={"rounds": 5, "at_least": 1})
    strict = replace(here, file=asked_more)
    held = _using(strict, stability=0.99).run(segment("s", {"cluster": "kinds", "in": [1]}))["s"].held
    assert asked_more.stability.at_least == Decimal(1)
    assert held is not None
