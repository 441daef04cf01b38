"""`segment diff · history · replay` on a small shop: why people came and went, and what proves that it is the same."""

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.snapshots.manifest import Manifest, ModelThen
from passerelle.workflows.snapshots.taking import shelf_of
from passerelle.workflows.verbs.snapshot import SnapshotResult
from passerelle.workflows.verbs.versions import DiffResult, HistoryResult, ReplayResult
from passerelle.workflows.workspace import Workspace
from tests.once import once
from tests.workflows.segments.shop import made
from tests.workflows.surroundings import NOW
from tests.workflows.verbs.people import ask

HOUR = 3_600_000_000
DAY = 24 * HOUR
NAME = "lapsing_champions"
NO_CLUSTER = ModelThen(kind="cluster", name="buyers", version="b" * 64)
NO_NUMBERS = ModelThen(kind="fitted", name="spent_scaled", version="3")


def kept(folder: Path) -> None:
    made(folder)
    taken(folder)


def taken(folder: Path, now: int = NOW) -> SnapshotResult:
    result = ask(folder, "segment snapshot", name=NAME, now=now)
    assert isinstance(result, SnapshotResult)
    return result


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once(tmp_path_factory, "kept-shop", kept), tmp_path / "ws"))


def replayed(folder: Path, snapshot: str | None = None) -> ReplayResult:
    result = ask(folder, "segment replay", name=NAME, snapshot=snapshot)
    assert isinstance(result, ReplayResult)
    return result


def different(folder: Path, now: int = NOW, *, later: str | None = None, refs: int = 0) -> DiffResult:
    result = ask(folder, "segment diff", name=NAME, now=now, later=later, list=refs)
    assert isinstance(result, DiffResult)
    return result


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def rewrite(folder: Path, change: Callable[[Manifest], Manifest]) -> None:
    (path,) = (folder / "var/snapshots" / NAME).glob("2*.json")
    path.write_text(change(Manifest.model_validate_json(path.read_text())).model_dump_json())


# --- replay
def test_the_same_inputs_give_the_same_members_to_the_byte(folder: Path) -> None:
    found = replayed(folder)
    assert (found.same, found.exit_code, found.missing, found.changed) == (True, 0, [], [])
    assert found.digest_now == found.digest_then
    assert found.size_now == found.size_then > 0


def test_later_files_and_rules_change_nothing_of_a_replay(folder: Path) -> None:
    edit(folder / f"segments/{NAME}.yaml", "times: 1.5", "times: 3")
    edit(folder / "model.yaml", "quantile: 0.80", "quantile: 0.10")
    assert replayed(folder).same is True


