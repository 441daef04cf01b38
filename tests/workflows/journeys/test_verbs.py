"""`journey`, `funnel` and `ladder` on a small shop: what is told, and never of few."""

import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.demo import shop
from passerelle.workflows.pull import pull
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.settings.unusable import Unusable
from passerelle.workflows.verbs.funnel import FunnelResult, lasting
from passerelle.workflows.verbs.journey import ListResult, ShowResult
from passerelle.workflows.verbs.ladder import LadderResult
from passerelle.workflows.verbs.segment import PreviewResult
from passerelle.workflows.workspace import Workspace
from tests.once import once
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask


def made(folder: Path) -> None:
    scaffold(folder)
    shop.generate(folder / "data", people=300, seed=1, now=NOW)
    for step in ("looked", "carted", "bought"):
        text = f"segment: {step}\nwhere: {{funnel: buying, reached: {step}}}\n"
        (folder / f"segments/{step}.yaml").write_text(text)
    for step in ("stranger", "visitor", "reader", "buyer"):
        text = f"segment: {step}\nwhere: {{ladder: closeness, is: {step}}}\n"
        (folder / f"segments/{step}.yaml").write_text(text)
    with Workspace.open(folder) as workspace:
        pull(workspace, [], now=NOW, progress=Silent())


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once(tmp_path_factory, "journeys-shop", made), tmp_path / "ws"))


def size(folder: Path, segment: str) -> int:
    result = ask(folder, "segment preview", name=segment)
    assert isinstance(result, PreviewResult)
    return result.size


def texts(picture: Path) -> list[str]:
    """What stands in a picture that loads nothing."""
    content = picture.read_text(encoding="utf-8")
    assert "href" not in content
    return [element.text or "" for element in ET.fromstring(content).iter() if element.tag.endswith("text")]  # noqa: S314 - our own


def test_the_model_of_the_shop_names_journeys(folder: Path) -> None:
    result = ask(folder, "journey list")
    assert isinstance(result, ListResult)
    assert [(each.kind, each.name) for each in result.journeys] == [
        ("funnel", "buying"),
        ("ladder", "closeness"),
        ("journey", "shopping"),
    ]
    assert result.journeys[1].steps == ["stranger", "visitor", "reader", "buyer"]


def test_a_funnel_counts_whom_segments_choose(folder: Path, tmp_path: Path) -> None:
    result = ask(folder, "funnel show", name="buying", by="loyalty", out=tmp_path / "funnel.svg")
    assert isinstance(result, FunnelResult)
    everybody = result.groups[0].stages
    sizes = [size(folder, stage.step) for stage in everybody]
    assert [stage.people for stage in everybody] == [n if n == 0 or n >= 10 else None for n in sizes]
    assert sizes[0] > 100
    assert sizes[2] > sizes[1] / 2 > 10, "on the shop's web, most baskets are paid for"
    assert (everybody[0].of_first, everybody[0].median_seconds) == (1, None)
    assert f"{sizes[0]:,} (100 %)" in texts(tmp_path / "funnel.svg")
    every = [stage.people for group in result.groups for stage in group.stages]
    assert all(people is None or people == 0 or people >= 10 for people in every)
    assert len(result.groups) > 2


def test_a_ladder_counts_whom_segments_choose_and_says_who_moved(folder: Path, tmp_path: Path) -> None:
    result = ask(folder, "ladder show", name="closeness", since="60d", out=tmp_path / "ladder.svg")
    assert isinstance(result, LadderResult)
    sizes = {row.step: size(folder, row.step) for row in result.steps}
    assert all(row.people in {None, sizes[row.step]} for row in result.steps)
    moved = [move for move in result.moves if move.people]
    assert sum(move.people or 0 for move in moved) <= sum(sizes.values())
    assert all(move.people is None or move.people == 0 or move.people >= 10 for move in result.moves)
    assert {row.step for row in result.steps} <= set(texts(tmp_path / "ladder.svg"))
    still = ask(folder, "ladder show", name="closeness", out=tmp_path / "ladder.svg")
    assert isinstance(still, LadderResult)
    assert (still.steps, still.moves, still.since, still.up) == (result.steps, [], "", None)


@pytest.mark.parametrize("since", ["yesterday", "2036-01-01", "0d"])
def test_since_must_be_earlier(folder: Path, since: str) -> None:
    with pytest.raises(DefinitionError, match="--since is no earlier date"):
        ask(folder, "ladder show", name="closeness", since=since)


def test_a_journey_is_told_with_its_graph(folder: Path, tmp_path: Path) -> None:
    result = ask(folder, "journey show", name="shopping", out=tmp_path / "journey.svg")
    assert isinstance(result, ShowResult)
    assert result.goal == "bought"
    assert result.chance is not None
    assert 0 < result.chance < 1
    assert all(way.people >= 10 and way.times >= way.people for way in result.ways)
    assert {"start", "catalogue", "bought", "end"} <= set(texts(tmp_path / "journey.svg"))
    before = (tmp_path / "journey.svg").read_bytes()
    assert ask(folder, "journey show", name="shopping", out=tmp_path / "journey.svg") == result
    assert (tmp_path / "journey.svg").read_bytes() == before


@pytest.mark.parametrize("verb", ["journey show", "funnel show", "ladder show"])
def test_a_name_that_is_not_there_is_refused(folder: Path, verb: str) -> None:
    with pytest.raises(DefinitionError, match=r"There is no (journey|funnel|ladder) `shoping`"):
        ask(folder, verb, name="shoping")


def test_a_wrong_definition_is_refused_with_its_line(folder: Path) -> None:
    model = folder / "model.yaml"
    model.write_text(model.read_text().replace("cart: {event: cart}", "cart: {event: crat}"))
    with pytest.raises(Unusable, match=r"model.yaml, line \d+: There is no event `crat`. Did you mean `cart`?"):
        ask(folder, "journey show", name="shopping")


def test_times_are_told_as_people_say_them() -> None:
    assert [lasting(n) for n in (40, 90, 7_200, 216_000)] == ["40 s", "1.5 min", "2.0 hours", "2.5 days"]
