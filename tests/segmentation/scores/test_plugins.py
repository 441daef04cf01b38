"""The learner of docs/scores.md in a package of its own: found by its entry point, compared, kept as numbers."""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from passerelle.segmentation.scores.apply import expected
from passerelle.segmentation.scores.fit import fit
from passerelle.segmentation.scores.learners import GROUP
from passerelle.segmentation.scores.model import ScoreModel
from tests.segmentation.scores.test_fit import file, looked
from tests.segmentation.test_documented import SCORES, blocks

(MODULE,), (POINTS,) = blocks("python", SCORES), blocks("toml", SCORES)


@pytest.fixture
def stumps(tmp_path: Path) -> Iterator[None]:
    """A package on the path, as pip would install it."""
    named = tomllib.loads(POINTS)["project"]["entry-points"][GROUP]
    info = tmp_path / "stumps-1.0.dist-info"
    info.mkdir()
    (tmp_path / "stumps.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stumps\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\n" + "".join(f"{name} = {where}\n" for name, where in named.items())
    )
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
