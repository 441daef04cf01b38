"""LightGBM beside the others: what is kept says what LightGBM says, to the last bit."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.extras import need
from passerelle.segmentation.learning.features import Matrix
from passerelle.segmentation.learning.sample import Labels
from passerelle.segmentation.learning.threads import learning
from passerelle.segmentation.scores.apply import expected
from passerelle.segmentation.scores.fit import fit
from passerelle.segmentation.scores.lightgbm import LightGbm, grown, numbers_of
from passerelle.segmentation.scores.model import ScoreModel
from passerelle.segmentation.scores.predict import LEAF, Trees
from tests.segmentation.scores.test_fit import file, looked

try:
    import_module("lightgbm")
except OSError:  # the package is locked; the system's OpenMP is not
    pytest.skip("LightGBM wants the system's libgomp, which is not here", allow_module_level=True)

SETTINGS = {"learning_rate": 0.1, "leaves": 12, "trees": 40}


def people(seed: int, many: int = 3_000) -> tuple[Matrix, Labels, Matrix]:
    """Rows with equal values, zeros and huge numbers, outcomes that hang on them, weights."""
    chance = np.random.default_rng(seed)
    rows = chance.normal(size=(many, 4))
    rows[:, 1] = chance.integers(-2, 3, many)
    rows[:, 2] = np.where(chance.uniform(size=many) < 0.5, 0.0, rows[:, 2] * 1e6)
    outcome = (rows[:, 0] + rows[:, 1] ** 2 / 3 + (rows[:, 2] > 0) + chance.normal(size=many) > 1).astype(np.int64)
    return rows, outcome, np.where(outcome == 1, 1.5, 0.75)


def learnt(rows: Matrix, outcome: Labels, weights: Matrix, **settings: float) -> Trees:
    with learning():
        return LightGbm().learn(rows, outcome, weights, {**SETTINGS, **settings}, 1)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_trees_that_are_kept_say_what_lightgbm_says_to_the_last_bit(seed: int) -> None:
    with learning():
        booster = grown(*people(seed), SETTINGS, 1)
    found = Trees.model_validate_json(numbers_of(booster).model_dump_json())
    others = people(seed + 10)[0]
    edges = np.array([tree.threshold[0] for tree in found.trees])
    others[: len(edges), 0] = edges  # on the very edges, too
    odds = found.model_copy(update={"squash": False}).probability(others)
    assert np.array_equal(odds, booster.predict(others, raw_score=True))
    assert np.abs(found.probability(others) - booster.predict(others)).max() < 1e-15
    assert len({*odds.tolist()}) > 100


def test_a_model_of_lightgbm_is_compared_kept_and_applied_like_any_other() -> None:
    asked = file(learners={"lightgbm": {"trees": [20], "leaves": [4]}, "logistic": {"c": [1]}})
    model = fit(asked, looked())
    found = {each.learner: each for each in model.compared}
    assert found["lightgbm"].tried == 2
    assert abs(found["lightgbm"].auc - found["logistic"].auc) < 0.05
    alone = fit(file(learners={"lightgbm": {"trees": [20], "leaves": [4]}}), looked())
    assert set(alone.made_with) == {"lightgbm", "numpy"}
    assert fit(file(learners={"lightgbm": {"trees": [20], "leaves": [4]}}), looked()).to_bytes() == alone.to_bytes()
    raw = looked().cuts[0].raw
    kept = ScoreModel.from_bytes(alone.to_bytes(), alone.version)
    assert expected(kept, raw).tolist() == expected(alone, raw).tolist()
    assert alone.quality.auc > 0.75


def test_no_leaf_is_one_person_and_a_tree_that_never_parts_is_one_leaf() -> None:
    rows, outcome, weights = people(3, many=60)
    found = learnt(rows, outcome, weights, leaves=31)
    assert all(len(tree.value) <= 5 for tree in found.trees), "at least twenty of sixty people are in each leaf"
    few = learnt(rows[:30], outcome[:30], weights[:30])
    assert all(tree.feature == [LEAF] for tree in few.trees)
    assert np.ptp(few.probability(rows)) == 0
    assert json.loads(few.model_dump_json())["form"] == "trees"


@pytest.mark.parametrize(
    ("raised", "said"),
    [("ImportError", "is not installed."), ("OSError", "is installed, but a library of the system that it wants")],
)
def test_what_is_missing_is_said_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: str, said: str
) -> None:
    (tmp_path / "boosters_of_nobody.py").write_text(f"raise {raised}('libgomp.so.1: /home/somebody')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DefinitionError) as told:
        need("boosters_of_nobody", "LightGBM", "Install it.")
    assert str(told.value.message).startswith("LightGBM " + said)
    assert "somebody" not in f"{told.value}{told.value.__cause__}{told.value.__context__}"
