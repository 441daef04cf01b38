"""The command line as a process: one object on stdout, words on stderr, the documented exit code, nothing personal."""

import base64
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.canary import DEADLINE, Ran, leaks
from tests.workflows.cli.probe import CANARY

CODES = {
    "done": 0,
    "failed": 1,
    "invalid": 2,
    "held_back": 3,
    "integrity_failure": 4,
    "pending": 5,
    "consent_stale": 6,
    "refused": 7,
    "try_later": 75,
}


Probe = Callable[..., Ran]


def start(*arguments: str) -> "subprocess.Popen[bytes]":
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "tests.workflows.cli.probe", *arguments]
    pipe = subprocess.PIPE
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell starts with &
    try:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    """Runs command lines, all in one process of their own: starting one for each would take most of the time."""
    with start("--many") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        into, out_of = process.stdin, process.stdout

        def ask(*arguments: str) -> Ran:
            into.write(json.dumps(arguments).encode() + b"\n")
            into.flush()
            said = json.loads(out_of.readline())
            return Ran(said["code"], said["stdout"].encode("latin-1"), said["stderr"].encode("latin-1"))

        yield ask
        into.close()
        process.wait(timeout=DEADLINE)


def encoded(request: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(request).encode()).decode()


@pytest.mark.parametrize(("outcome", "code"), CODES.items())
def test_each_outcome_has_its_exit_code_and_one_object_on_stdout(outcome: str, code: int, probe: Probe) -> None:
    ran = probe("probe", outcome)

    assert ran.code == code
    assert ran.result["outcome"] == outcome
    assert ran.result["exit_code"] == code
    assert ran.result["retryable"] == (outcome == "try_later")
    assert "error" not in ran.result
    assert {"advice", "outcome", "exit_code", "retryable"} <= set(ran.result)


@pytest.mark.parametrize("outcome", ["done", "held_back", "crash", "nonsense --option"])
def test_with_report_the_exit_code_is_0_and_the_true_one_is_inside(outcome: str, probe: Probe) -> None:
    ran = probe("probe", "--report", *outcome.split())

    assert ran.code == 0
    assert ran.result["exit_code"] == {"done": 0, "held_back": 3, "crash": 1}.get(outcome, 2)
    assert ran.stderr == b""


def test_a_verb_that_returns_a_bad_outcome_is_treated_like_one_that_raised_it(probe: Probe) -> None:
    ran = probe("soft", "held_back")

    assert ran.code == 3
    assert b"See what it says." in ran.stderr


def test_what_went_wrong_and_what_to_do_stand_on_stderr(probe: Probe) -> None:
    ran = probe("probe", "invalid")

    assert ran.stderr.decode() == "It is wrong.\nDo it right.\n"


def test_how_long_to_wait_is_told(probe: Probe) -> None:
    assert probe("probe", "try_later").result["wait_seconds"] == 12.5


def test_an_unexpected_error_shows_its_class_and_a_reference_only(tmp_path: Path, probe: Probe) -> None:
    (tmp_path / "passerelle.yaml").write_text("version: 1\n")

    ran = probe("probe", "crash", "--workspace", str(tmp_path), "-v")

    assert ran.code == 1
    [report] = (tmp_path / "var").iterdir()
    assert report.name == f"crash-{ran.result['reference']}.txt"
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert "KeyError" in ran.result["message"]
    assert "probe.py:" in report.read_text()
    assert leaks([CANARY], ran, report) == []


def test_without_a_workspace_an_unexpected_error_leaves_no_file(tmp_path: Path, probe: Probe) -> None:
    ran = probe("probe", "crash", "--workspace", str(tmp_path))

    assert ran.code == 1
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_worth_another_try(probe: Probe) -> None:
    ran = probe("probe", "disk")

    assert ran.code == 75
    assert leaks([CANARY], ran) == []


def test_libraries_cannot_talk_about_people(probe: Probe) -> None:
    ran = probe("probe", "noise", "-v")

    assert ran.code == 0
    assert leaks([CANARY], ran) == []
    assert b"warning: sent rows=3 audience=lapsing" in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_run_says_that_it_can_be_tried_again(number: signal.Signals) -> None:
    with start("probe", "wait") as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"waiting\n"
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=DEADLINE)

    assert process.returncode == 75
    assert Ran(75, stdout, stderr).result["outcome"] == "try_later"


def test_a_request_in_base64_is_the_whole_request(probe: Probe) -> None:
    ran = probe("probe", "--request-b64", encoded({"ending": "done", "count": 7, "audiences": ["a"]}))

    assert ran.result["asked"] == {"ending": "done", "count": 7, "audiences": ["a"], "dry": False, "kind": "full"}


@pytest.mark.parametrize(
    "text",
    [
        "%%%",
        "",
        "é",
        base64.b64encode(b"{not json").decode(),
        base64.b64encode(b"[1]").decode(),
        base64.b64encode(b"\xff\xfe").decode(),
        encoded({"count": "7"}),
        encoded({"dry": "yes"}),
        encoded({"unknown": 1}),
        encoded({"kind": CANARY.email}),
        encoded({"ending": "done"} | {f"x{n}": "y" * 100 for n in range(1000)})[:100_000],
    ],
)
def test_a_malformed_request_is_refused_and_not_repeated(text: str, probe: Probe) -> None:
    ran = probe("probe", "--request-b64", text)

    assert ran.code == 2
    assert ran.result["outcome"] == "invalid"
    assert leaks([CANARY], ran) == []


def test_words_of_a_command_line_are_never_repeated(probe: Probe) -> None:
    for arguments in (
        ["probe", "done", CANARY.email],
        ["probe", f"--{CANARY.token}"],
        ["probe", f"--email={CANARY.email}"],
        ["probe", "--count", CANARY.phone],
        ["probe", "--kind", CANARY.email],
        [CANARY.email],
        ["keep", CANARY.email],
    ):
        ran = probe(*arguments)
        assert ran.code == 2, arguments
        assert ran.result["outcome"] == "invalid"
        assert leaks([CANARY], ran) == []


def test_new_files_are_private(probe: Probe) -> None:
    assert probe("probe").result["umask"] == 0o077


def test_a_readable_table_is_there_for_the_asking(probe: Probe) -> None:
    assert probe("probe", "--no-json").stdout == b"A table: done\n"


def test_a_verb_that_streams_has_stdout_to_itself(probe: Probe) -> None:
    assert probe("streams", "--json").stdout == b"one\ntwo\n"
    failed = probe("streams", "held_back")
    assert failed.code == 3
    assert failed.stdout == b"one\ntwo\n"


def test_a_reader_that_goes_away_is_no_crash() -> None:
    with start("probe") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()

        assert process.wait(timeout=DEADLINE) == 1
        assert process.stderr.read() == b""


def test_the_exit_code_reaches_the_shell() -> None:
    with start("probe", "refused") as process:
        process.communicate(timeout=DEADLINE)

    assert process.returncode == 7


def test_nothing_asked_is_answered_with_help(probe: Probe) -> None:
    ran = probe()

    assert ran.code == 0
    assert b"Usage: passerelle" in ran.stdout
