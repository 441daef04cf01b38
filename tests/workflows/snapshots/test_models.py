"""Snapshots of a segment that rests on a cluster: each knows its model, and is computed again with that very one."""

import shutil
from pathlib import Path

import pytest

from passerelle.workflows.snapshots.taking import shelf_of
from passerelle.workflows.verbs.snapshot import SnapshotResult
from passerelle.workflows.verbs.versions import DiffResult, HistoryResult, ReplayResult
from passerelle.workflows.workspace import Workspace
from tests.once import once
from tests.workflows.clusters.test_verbs import made
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask

DAY = 86_400_000_000


@pytest.mark.slow
def test_a_model_that_was_fitted_anew_is_told_and_the_old_one_replayed(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(once(tmp_path_factory, "buyers", made), tmp_path / "ws"))
    first = ask(folder, "segment snapshot", name="regulars")
    assert isinstance(first, SnapshotResult)
    ask(folder, "cluster fit", name="buyers", now=NOW + 60 * DAY, as_of="2026-06-01")
    found = ask(folder, "segment diff", name="regulars")
    assert isinstance(found, DiffResult)
    assert found.came + found.went > 0
    assert [(each.cause, each.came, each.went) for each in found.causes] == [("models", found.came, found.went)]
    ask(folder, "segment snapshot", name="regulars")
    told = ask(folder, "segment history", name="regulars")
    assert isinstance(told, HistoryResult)
    assert [each.where for each in told.versions[1].changes] == ["cluster buyers"]
    again = ask(folder, "segment replay", name="regulars", snapshot=first.snapshot)
    assert isinstance(again, ReplayResult)
    assert again.same is True
    with Workspace.open(folder) as workspace:
        model = shelf_of(workspace).find("regulars", first.snapshot).models[0]
    (folder / f"var/clusters/buyers/{model.version}.json").unlink()
    again = ask(folder, "segment replay", name="regulars", snapshot=first.snapshot)
    assert isinstance(again, ReplayResult)
    assert (again.same, again.missing) == (None, [f"The model {model.version[:12]} of the cluster `buyers`."])
