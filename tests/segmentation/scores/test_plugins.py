"""A learner that a package of its own brings: found by its entry point, compared with ours, kept as numbers."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.segmentation.scores.apply import expected
from passerelle.segmentation.scores.fit import fit
from passerelle.segmentation.scores.model import ScoreModel
from tests.segmentation.scores.test_fit import file, looked

MODULE = """
from passerelle.segmentation.scores.predict import LEAF, Tree, Trees

class Stump:
    simplicity = 0
    packages = ("numpy",)
    grid = {"at": (0.0, 50.0)}

    def learn(self, rows, outcome, weights, settings, seed):
        low = rows[:, 0] <= settings["at"]
        value = [0.0, float(outcome[low].mean()), float(outcome[~low].mean()) if (~low).any() else 0.0]
        nodes = {"feature": [0, LEAF, LEAF], "threshold": [settings["at"], 0, 0], "left": [1, 0, 0], "right": [2, 0, 0]}
        tree = Tree(**nodes, value=value)
        return Trees(trees=[tree], squash=False)
"""


@pytest.fixture
def stumps(tmp_path: Path) -> Iterator[None]:
    """A package on the path, as pip would install it."""
    info = tmp_path / "stumps-1.0.dist-info"
    info.mkdir()
    (tmp_path / "stumps.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stumps\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[passerelle.learners]\nstump = stumps:Stump\n")
    sys.path.insert(0, str(tmp_path))
    yield
    sys.path.remove(str(tmp_path))
    sys.modules.pop("stumps", None)


@pytest.mark.usefixtures("stumps")
def test_a_learner_of_another_package_learns_beside_ours_and_leaves_numbers() -> None:
    model = fit(file(learners={"stump": {}, "logistic": {"c": [1]}}), looked())
    found = {each.learner: each for each in model.compared}
    assert found["stump"].settings == {"at": 0.0}
    assert 0.6 < found["stump"].auc < found["logistic"].auc
    alone = fit(file(learners={"stump": {}}), looked())
    assert ScoreModel.from_bytes(alone.to_bytes(), alone.version) == alone
    assert len(set(expected(alone, looked().cuts[0].raw).tolist())) == 2
