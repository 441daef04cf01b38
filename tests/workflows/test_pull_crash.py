"""A pull that dies between any two of its steps, and is run again, ends where an undisturbed one does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def test_dying_at_the_riskiest_steps_and_running_again_gives_the_same_end(tmp_path: Path) -> None:
    told = _crash(tmp_path, "people kept,manifest renamed")
    assert [one["step"] for one in told] == ["people kept", "manifest renamed"]
    assert all(one["died"] and one["same"] for one in told), told


@pytest.mark.slow
def test_dying_at_any_step_and_running_again_gives_the_same_end(tmp_path: Path) -> None:
    told = _crash(tmp_path, "all")
    steps = {one["step"] for one in told}
    assert steps >= {"people kept", "page written", "page staged", "rows staged", "state kept", "merged", "settled"}
    assert all(one["died"] and one["same"] for one in told), told


def _crash(folder: Path, step: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.workflows.crashing", str(folder), step],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]
