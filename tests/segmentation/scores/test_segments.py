"""Scores in segments: on each engine, and held back where the model may not be relied on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from passerelle.privacy.errors import HeldBack
from passerelle.segmentation import Misdefined, explain, preview
from passerelle.segmentation.scores.apply import expected
from passerelle.segmentation.scores.file import ScoreFile
from passerelle.segmentation.scores.model import ScoreModel
from passerelle.segmentation.scores.people import population
from tests.once import once
from tests.segmentation.scores.shoppers import ScoreWorld, asked, in_world, spending
from tests.segmentation.world import DAY, T, World, purchase, segment

FILES = {"buys": asked(), "spends": spending(score="spends")}


def _fitted(place: Path) -> None:
    place.mkdir()
    for name, file in FILES.items():
        model = in_world(place, file).fit()
        (place / f"{name}-{model.version}.json").write_bytes(model.to_bytes())


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ScoreModel]:
    found = {}
    for path in once(tmp_path_factory, "score-models", _fitted).glob("*.json"):
        name, _, version = path.stem.partition("-")
        found[name] = ScoreModel.from_bytes(path.read_bytes(), version)
    return found


@pytest.fixture(params=sorted(FILES))
def file(request: pytest.FixtureRequest) -> ScoreFile:
    return FILES[request.param]


@pytest.fixture
def here(tmp_path: Path, models: dict[str, ScoreModel]) -> ScoreWorld:
    return in_world(tmp_path).using(models["buys"])


def scores(scene: ScoreWorld) -> dict[int, float]:
    """What the model says of each person, without any engine's comparisons."""
    name = scene.file.score
    raw = population(scene.resolver.scored(name), scene.resolver, scene.dataset, as_of=T, history=scene.history)
    found = expected(scene.dataset.scores.models[name], raw)
    return dict(zip(raw["subject_id"].to_pylist(), found.tolist(), strict=True))


def test_scores_choose_people_on_every_engine(world: World, models: dict[str, ScoreModel], file: ScoreFile) -> None:
    scene = in_world(world.folder, file, engine=world.engine).using(models[file.score])
    each = scores(scene)
    limit = 0.3 if file.score == "buys" else 25.5
    name = file.score
    cases: list[tuple[Any, set[int]]] = [
        ({"score": name, "at_least": limit}, {person for person, value in each.items() if value >= limit}),
        ({"score": name, "less_than": limit}, {person for person, value in each.items() if value < limit}),
        ({"score": name, "top_percent": 10}, _top(each, 10)),
        ({"trait": f"score.{name}", "missing": True}, set(range(1, 521)) - set(each)),
        ({"top": {"n": 7, "by": f"score.{name}"}}, _first(each, 7)),
        ({"trait": f"score.{name}", "at_least": {"quantile": 0.9, "of": f"score.{name}"}}, _above(each, 0.9)),
    ]
    found = scene.run(*(segment(f"s{index}", where) for index, (where, _) in enumerate(cases)))
    for index, (where, wanted) in enumerate(cases):
        assert set(found[f"s{index}"].subject_ids.to_pylist()) == wanted, where
        assert wanted


