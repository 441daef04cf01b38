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


def pinned(lock: Path) -> dict[str, str]:
    """The packages of a lock, each with its version."""
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_hazard_14_no_lock_drags_a_library_for_graphics_cards(lock: Path) -> None:
    """Plain xgboost brings NVIDIA's NCCL, 400 MB that nobody here uses; LightGBM and scikit-learn bring none."""
    assert not {name for name in pinned(lock) if name == "xgboost" or name.startswith(("nvidia", "cuda", "triton"))}


def test_hazard_15_stand_ins_for_warehouses_have_their_own_environments() -> None:
    """bqemulator needs DuckDB 1.5.5, and fakesnow a connector below 5: neither is what runs."""
    locks = {path.stem: pinned(path) for path in LOCKS}
    assert locks["bqemulator"]["duckdb"] == locks["bqemulator"]["duckdb-extension-spatial"] == "1.5.5"
    assert locks["runtime"]["duckdb"] != "1.5.5"
    assert int(locks["fakesnow"]["snowflake-connector-python"].partition(".")[0]) < 5
    assert int(locks["snowflake"]["snowflake-connector-python"].partition(".")[0]) >= 5
    assert not {"bqemulator", "fakesnow", "snowflake-connector-python"} & {*locks["runtime"], *locks["dev"]}
