"""Runs of verbs that change something are kept: also the ones that failed, and the ones that were killed."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from passerelle.privacy.store.tables import log_checkpoint, run
from passerelle.workflows.cli import runs
from passerelle.workflows.scaffold.write import scaffold
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.verbs.failure import Failure, completed
from passerelle.workflows.workspace import Workspace
from tests.canary import DEADLINE, leaks
from tests.workflows.cli.probe import CANARY
from tests.workflows.cli.test_command_line import start

NOW = 1_795_219_200_000_000


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    scaffold(tmp_path / "new", empty=True)
    return tmp_path / "new"


def kept(folder: Path) -> list[dict[str, Any]]:
    with Workspace.open(folder) as workspace, workspace.store().read() as connection:
        return [dict(row) for row in connection.execute(select(run)).mappings()]


def test_names_of_runs_sort_by_time_and_differ() -> None:
    names = [runs.new_run_id(NOW), runs.new_run_id(NOW), runs.new_run_id(NOW + 1_000_000)]

    assert names[0].startswith("20261121T000000-")
    assert len(set(names)) == 3
    assert max(names) == names[2]
    assert len(names[0]) <= 40


def test_a_run_begins_open_and_ends_with_its_result(workspace: Path) -> None:
    with runs.watched(workspace) as opened:
        runs.begin(opened, "r1", "sync", NOW)
    [open_run] = kept(workspace)
    assert (open_run["verb"], open_run["ended_at"], open_run["outcome"]) == ("sync", None, None)

    runs.end(workspace, "r1", completed(Failure(outcome=Outcome.REFUSED, message="No.")), NOW + 5)

    [ended] = kept(workspace)
    assert (ended["ended_at"], ended["outcome"], ended["exit_code"]) == (NOW + 5, "refused", 7)
    assert json.loads(ended["result"])["message"] == "No."


def test_the_end_of_a_run_signs_the_log(workspace: Path) -> None:
    with runs.watched(workspace) as opened:
        runs.begin(opened, "r1", "sync", NOW)
    with Workspace.open(workspace) as opened, opened.store().write() as connection:
        opened.log().append(connection, "operator", {"did": "try"}, now=NOW)

    runs.end(workspace, "r1", completed(Failure(message="No.")), NOW + 5)

    with Workspace.open(workspace) as opened, opened.store().read() as connection:
        assert connection.scalar(select(log_checkpoint.c.size)) == 2
    assert (workspace / "var" / "anchor.jsonl").read_text().count("\n") == 1


@pytest.mark.parametrize(("ending", "outcome"), [("crash", "failed"), ("refused", "refused"), ("done", "done")])
def test_however_a_run_ends_it_is_kept_without_data(workspace: Path, ending: str, outcome: str) -> None:
    with start("keep", "one", ending, "--workspace", str(workspace)) as process:
        stdout, _ = process.communicate(timeout=DEADLINE)

    [ended] = kept(workspace)
    assert (ended["verb"], ended["outcome"]) == ("keep one", outcome)
    assert json.loads(ended["result"]) == json.loads(stdout)
    assert leaks([CANARY], workspace / "var") == []


def test_a_run_that_was_killed_stays_without_an_end(workspace: Path) -> None:
    with start("keep", "one", "wait", "--workspace", str(workspace)) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"waiting\n"
        process.kill()
        process.communicate(timeout=DEADLINE)

    [killed] = kept(workspace)
    assert (killed["ended_at"], killed["outcome"]) == (None, None)


def test_a_workspace_that_cannot_be_opened_says_why_and_runs_nothing(workspace: Path) -> None:
    (workspace / "policy.yaml").write_text("version: 1\nruels: []\n")

    with start("keep", "one", "done", "--workspace", str(workspace)) as process:
        stdout, _ = process.communicate(timeout=DEADLINE)

    assert process.returncode == 2
    assert "Did you mean `rules`?" in stdout.decode()
