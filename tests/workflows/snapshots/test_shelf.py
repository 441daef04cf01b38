"""Snapshots as files: what is kept, what is shared, what a death leaves, what is taken out."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passerelle.privacy.errors import DefinitionError, IntegrityError, PasserelleError
from passerelle.workflows.snapshots.manifest import ID, Ids, id_of
from passerelle.workflows.snapshots.shelf import Shelf
from tests.workflows.snapshots.scene import HOUR, RULE, T, people, run

DAY = 24 * HOUR


def files(folder: Path, ending: str) -> list[str]:
    return sorted(path.name for path in (folder / "rich").glob(f"*{ending}"))


def test_who_was_in_is_read_back_with_all_that_it_rests_on(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    kept = shelf.keep(run(), people(3, 5, 9), RULE)
    assert (kept.id, kept.members.count, kept.came, kept.went) == ("20261121T000000Z", 3, 0, 0)
    again = Shelf(tmp_path)
    assert again.of("rich") == [kept]
    assert again.find("rich", None) == again.find("rich", kept.id) == kept
    assert again.members(kept).tolist() == [3, 5, 9]
    assert again.definition(kept) == RULE


def test_who_came_and_went_is_counted_against_the_one_before(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.keep(run(), people(3, 5, 9), RULE)
    kept = shelf.keep(run(T + HOUR), people(5, 7, 8, 9), RULE)
    assert (kept.before, kept.came, kept.went) == ("20261121T000000Z", 2, 1)


def test_the_same_answer_of_the_same_instant_is_kept_once(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    first = shelf.keep(run(), people(3), RULE)
    assert shelf.keep(run(made_at=T + 5), people(3), RULE) == first
    other = shelf.keep(run(version="v2"), people(3), RULE)
    assert [each.id for each in shelf.of("rich")] == [first.id, other.id] == ["20261121T000000Z", "20261121T000000Z-2"]


def test_snapshots_with_the_same_members_share_their_file_and_definition(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    for hour in range(3):
        shelf.keep(run(T + hour * HOUR), people(3, 5), RULE)
    assert len(files(tmp_path, ".parquet")) == 1
    assert len([name for name in files(tmp_path, ".json") if name.startswith("definition")]) == 1
    shelf.keep(run(T + 3 * HOUR), people(3), {**RULE, "model.yaml": {}})
    assert len(files(tmp_path, ".parquet")) == 2


def test_files_are_for_this_user_alone_and_two_bytes_a_person(tmp_path: Path) -> None:
    ids = np.cumsum(np.arange(200_000) % 50 + 1, dtype=np.int64)
    Shelf(tmp_path).keep(run(), ids, RULE)
    written = [path for path in (tmp_path / "rich").iterdir() if path.name != ".lock"]
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    assert sum(path.stat().st_size for path in written) < 2 * len(ids)


def test_what_a_dead_run_left_is_swept_away(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.keep(run(), people(3), RULE)
    for name in ("members-0000000000000000.parquet", "definition-00.json", ".20261121T000000Z.json-aa"):
        (tmp_path / "rich" / name).write_bytes(b"half")
    shelf.keep(run(T + HOUR), people(4), RULE)
    assert "members-0000000000000000.parquet" not in files(tmp_path, "")
    assert len(files(tmp_path, "")) == 2 + 2 + 1 + 1  # two snapshots, two files of members, a definition, the lock


def test_old_snapshots_go_with_their_files_of_every_segment(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.keep(run(), people(3), RULE)
    shelf.keep(run(T + DAY), people(4), RULE)
    shelf.keep(run(segment="poor"), people(1), RULE)
    assert shelf.expire(keep_days=1, now=T + DAY) == 0
    assert shelf.expire(keep_days=1, now=T + DAY + 1) == 2
    assert [each.id for each in shelf.of("rich")] == ["20261122T000000Z"]
    assert len(files(tmp_path, ".parquet")) == 1
    assert shelf.of("poor") == []


def test_an_erased_person_is_in_no_snapshot_and_no_file(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    for hour, ids in enumerate([(3, 5), (3, 5), (5, 6), (6,)]):
        shelf.keep(run(T + hour * HOUR), people(*ids), RULE)
    before = set(files(tmp_path, ".parquet"))
    assert shelf.forget(people(5, 99)) == 2
    assert [shelf.members(each).tolist() for each in shelf.of("rich")] == [[3], [3], [6], [6]]
    assert [each.erased for each in shelf.of("rich")] == [1, 1, 1, 0]
    assert [each.members.count for each in shelf.of("rich")] == [1, 1, 1, 1]
    assert len(before & set(files(tmp_path, ".parquet"))) == 1
    assert shelf.forget(people(5, 99)) == 0


def test_a_death_while_somebody_is_taken_out_is_made_good_by_the_next_try(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    first = shelf.keep(run(), people(3, 5), RULE)
    shelf.keep(run(T + HOUR), people(3, 5), RULE)
    content = (tmp_path / "rich" / first.members.file).read_bytes()
    shelf.forget(people(5))
    # as if it had died when only the second was rewritten, and the old file were still there
    (tmp_path / "rich" / f"{first.id}.json").write_text(first.model_dump_json())
    (tmp_path / "rich" / first.members.file).write_bytes(content)
    assert shelf.forget(people(5)) == 1
    assert [shelf.members(each).tolist() for each in shelf.of("rich")] == [[3], [3]]
    assert first.members.file not in files(tmp_path, ".parquet")


def test_what_somebody_changed_is_refused(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    kept = shelf.keep(run(), people(3), RULE)
    other = shelf.keep(run(T + HOUR), people(4), {**RULE, "model.yaml": {}})
    (tmp_path / "rich" / other.members.file).replace(tmp_path / "rich" / kept.members.file)
    with pytest.raises(IntegrityError, match="members"):
        shelf.members(kept)
    (tmp_path / "rich" / kept.definition).write_bytes(b"{}\n")
    with pytest.raises(IntegrityError, match="definition"):
        shelf.definition(kept)
    (tmp_path / "rich" / f"{kept.id}.json").write_bytes(b"{}")
    with pytest.raises(IntegrityError, match=kept.id):
        shelf.of("rich")


def test_damaged_members_keep_nobody_from_keeping_the_next(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    kept = shelf.keep(run(), people(3), RULE)
    (tmp_path / "rich" / kept.members.file).write_bytes(b"no")
    after = shelf.keep(run(T + HOUR), people(3, 4), RULE)
    assert (after.before, after.came, after.went) == ("", 0, 0)
    assert shelf.members(after).tolist() == [3, 4]


def test_what_cannot_be_read_is_said_of_nobody_and_kept_of_nobody(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    kept = shelf.keep(run(), people(3), RULE)
    sound = shelf.keep(run(T + HOUR), people(3, 4), RULE)
    (tmp_path / "rich" / kept.members.file).write_bytes(b"no")
    assert [each.id for each in shelf.holding(people(3))["rich"]] == [sound.id]
    assert shelf.holding(people(9)) == {}
    assert shelf.forget(people(4)) == 2
    assert [shelf.members(each).tolist() for each in shelf.of("rich")] == [[], [3]]


def test_a_snapshot_that_says_nothing_any_more_stops_no_erasure_and_is_destroyed(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    damaged = shelf.keep(run(), people(3, 4), RULE)
    sound = shelf.keep(run(T + HOUR), people(3), RULE)
    (tmp_path / "rich" / f"{damaged.id}.json").write_bytes(b"{")
    with pytest.raises(IntegrityError, match="cannot be read"):
        shelf.of("rich")
    assert shelf.forget(people(4)) == 1
    assert [each.id for each in shelf.of("rich")] == [sound.id]
    assert files(tmp_path, ".parquet") == [sound.members.file]
    assert shelf.forget(people(4)) == 0


@pytest.mark.parametrize("name", ["20261121T010000Z", "../../passerelle", "20261121T000000Z.json", "", None])
def test_a_snapshot_that_is_not_there_is_told(tmp_path: Path, name: str | None) -> None:
    with pytest.raises(DefinitionError, match="snapshot"):
        Shelf(tmp_path).find("rich", name)


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    draft = run()
    (tmp_path / "rich" / draft.members.file).mkdir(parents=True)
    with pytest.raises(PasserelleError, match="cannot be written"):
        shelf.keep(draft, people(3), RULE)


@settings(deadline=None)
@given(st.lists(st.sets(st.integers(0, 12)), min_size=1, max_size=5), st.sets(st.integers(0, 12)))
def test_whoever_is_forgotten_is_gone_and_everybody_else_stays(
    tmp_path_factory: pytest.TempPathFactory, runs: list[set[int]], gone: set[int]
) -> None:
    shelf = Shelf(tmp_path_factory.mktemp("shelf"))
    for hour, ids in enumerate(runs):
        shelf.keep(run(T + hour * HOUR), people(*sorted(ids)), RULE)
    shelf.forget(people(*gone))
    left: list[Ids] = [shelf.members(each) for each in shelf.of("rich")]
    assert [set(ids.tolist()) for ids in left] == [ids - gone for ids in runs]


def test_an_id_says_the_instant_and_which_of_it() -> None:
    assert [id_of(T), id_of(T, 2)] == ["20261121T000000Z", "20261121T000000Z-2"]
    assert ID.match(id_of(T, 12))
