"""Rolling back, cutting off and crashing: what the next run says, and that it sends nothing."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from passerelle.workflows.cli.main import main
from tests.end_to_end.conftest import Cli
from tests.end_to_end.shop import ShopWorkspace

pytestmark = pytest.mark.xdist_group("integrity")


def changed(shop: ShopWorkspace, script: str) -> None:
    with closing(sqlite3.connect(shop.folder / "var/control.db")) as raw:
        raw.executescript(script)


def stops(shop: ShopWorkspace, run: Cli) -> dict[str, Any]:
    """The next sync ends with exit code 4 and sends nothing; `audit verify` says the same."""
    before = shop.at_twins()
    code, result = run(shop, "sync")
    assert (code, result["outcome"]) == (4, "integrity_failure")
    assert shop.at_twins() == before
    assert run(shop, "audit", "verify")[0] == 4
    return result


@pytest.fixture
def older(shop: ShopWorkspace, cli: Cli) -> Path:
    """A copy of `var` as it was before one more run."""
    kept = shop.folder / "older"
    shutil.copytree(shop.folder / "var", kept)
    assert cli(shop, "sync")[0] == 0
    return kept


def test_nothing_is_sent_from_a_table_that_was_changed(shop: ShopWorkspace, cli: Cli) -> None:
    changed(shop, "UPDATE membership SET state = 'unsendable'")
    assert "membership" in stops(shop, cli)["message"]


def test_one_table_put_back_is_noticed(shop: ShopWorkspace, older: Path, cli: Cli) -> None:
    back = "DELETE FROM run; INSERT INTO run SELECT * FROM old.run;"
    changed(shop, f"ATTACH '{older / 'control.db'}' AS old; {back}")
    assert "run" in stops(shop, cli)["message"]


@pytest.mark.parametrize("with_anchor", [False, True])
def test_an_older_copy_of_the_file_is_noticed(
    shop: ShopWorkspace,
    older: Path,
    cli: Cli,
    *,
    with_anchor: bool,
) -> None:
    shutil.copy(older / "control.db", shop.folder / "var/control.db")
    if with_anchor:
        shutil.copy(older / "anchor.jsonl", shop.folder / "var/anchor.jsonl")
    assert "accept-restore" in stops(shop, cli)["advice"]


def test_the_newest_entries_cannot_be_dropped(shop: ShopWorkspace, cli: Cli) -> None:
    changed(
        shop,
        "DELETE FROM log_checkpoint WHERE size = (SELECT max(size) FROM log_checkpoint);"
        "DELETE FROM log_entry WHERE log_index >= (SELECT max(size) FROM log_checkpoint);"
        "DELETE FROM log_members WHERE log_index >= (SELECT max(size) FROM log_checkpoint);",
    )
    stops(shop, cli)


def test_a_backup_put_back_on_purpose_is_accepted_once_and_the_log_says_why(
    shop: ShopWorkspace,
    older: Path,
    cli: Cli,
) -> None:
    assert cli(shop, "audit", "accept-restore", "--reason", "nothing happened")[0] == 2
    shutil.copy(older / "control.db", shop.folder / "var/control.db")
    stops(shop, cli)
    code, result = cli(shop, "audit", "accept-restore", "--reason", "The disk failed on Friday")
    assert code == 0
    assert (shop.folder / "var" / result["aside"]).is_file()
    assert cli(shop, "audit", "verify")[0] == 0
    assert cli(shop, "sync")[0] == 0
    with closing(sqlite3.connect(shop.folder / "var/control.db")) as raw:
        bodies = [row[0] for row in raw.execute("SELECT body FROM log_entry WHERE kind = 'operator'")]
    assert any(b"The disk failed on Friday" in body for body in bodies)


def test_a_restored_copy_that_is_not_sound_is_not_accepted(shop: ShopWorkspace, older: Path, cli: Cli) -> None:
    shutil.copy(older / "control.db", shop.folder / "var/control.db")
    changed(shop, "DELETE FROM identity")
    assert cli(shop, "audit", "accept-restore", "--reason", "The disk failed")[0] == 4


def test_a_copy_that_was_left_open_is_verified_and_goes_on(
    shop: ShopWorkspace,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (shop.folder / "var/anchor.jsonl.left").unlink()
    assert main(["sync", "-w", str(shop.folder), "--json"]) == 0
    assert "it was verified, and holds" in capsys.readouterr().err
    assert main(["sync", "-w", str(shop.folder), "--json"]) == 0
    assert "verified" not in capsys.readouterr().err


def test_a_moved_workspace_goes_on_without_a_word(
    shop: ShopWorkspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.folder.rename(tmp_path / "elsewhere")
    assert main(["sync", "-w", str(tmp_path / "elsewhere"), "--json"]) == 0
    assert "verified" not in capsys.readouterr().err


def test_a_file_in_the_place_of_the_locks_says_what_to_do(shop: ShopWorkspace, cli: Cli) -> None:
    shutil.rmtree(shop.folder / "var/locks")
    (shop.folder / "var/locks").write_text("")
    code, result = cli(shop, "sync")
    assert code == 2
    assert "locks" in result["message"]
    assert "Move it away" in result["advice"]
