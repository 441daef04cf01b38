"""Traits listed by dimension, and scaled traits fitted."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.demo import shop
from passerelle.workflows.pull import pull
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.verbs.contract import Result
from passerelle.workflows.verbs.registry import verb
from passerelle.workflows.verbs.traits import FitResult, ListResult
from passerelle.workflows.workspace import Workspace
from tests.workflows.surroundings import NOW, surroundings
from tests.workflows.verbs.people import shown

SCALED = """
  spent_scaled: {min_max: revenue_365d, among: big, dimension: behavioural}
  spent_score: {z_score: revenue_365d, description: How unusual.}
"""
HOUR = 3_600_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "ws"
    scaffold(folder)
    model = folder / "model.yaml"
    written = model.read_text(encoding="utf-8")
    model.write_text(written.replace("\ntraits:\n", f"\ntraits:{SCALED}", 1), encoding="utf-8")
    (folder / "segments/big.yaml").write_text(
        "segment: big\nwhere: {trait: orders_365d, at_least: 1}\n", encoding="utf-8"
    )
    (folder / "segments/unusual.yaml").write_text(
        "segment: unusual\nwhere: {trait: spent_score, more_than: 1.5}\n", encoding="utf-8"
    )
    shop.generate(folder / "data", people=200, seed=1, now=NOW)
    with Workspace.open(folder) as workspace:
        pull(workspace, [], now=NOW, progress=Silent())
    return folder


def ask(folder: Path, name: str, words: dict[str, object], now: int = NOW) -> Result:
    found = verb(name)
    assert found is not None
    result: Result = found.run(surroundings(folder, now=now), found.request.model_validate(words))
    assert shown(found, result)
    return result


def test_traits_are_fitted_listed_and_used(folder: Path) -> None:
    with pytest.raises(DefinitionError) as caught:
        ask(folder, "segment preview", {"name": "unusual"})
    assert "model.yaml, line 17: Nothing was fitted for `spent_score` yet." in str(caught.value)

    first = ask(folder, "traits fit", {})
    assert isinstance(first, FitResult)
    assert [(row.trait, row.version, row.among, row.previous_shift) for row in first.fitted] == [
        ("spent_scaled", 1, "big", ""),
        ("spent_score", 1, "", ""),
    ]
    again = ask(folder, "traits fit", {"names": ["spent_score"]}, NOW + HOUR)
    assert isinstance(again, FitResult)
    assert [(row.version, row.previous_scale) for row in again.fitted] == [(2, first.fitted[1].scale)]
    assert 0 < ask(folder, "segment preview", {"name": "unusual"}).model_dump()["size"] < 200

    listed = ask(folder, "traits list", {"dimension": "behavioural"})
    assert isinstance(listed, ListResult)
    assert [(row.trait, row.kind, row.fitted) for row in listed.traits] == [
        ("spent_scaled", "min_max", "2026-11-21T00:00:00Z")
    ]
    every = ask(folder, "traits list", {})
    assert isinstance(every, ListResult)
    assert {"loyalty", "spent_score"} < {row.trait for row in every.traits if row.dimension == "unstated"}


def test_a_dimension_that_is_none_is_refused(folder: Path) -> None:
    with pytest.raises(ValidationError, match="dimension"):
        ask(folder, "traits list", {"dimension": "behavioral"})
