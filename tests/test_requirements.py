"""The locks have hashes and name no address; nothing that would name one is in git."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_each_pin_has_a_hash_and_no_line_an_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    pins = re.split(r"\n(?=\S)", text.strip())
    assert all("--hash=sha256:" in pin for pin in pins if not pin.startswith("#"))
    assert all(re.match(r"[A-Za-z0-9_.-]+==\S+", pin) for pin in pins)


def test_what_runs_is_locked_alike_for_users_and_developers() -> None:
    runtime, dev = (
        set(re.findall(r"^([a-z0-9._-]+==[^\s;]+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))
        for name in ("runtime.txt", "dev.txt")
    )
    assert runtime <= dev


def test_no_file_that_names_a_registry_is_tracked() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    names = {Path(name).name for name in tracked.stdout.splitlines()}
    assert not names & {"uv.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "poetry.lock"}
