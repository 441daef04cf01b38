"""A bounded run of atheris over each target, in a fork of its own. It needs atheris, which has few wheels."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS, checked

ROOT = Path(__file__).parents[2]
SECONDS, SEED = 120, 20_261_031


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_can_read_where_the_fuzzer_starts(name: str) -> None:
    for seed in TARGETS[name].seeds:
        checked(TARGETS[name], seed)


@pytest.mark.parametrize(("name", "data"), [("export_csv", b"email,st\xf5te\nsomeone@example.org,given\n")])
def test_what_was_found_once_stays_mended(name: str, data: bytes) -> None:
    checked(TARGETS[name], data)


@pytest.fixture(scope="module")
def fuzzer() -> Iterator["subprocess.Popen[str]"]:
    """A process with everything imported and instrumented, which forks for each job."""
    command = [sys.executable, "-m", "tests.fuzz"]
    quiet, pipe = subprocess.DEVNULL, subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=quiet, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


@pytest.mark.fuzz
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no wheel for this machine")
@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_declared_errors_and_no_canary(name: str, fuzzer: "subprocess.Popen[str]", tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    bounds = [f"-runs={TARGETS[name].runs}", f"-max_total_time={SECONDS}", f"-seed={SEED}", "-timeout=10"]
    words = [name, str(corpus), *bounds, "-rss_limit_mb=4096", f"-artifact_prefix={tmp_path}/"]
    assert fuzzer.stdin is not None
    assert fuzzer.stdout is not None
    fuzzer.stdin.write(json.dumps(words) + "\n")
    fuzzer.stdin.flush()
    code = json.loads(fuzzer.stdout.readline())["code"]
    said = (tmp_path / "said").read_text(errors="replace")
    assert code == 0, said[-4_000:]
    assert f"#{TARGETS[name].runs}\tDONE" in said, said[-400:]
