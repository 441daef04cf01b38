"""Snapshots of a small shop, by `segment snapshot` and as a sync keeps them."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.store.tables import subject
from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.engine import dataset, run_segments
from passerelle.workflows.snapshots.taking import Computed, keep_snapshots, shelf_of
from passerelle.workflows.verbs.snapshot import SnapshotResult
from passerelle.workflows.workspace import Workspace
from tests.once import once
from tests.workflows.segments.shop import made
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask

HOUR = 3_600_000_000
NAME = "lapsing_champions"


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once(tmp_path_factory, "segments-shop", made), tmp_path / "ws"))


def taken(folder: Path, **words: str) -> SnapshotResult:
    result = ask(folder, "segment snapshot", name=NAME, as_of=words.get("as_of"))
    assert isinstance(result, SnapshotResult)
    return result


def test_a_snapshot_knows_all_that_it_rests_on(folder: Path) -> None:
    told = taken(folder)
    with Workspace.open(folder) as workspace:
        kept = shelf_of(workspace).find(NAME, told.snapshot)
        found = run_segments(workspace, [NAME], as_of=None, now=NOW, progress=Silent())[NAME]
        assert shelf_of(workspace).members(kept).tolist() == found.subject_ids.to_pylist()
        documents = shelf_of(workspace).definition(kept)
        lake = {name: [path.name for path in table.files] for name, table in workspace.lake().tables().items()}
    assert (kept.version, kept.as_of, kept.population) == (found.version, found.as_of, found.population)
    assert (told.size, told.as_of) == (found.size, "2026-11-21T00:00:00Z")
    assert [(each.name, each.value) for each in kept.thresholds] == [("high_value", found.thresholds[0].value)]
    assert {name: table.files for name, table in kept.tables.items()} == lake
    assert sorted(documents) == ["model.yaml", f"segments/{NAME}.yaml"]


def test_the_same_hour_is_kept_once_and_another_beside_it(folder: Path) -> None:
    first = taken(folder)
    assert taken(folder) == first
    assert taken(folder, as_of="2026-11-01").snapshot == "20261031T230000Z"


def test_whose_erasure_was_asked_for_meanwhile_is_not_kept(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        data = dataset(workspace)
        found = run_segments(workspace, [NAME], as_of=None, now=NOW, progress=Silent(), data=data)
        who = found[NAME].subject_ids[0].as_py()
        with workspace.store().write() as connection:
            workspace.store().update(connection, subject, {"subject_id": [who], "erased_at": [NOW]})
        (kept,) = keep_snapshots(workspace, Computed(found, data), run="r", now=NOW)
        assert shelf_of(workspace).members(kept).tolist() == found[NAME].subject_ids.to_pylist()[1:]


def test_the_settings_say_how_long_they_are_kept(folder: Path) -> None:
    taken(folder)
    settings = folder / "passerelle.yaml"
    settings.write_text(settings.read_text() + "\nsnapshots: {keep_days: 0}\n")
    with pytest.raises(DefinitionError, match="No snapshot is kept"):
        taken(folder)
    with Workspace.open(folder) as workspace:
        data = dataset(workspace)
        found = run_segments(workspace, [NAME], as_of=None, now=NOW, progress=Silent(), data=data)
        assert keep_snapshots(workspace, Computed(found, data), run="r", now=NOW) == []
        assert shelf_of(workspace).of(NAME) == []


def test_a_persons_file_says_which_segments_they_were_in(folder: Path) -> None:
    first = taken(folder)
    with Workspace.open(folder) as workspace, workspace.store().read() as connection:
        kept = shelf_of(workspace).find(NAME, first.snapshot)
        (ref,) = workspace.subjects().refs(connection, pa.array(shelf_of(workspace).members(kept)[:1])).to_pylist()
    told = ask(folder, "audit person", subject_ref=ref).model_dump()["tables"]["segments"]
    assert told == [{"segment": NAME, "runs": 1, "first": first.snapshot, "last": first.snapshot}]
