"""`cluster …` on a small shop: what is told, what is kept, and what a run notes."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from passerelle.privacy.errors import DefinitionError, HeldBack, IntegrityError
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.demo import shop
from passerelle.workflows.engine import run_segments
from passerelle.workflows.pull import pull
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.settings.unusable import Unusable
from passerelle.workflows.verbs.cluster import FittedResult
from passerelle.workflows.verbs.cluster_runs import ApplyResult, HistoryResult
from passerelle.workflows.workspace import Workspace
from tests.once import once
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask

HOUR = 3_600_000_000
BUYERS = """cluster: buyers
population: {did: purchase}
traits:
  recency_days: {log: true}
  orders_365d: {log: true}
  revenue_365d: {log: true}
groups: {from: 3, to: 3}
names: {1: regulars}
stability: {rounds: 5, at_least: 0.2}
"""


def made(folder: Path) -> None:
    scaffold(folder)
    shop.generate(folder / "data", people=300, seed=1, now=NOW)
    (folder / "clusters").mkdir()
    (folder / "clusters/buyers.yaml").write_text(BUYERS)
    (folder / "segments/regulars.yaml").write_text("segment: regulars\nwhere: {cluster: buyers, in: [regulars]}\n")
    with Workspace.open(folder) as workspace:
        pull(workspace, [], now=NOW, progress=Silent())
    ask(folder, "cluster fit", name="buyers")


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once(tmp_path_factory, "buyers", made), tmp_path / "ws"))


def shown(folder: Path, **more: Any) -> FittedResult:  # noqa: ANN401 - words of a request
    result = ask(folder, "cluster show", name="buyers", **more)
    assert isinstance(result, FittedResult)
    return result


def history(folder: Path) -> HistoryResult:
    result = ask(folder, "cluster history", name="buyers")
    assert isinstance(result, HistoryResult)
    return result


def test_a_fitted_model_is_told_in_words_and_figures(folder: Path) -> None:
    found = shown(folder)
    assert (found.outcome, found.exit_code, found.stable) == ("done", 0, True)
    assert [group.name for group in found.groups] == ["regulars", "2", "3"]
    assert all(group.words for group in found.groups)
    assert found.people == sum(group.size or 0 for group in found.groups) == found.sampled
    assert [trait.trait for trait in found.tests] == ["recency_days", "orders_365d", "revenue_365d"]
    assert [each.groups for each in found.numbers] == [3]
    assert sum(found.directions) > 0.85
    assert [each.trait for each in found.loadings] == ["recency_days", "orders_365d", "revenue_365d"]


def test_a_fit_of_the_same_inputs_changes_nothing(folder: Path) -> None:
    before = {file: file.read_bytes() for file in (folder / "var/clusters/buyers").iterdir()}
    again = ask(folder, "cluster fit", name="buyers")
    assert isinstance(again, FittedResult)
    assert again.version == shown(folder).version
    assert {file: file.read_bytes() for file in (folder / "var/clusters/buyers").iterdir()} == before


def test_a_later_fit_goes_on_from_the_one_before_and_both_are_on_file(folder: Path) -> None:
    first = shown(folder)
    again = ask(folder, "cluster fit", name="buyers", now=NOW + HOUR)
    assert isinstance(again, FittedResult)
    assert again.version != first.version
    assert again.went_on == [1, 2, 3]
    fits = history(folder).fits
    assert [(each.version, each.in_use) for each in fits] == [(first.version, False), (again.version, True)]


def test_files_are_for_this_user_only_and_hold_numbers_and_no_person(folder: Path) -> None:
    files = [file for file in (folder / "var/clusters").rglob("*") if file.is_file()]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    written = "".join(file.read_text() for file in files)
    assert "subject" not in written
    assert "@" not in written


def test_applying_counts_everybody_and_is_noted(folder: Path) -> None:
    found = ask(folder, "cluster apply", name="buyers", as_of="2026-11-20")
    assert isinstance(found, ApplyResult)
    assert [group.name for group in found.groups] == ["regulars", "2", "3"]
    assert [run.as_of for run in history(folder).runs] == ["2026-11-19T23:00:00Z", "2026-11-21T00:00:00Z"]
    assert history(folder).runs[0].sizes == {group.name: group.size for group in found.groups}


def test_a_run_notes_how_the_model_does_once_for_each_instant(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        for at in (NOW, NOW + HOUR, NOW + HOUR):
            found = run_segments(workspace, ["regulars"], as_of=None, now=at, progress=Silent())["regulars"]
    assert found.held is None
    assert found.size == shown(folder).groups[0].size
    runs = history(folder).runs
    assert [run.as_of for run in runs] == ["2026-11-21T00:00:00Z", "2026-11-21T01:00:00Z"]
    assert {run.version for run in runs} == {found.models[0].version}


def test_groups_that_have_become_small_are_not_shown(folder: Path) -> None:
    edit(folder / "clusters/buyers.yaml", "groups:", "minimum_group: 90\ngroups:")
    found = ask(folder, "cluster apply", name="buyers")
    assert isinstance(found, ApplyResult)
    assert found.exit_code == 3  # the file asks for something else than was fitted
    with Workspace.open(folder) as workspace:
        sizes = workspace.models().runs("buyers")[-1].sizes
    assert [group.size for group in found.groups] == [size if size >= 90 else None for size in sizes.values()]
    assert None in [group.size for group in found.groups]
    assert None in history(folder).runs[-1].sizes.values()


def test_a_file_that_was_changed_after_the_fit_is_told(folder: Path) -> None:
    edit(folder / "clusters/buyers.yaml", "to: 3", "to: 4")
    found = shown(folder)
    assert (found.outcome, found.exit_code) == ("held_back", 3)
    assert "passerelle cluster fit buyers" in found.advice


def test_an_unstable_model_is_kept_and_told(folder: Path) -> None:
    edit(folder / "clusters/buyers.yaml", "at_least: 0.2", "at_least: 1")
    found = shown(folder)
    assert (found.outcome, found.stable) == ("held_back", False)
    with Workspace.open(folder) as workspace:
        held = run_segments(workspace, ["regulars"], as_of=None, now=NOW, progress=Silent())["regulars"].held
    assert held is not None
    assert "not stable" in held.reason


def test_what_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(DefinitionError, match="Did you mean `buyers`"):
        ask(folder, "cluster show", name="buyer")
    shutil.rmtree(folder / "var/clusters")
    with pytest.raises(HeldBack, match="has not been fitted yet"):
        shown(folder)


def test_a_model_that_somebody_changed_is_refused(folder: Path) -> None:
    (file,) = (folder / "var/clusters/buyers").glob("*.json")
    file.write_text(file.read_text().replace('"seed": 1', '"seed": 2'))
    with pytest.raises(IntegrityError, match="not what its fit wrote"):
        shown(folder)
    (folder / "var/clusters/buyers/runs.jsonl").write_text("{}\n")
    with Workspace.open(folder) as workspace, pytest.raises(IntegrityError, match="file of runs"):
        workspace.models().runs("buyers")


def test_a_wrong_file_is_told_with_its_line(folder: Path) -> None:
    edit(folder / "clusters/buyers.yaml", "recency_days", "recency_dais")
    with pytest.raises(Unusable) as told:
        ask(folder, "cluster fit", name="buyers")
    assert "clusters/buyers.yaml, line 4: There is no trait" in told.value.message
    edit(folder / "clusters/buyers.yaml", "recency_dais: {log", "recency_days: {lag")
    with pytest.raises(Unusable) as told:
        ask(folder, "cluster fit", name="buyers")
    assert "clusters/buyers.yaml, line 4" in told.value.message


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
