"""How thresholds went, the picture of it, and a jump that a person accepts."""

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from sqlalchemy import select

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.store.tables import log_entry
from passerelle.segmentation import ThresholdValue
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.demo import shop
from passerelle.workflows.engine import StoredHistory, run_segments
from passerelle.workflows.pull import pull
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.thresholds import threshold_courses
from passerelle.workflows.verbs.contract import Result
from passerelle.workflows.verbs.registry import verb
from passerelle.workflows.verbs.thresholds import AcceptResult, ThresholdsResult
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import NOW, surroundings
from tests.workflows.verbs.people import shown

HOUR = 3_600_000_000
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose threshold was far lower in yesterday's run, so that its guard keeps that."""
    folder = tmp_path_factory.mktemp("shop") / "ws"
    scaffold(folder)
    shop.generate(folder / "data", people=200, seed=1, now=NOW)
    with Workspace.open(folder) as workspace:
        pull(workspace, [], now=NOW, progress=Silent())
        (now,) = threshold_courses(workspace, ["high_value"], now=NOW)
        assert now.now.value is not None
        before = ThresholdValue("high_value", "", NOW - DAY, now.now.value // 4, now.now.definition)
        older = ThresholdValue("high_value", "", NOW - 2 * DAY, now.now.value, "another")
        StoredHistory(workspace.store()).save([before, older])
    return folder


@pytest.fixture
def folder(pulled: Path, tmp_path: Path) -> Path:
    shutil.copytree(pulled, tmp_path / "ws", symlinks=True)
    return tmp_path / "ws"


def ask(folder: Path, name: str, words: dict[str, object], now: int = NOW) -> Result:
    found = verb(name)
    assert found is not None
    result: Result = found.run(surroundings(folder, now=now), found.request.model_validate(words))
    assert shown(found, result)
    return result


def told(folder: Path, now: int = NOW, **words: object) -> ThresholdsResult:
    result = ask(folder, "segment thresholds", {"name": "high_value", **words}, now)
    assert isinstance(result, ThresholdsResult)
    return result


def run(folder: Path, now: int) -> None:
    with Workspace.open(folder) as workspace:
        run_segments(workspace, ["lapsing_champions"], as_of=None, now=now, progress=Silent())


def test_the_history_says_what_was_kept_and_what_was_asked_otherwise(folder: Path, tmp_path: Path) -> None:
    run(folder, NOW)
    result = told(folder, NOW + HOUR, out=tmp_path / "course.svg")
    (course,) = result.thresholds
    assert course.kept
    assert course.value != course.computed
    assert [each.state for each in course.history] == ["other_definition", "computed", "kept"]
    assert course.history[1].value == course.history[2].value == course.value
    picture = ET.fromstring((tmp_path / "course.svg").read_text(encoding="utf-8"))  # noqa: S314 - our own
    drawn = [element for element in picture.iter() if element.tag.endswith("circle")]
    assert [element.get("fill") for element in drawn] == ["#1a1a1a", "#ffffff", "#ffffff"]
    assert "script" not in {element.tag for element in picture.iter()}


def test_an_accepted_jump_stands_from_this_hour_on_and_the_log_says_why(folder: Path) -> None:
    computed = told(folder).thresholds[0].computed
    taken = ask(folder, "segment accept", {"name": "high_value", "reason": "prices doubled"})
    assert isinstance(taken, AcceptResult)
    assert taken.groups == 1
    for now in (NOW, NOW + HOUR):
        run(folder, now)
        assert (told(folder, now).thresholds[0].value, told(folder, now).thresholds[0].kept) == (computed, False)
    assert told(folder, NOW + 2 * HOUR).thresholds[0].history[-2].state == "accepted"
    with Workspace.open(folder) as workspace, workspace.store().read() as connection:
        bodies = [json.loads(body) for body in connection.scalars(select(log_entry.c.body).order_by("log_index"))]
    acts = [each["body"] for each in bodies if each["kind"] == "operator"]
    assert [(act["action"], act["threshold"], act["reason"]) for act in acts] == [
        ("threshold_accepted", "high_value", "prices doubled")
    ]


def test_where_nothing_is_kept_there_is_nothing_to_accept(folder: Path) -> None:
    with pytest.raises(DefinitionError, match="No guard keeps a value of this threshold for this group"):
        ask(folder, "segment accept", {"name": "high_value", "group": "or", "reason": "x"})
    with pytest.raises(DefinitionError, match="There is no threshold `hihg_value`"):
        ask(folder, "segment accept", {"name": "hihg_value", "reason": "x"})
    ask(folder, "segment accept", {"name": "high_value", "reason": "x"})
    with pytest.raises(DefinitionError, match=r"No guard keeps a value of this threshold\."):
        ask(folder, "segment accept", {"name": "high_value", "reason": "x"})


def test_a_plan_whose_threshold_jumped_asks_a_person_to_look(folder: Path) -> None:
    result = ask(folder, "plan", {"audiences": ["lapsing_champions"]})
    assert result.outcome == "held_back"
    assert result.model_dump()["jumped"] == ["high_value"]
    ask(folder, "segment accept", {"name": "high_value", "reason": "prices doubled"})
    assert ask(folder, "plan", {"audiences": ["lapsing_champions"]}).model_dump()["jumped"] == []
