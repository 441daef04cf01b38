"""The worked example of docs/scores.md, on the shop that `passerelle init` makes: its figures are the real ones."""

import re
from pathlib import Path

import pytest

from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.demo import shop
from passerelle.workflows.pull import pull
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.verbs.score import CardResult
from passerelle.workflows.workspace import Workspace
from tests.segmentation.test_documented import SCORES, blocks
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask


@pytest.mark.slow
def test_the_figures_of_the_page_are_those_of_the_shop(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    scaffold(folder)
    shop.generate(folder / "data", people=5_000, seed=1, now=NOW)
    (folder / "scores").mkdir()
    (folder / "scores/buys_again.yaml").write_text(blocks("yaml", SCORES)[0])
    with Workspace.open(folder) as workspace:
        pull(workspace, [], now=NOW, progress=Silent())
    card = ask(folder, "score fit", name="buys_again")
    assert isinstance(card, CardResult)
    rows = [
        *((each.learner, f"{each.fold_auc:.2f}", f"{each.auc:.2f}", f"{each.brier:.3f}") for each in card.compared),
        *((each.what, "", f"{each.auc:.2f}", f"{each.loss:.3f}") for each in card.baselines),
    ]
    said = SCORES[: SCORES.index("A segment takes")]
    assert re.findall(r"^\| ([^|]+?) \| ([^|]*?) ?\| ([\d.]+) \| ([\d.]+) \|$", said, re.MULTILINE) == rows
    test = card.moments[0]
    assert f"{test.people:,} people, of whom {test.outcomes:,} bought" in said
    assert f"`{card.importance[0].trait}` matters most: without it, {card.importance[0].auc_drop:.2f} of AUC" in said
    cut = f"{card.cut:.2f} or more, {card.precision:.2f} of people buy (precision), and {card.recall:.2f} of buyers"
    assert cut in said
    assert f"off by {card.calibration_error:.3f} on average" in said