def test_events_that_were_touched_give_other_members(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        files = [file for table in workspace.lake().tables().values() for file in table.files if "at" in table.columns]
    for file in files:
        rows = pq.read_table(file)
        pq.write_table(rows.slice(0, rows.num_rows // 2), file)
    found = replayed(folder)
    assert (found.same, found.exit_code) == (False, 3)
    assert found.only_then + found.only_now > 0


def test_a_rule_that_was_touched_gives_other_members(folder: Path) -> None:
    with Workspace.open(folder) as workspace:
        shelf = shelf_of(workspace)
        then = shelf.find(NAME, None)
        documents = dict(shelf.definition(then))
        where = documents[f"segments/{NAME}.yaml"]
        documents[f"segments/{NAME}.yaml"] = {**where, "where": {"all": where["where"]["all"][:2]}}
        draft = then.model_copy(update={"definition": "", "version": "other"})
        other = shelf.keep(draft.model_copy(update={"run": "x"}), shelf.members(then), documents)
    found = replayed(folder, other.id)
    assert (found.same, found.exit_code) == (False, 3)
    assert found.only_now > 0
    assert any("mean something else" in told for told in found.changed)


def test_inputs_that_are_gone_are_named_and_nothing_is_guessed(folder: Path) -> None:
    def otherwise(manifest: Manifest) -> Manifest:
        name, table = min(manifest.tables.items())
        tables = {**manifest.tables, name: table.model_copy(update={"files": ["rows-1.parquet", *table.files]})}
        return manifest.model_copy(update={"tables": tables, "models": [NO_CLUSTER, NO_NUMBERS]})

    rewrite(folder, otherwise)
    found = replayed(folder)
    assert (found.same, found.exit_code, found.digest_now) == (None, 3, "")
    assert found.missing[0].startswith("1 of 2 files of the lake's table ")
    assert found.missing[1:] == [
        "The model bbbbbbbbbbbb of the cluster `buyers`.",
        "Version 3 of the numbers that `spent_scaled` is scaled with.",
    ]


def test_what_else_is_not_what_it_was_is_told(folder: Path) -> None:
    def other(manifest: Manifest) -> Manifest:
        then = [each.model_copy(update={"value": Decimal(100), "shown": "1.00"}) for each in manifest.thresholds]
        return manifest.model_copy(update={"program": "0.0.1", "engine": "spark", "people": "x", "thresholds": then})

    rewrite(folder, other)
    told = replayed(folder).changed
    assert [line.split()[0] for line in told] == ["People", "It", "It", "The"]
    assert "was 1.00, and is" in told[-1]


# --- diff
def test_nothing_differs_from_the_same_hour(folder: Path) -> None:
    found = different(folder)
    assert (found.later, found.came, found.went, found.causes, found.unknown) == ("now", 0, 0, [], [])


def test_time_moves_people_and_thresholds(folder: Path) -> None:
    found = different(folder, NOW + 40 * DAY)
    assert found.came + found.went > 0
    assert {each.cause for each in found.causes} <= {"time", "thresholds"}
    assert "time" in {each.cause for each in found.causes}
    assert sum(each.came for each in found.causes) == found.came
    assert sum(each.went for each in found.causes) == found.went


def test_another_rule_moves_people_for_the_rules_sake(folder: Path) -> None:
    edit(folder / f"segments/{NAME}.yaml", "times: 1.5", "times: 3")
    found = different(folder)
    assert found.came == 0
    assert [(each.cause, each.went) for each in found.causes] == [("rule", found.went)]
    assert found.went > 0


def test_other_thresholds_are_told_from_the_rule(folder: Path) -> None:
    edit(folder / "model.yaml", "quantile: 0.80", "quantile: 0.50")
    found = different(folder)
    assert found.came > 0
    assert {each.cause for each in found.causes} <= {"thresholds", "rule"}
    assert sum(each.came for each in found.causes) == found.came


def test_two_snapshots_are_compared_and_references_only_where_asked_for(folder: Path) -> None:
    later = taken(folder, NOW + 40 * DAY)
    found = different(folder, NOW + 40 * DAY, later=later.snapshot)
    assert (found.earlier, found.later, found.later_size) == ("20261121T000000Z", later.snapshot, later.size)
    assert (found.came, found.went) == (later.came, later.went)
    assert found.came_refs == found.went_refs == []
    listed = different(folder, NOW + 40 * DAY, later=later.snapshot, refs=2)
    refs = listed.came_refs + listed.went_refs
    assert refs
    assert len(listed.came_refs) <= 2
    assert all(ref.startswith("s1") for ref in refs)


def test_data_that_is_gone_leaves_figures_without_why(folder: Path) -> None:
    rewrite(folder, lambda each: each.model_copy(update={"models": [NO_CLUSTER]}))
    edit(folder / f"segments/{NAME}.yaml", "times: 1.5", "times: 3")
    found = different(folder)
    assert found.went > 0
    assert found.causes == []
    assert found.unknown == ["The model bbbbbbbbbbbb of the cluster `buyers`."]


# --- history
def test_versions_are_told_with_what_changed_between_them(folder: Path) -> None:
    taken(folder, NOW + HOUR)
    edit(folder / f"segments/{NAME}.yaml", "times: 1.5", "times: 3")
    taken(folder, NOW + 2 * HOUR)
    found = ask(folder, "segment history", name=NAME)
    assert isinstance(found, HistoryResult)
    assert [(each.runs, len(each.changes)) for each in found.versions] == [(2, 0), (1, 1)]
    (change,) = found.versions[1].changes
    assert change.where.startswith(f"segments/{NAME}.yaml where.all.item 3.more_than")
    assert (change.before, change.after) == ("1.5", "3")
    assert [each.snapshot for each in found.snapshots] == [
        "20261121T000000Z", "20261121T010000Z", "20261121T020000Z",
    ]  # fmt: skip


@pytest.mark.parametrize("verb", ["segment history", "segment replay", "segment diff"])
def test_a_segment_that_is_none_is_told(folder: Path, verb: str) -> None:
    with pytest.raises(DefinitionError, match="Did you mean `lapsing_champions`"):
        ask(folder, verb, name="lapsing_champion")
