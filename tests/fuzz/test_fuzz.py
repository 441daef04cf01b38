"""A bounded run of atheris over each target, in a process of its own. It needs atheris, which has few wheels."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, checked

ROOT = Path(__file__).parents[2]
RUNS, SECONDS, SEED = 20_000, 5, 20_261_031


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_can_read_where_the_fuzzer_starts(name: str) -> None:
    for seed in TARGETS[name].seeds:
        checked(TARGETS[name], seed)


@pytest.mark.parametrize(("name", "data"), [("export_csv", b"email,st\xf5te\nsomeone@example.org,given\n")])
def test_what_was_found_once_stays_mended(name: str, data: bytes) -> None:
    checked(TARGETS[name], data)


@pytest.mark.fuzz
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no wheel for this machine")
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_declared_errors_and_no_canary(name: str, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    flags = [f"-runs={RUNS}", f"-max_total_time={SECONDS}", f"-seed={SEED}", "-timeout=10", "-rss_limit_mb=4096"]
    command = [sys.executable, "-m", "tests.fuzz", name, str(corpus), *flags, f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-4_000:]
    assert "DONE" in done.stderr