def _top(each: dict[int, float], percent: int) -> set[int]:
    return _first(each, -(-len(each) * percent // 100))


def _first(each: dict[int, float], number: int) -> set[int]:
    last = sorted(each.values(), reverse=True)[number - 1]
    return {person for person, value in each.items() if value >= last}


def _above(each: dict[int, float], share: float) -> set[int]:
    limit = float(np.quantile(list(each.values()), share, method="inverted_cdf"))
    return {person for person, value in each.items() if value >= limit}


SOON = {"score": "buys", "at_least": 0.3}


def test_a_membership_knows_the_model_it_rests_on(here: ScoreWorld, models: dict[str, ScoreModel]) -> None:
    found = here.run(segment("s", SOON))["s"]
    (used,) = found.models
    model = models["buys"]
    assert (used.kind, used.name, used.version) == ("score", "buys", model.version)
    assert (used.as_of, used.quality) == (T, model.quality.auc)
    other = here.using(model.model_copy(update={"seed": 2})).run(segment("s", SOON))["s"]
    assert other.version != found.version
    assert other.subject_ids == found.subject_ids


def _quality(model: ScoreModel, **changed: float) -> dict[str, object]:
    return {"quality": model.quality.model_copy(update=changed)}


HELD: list[tuple[dict[str, float], dict[str, object], dict[str, Any], str]] = [
    ({}, {"definition": "another"}, {}, "scores/buys.yaml asks for something else than what was fitted."),
    ({"auc": 0.599}, {}, {}, "The score `buys` is weak: its AUC is 0.599, at least 0.600 is asked."),
    ({"auc": 0.85}, {}, {"min_auc": 0.9}, "is weak: its AUC is 0.850, at least 0.900 is asked."),
    ({"auc": 0.599}, {}, {"min_auc": 0.5}, "at least 0.600 is asked."),
    ({"calibration_error": 0.11}, {}, {}, "is not calibrated: what it expects is off by 0.110, at most 0.100"),
    ({}, {}, {"max_calibration_error": 0.01}, "at most 0.010 is allowed."),
    ({}, {"as_of": T - 31 * DAY}, {"max_age": "30d"}, "The model of `buys` is more than 30 days old."),
    ({}, {}, {"version": "0123abcd"}, "is not the one that is asked for (0123abcd)."),
    ({}, {}, {"max_drift": 0.0001}, "Today's people are no longer those whom the score `buys` knows"),
]


@pytest.mark.parametrize(("quality", "changed", "require", "said"), HELD)
def test_a_model_that_may_not_be_relied_on_holds_its_segment_back_and_no_other(
    here: ScoreWorld, quality: dict[str, float], changed: dict[str, object], require: dict[str, Any], said: str
) -> None:
    model = here.dataset.scores.models["buys"]
    used = model.model_copy(update={**_quality(model, **quality), **changed})
    files = [segment("s", SOON, **({"require_model": require} if require else {})), segment("t", {"in_segment": "s"})]
    found = here.using(used).run(*files, segment("other", {"did": "purchase"}))
    for name in ("s", "t"):
        held = found[name].held
        assert held is not None
        assert said in held.reason
        assert held.advice
        assert found[name].size == 0
    assert found["other"].held is None
    assert found["other"].size > 400


@pytest.mark.parametrize(
    ("where", "require", "said"),
    [
        (
            {"did": "purchase"},
            {"max_age": "30d"},
            "`max_age` is asked of a score or cluster, and this segment names none.",
        ),
        ({"in_segment": "s"}, {"min_auc": 0.9}, "`min_auc` is asked of a score, and this segment names none."),
        (SOON, {"min_auc": 0.7, "min_stability_ari": 0.9}, "`min_stability_ari` is asked of a cluster"),
    ],
)
def test_what_is_asked_of_a_model_that_a_segment_does_not_name_is_refused_and_not_passed_over(
    here: ScoreWorld, where: dict[str, Any], require: dict[str, Any], said: str
) -> None:
    with pytest.raises(Misdefined, match="names none") as told:
        here.run(segment("s", SOON), segment("t", where, require_model=require))
    assert said in told.value.message
    assert (told.value.document, told.value.path[0]) == ("segments/t.yaml", "require_model")


def test_what_a_model_requires_may_be_just_met(here: ScoreWorld) -> None:
    model = here.dataset.scores.models["buys"]
    used = model.model_copy(update={**_quality(model, auc=0.8, calibration_error=0.1), "as_of": T - 30 * DAY})
    require = {"min_auc": 0.8, "max_calibration_error": 0.1, "max_age": "30d", "max_drift": 1}
    found = here.using(used).run(segment("s", SOON, require_model=require))["s"]
    assert found.held is None
    assert found.size > 50


def test_people_who_became_others_hold_the_segment_back(tmp_path: Path, models: dict[str, ScoreModel]) -> None:
    """Everybody has just bought: no model of these people was ever fitted."""
    rows = [purchase(person, 1 + person % 3) for person in range(1, 500)]
    here = in_world(tmp_path, orders=rows).using(models["buys"])
    told: dict[str, Any] = {}
    held = here.run(segment("s", SOON), standings=lambda found, _: told.update(found))["s"].held
    assert held is not None
    assert "moved (PSI" in held.reason
    assert told["score.buys"].drift > 1
    asked_of = {"model": here.world.modelled(), "segments": {"s": segment("s", SOON)}, "as_of": T}
    with pytest.raises(HeldBack, match="are no longer those"):
        preview("s", dataset=here.dataset, **asked_of)  # type: ignore[arg-type]


def test_a_model_that_is_missing_says_what_to_do(here: ScoreWorld) -> None:
    held = here.using(None).run(segment("s", SOON))["s"].held
    assert held is not None
    assert str(held) == "The score `buys` has not been fitted yet. Run `passerelle score fit buys`."
    asked_of = {"model": here.world.modelled(), "segments": {"all": segment("all", {"did": "purchase"})}, "as_of": T}
    with pytest.raises(HeldBack, match="has not been fitted yet"):
        preview("all", dataset=here.using(None).dataset, by="score.buys", **asked_of)  # type: ignore[arg-type]


def test_why_one_person_is_in_says_their_score(here: ScoreWorld) -> None:
    each = scores(here)
    least = min(each, key=lambda person: each[person])
    found = explain(
        "s",
        least,
        model=here.world.modelled(),
        segments={"s": segment("s", SOON)},
        dataset=here.dataset,
        as_of=T,
    )
    assert not found.member
    assert f"score buys is at least 0.3 (here {each[least]:.6g}" in found.verdict


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"score": "bys", "at_least": 0.5}, "There is no score `bys`. Did you mean `buys`?"),
        ({"trait": "score.bys", "at_least": 0.5}, "There is no score `bys`. Did you mean `buys`?"),
        ({"score": "buys", "at_least": "much"}, "must be a number without quotes"),
    ],
)
def test_a_misspelt_score_is_found_before_anything_runs(here: ScoreWorld, where: Any, said: str) -> None:  # noqa: ANN401
    with pytest.raises(Misdefined) as told:
        here.run(segment("s", where))
    assert said in f"{told.value.message} {told.value.advice}"
    assert told.value.document == "segments/s.yaml"


