"""A small shop with data, made once for all tests of this folder."""

from pathlib import Path

from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.demo import shop
from passerelle.workflows.pull import pull
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import NOW

CHAMPIONS = "segment: champions\ndescription: The <best>.\nwhere: {rfm: [champions, loyal]}\n"


def made(folder: Path) -> None:
    scaffold(folder)
    shop.generate(folder / "data", people=300, seed=1, now=NOW)
    (folder / "segments/champions.yaml").write_text(CHAMPIONS)
    with Workspace.open(folder) as workspace:
        pull(workspace, [], now=NOW, progress=Silent())