def test_a_score_is_told_of_each_person_as_what_they_are_worth(tmp_path: Path, models: dict[str, ScoreModel]) -> None:
    for name, asked_for in FILES.items():
        here = in_world(tmp_path, asked_for).using(models[name])
        word, each = f"score.{name}", scores(here)
        found = here.run(segment("all", {"trait": "orders_365d", "at_least": 0}), values={"all": [word]})["all"]
        said = dict(zip(found.subject_ids.to_pylist(), found.values[word].to_pylist(), strict=True))
        assert {person: value for person, value in said.items() if value is not None} == pytest.approx(each)
        assert set(said) > set(each), "who is not in its population has no value"


UNSAID: list[tuple[dict[str, object], dict[str, Any], str]] = [
    ({"definition": "another"}, {}, "asks for something else than what was fitted"),
    ({"as_of": T - 31 * DAY}, {"max_age": "30d"}, "The model of `buys` is more than 30 days old."),
    ({}, {"min_auc": 0.999}, "The score `buys` is weak"),
    ({}, {"max_drift": 0.0001}, "Today's people are no longer those whom the score `buys` knows"),
]


@pytest.mark.parametrize(("changed", "gates", "said"), UNSAID)
def test_a_value_that_may_not_be_relied_on_is_told_of_nobody_and_holds_no_segment_back(
    here: ScoreWorld, changed: dict[str, object], gates: dict[str, Any], said: str
) -> None:
    model = here.dataset.scores.models["buys"].model_copy(update=changed)
    scene = ScoreWorld(here.world, asked(gates=gates), here.history, here.dataset, {}).using(model)
    found = scene.run(segment("all", {"did": "purchase"}), values={"all": ["score.buys", "revenue_365d"]})["all"]
    assert said in found.unsaid["score.buys"].reason
    assert (found.held, set(found.values), found.size > 400) == (None, {"revenue_365d"}, True)
    nobody = found.held_back(found.unsaid["score.buys"], ["score.buys"])
    assert (nobody.size, nobody.held_out, len(nobody.values["score.buys"])) == (0, 0, 0)
    held = scene.run(segment("s", SOON), values={"s": ["score.buys"]})["s"]
    assert held.held is not None
    assert said in held.held.reason
