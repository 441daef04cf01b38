import json
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.runner.allowed import allowed
from passerelle.workflows.runner.answers import Asked
from passerelle.workflows.verbs.contract import Outcome
from tests.waiting import until
from tests.workflows.runner.desk import SYNC, TOKEN, ask, calls, desk


def test_a_result_comes_back_with_200(tmp_path: Path) -> None:
    (tmp_path / "say").write_text('{"outcome": "held_back", "exit_code": 3, "advice": "Look."}')
    answer = ask(desk(tmp_path), b'{"audiences": ["vip"]}')
    assert answer.status == 200
    assert json.loads(answer.body) == {"outcome": "held_back", "exit_code": 3, "advice": "Look."}
    assert json.loads((tmp_path / "calls").read_text()) == ["sync", {"audiences": ["vip"]}]


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "é" * 30])
def test_without_the_token_nothing_runs(tmp_path: Path, token: str) -> None:
    answer = ask(desk(tmp_path), token=token)
    assert answer.status == 401
    assert json.loads(answer.body)["outcome"] == Outcome.REFUSED
    assert calls(tmp_path) == 0


def test_the_token_must_be_a_bearer_token(tmp_path: Path) -> None:
    for header in (TOKEN, f"Basic {TOKEN}", "Bearer"):
        assert desk(tmp_path).answer(Asked("POST", "/v1/sync", {"authorization": header}, b"{}")).status == 401


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/consent", "/v1/erase", "/v1/../sync", "/v1/sync/", "/v1/normalize"])
def test_any_other_address_is_unknown(tmp_path: Path, path: str) -> None:
    assert ask(desk(tmp_path), path=path).status == 404


def test_health_needs_no_token_and_says_nothing_else(tmp_path: Path) -> None:
    assert desk(tmp_path).answer(Asked("GET", "/healthz", {}, b"")).body == b'{"status":"ok"}'


def test_only_post_runs_anything(tmp_path: Path) -> None:
    assert desk(tmp_path).answer(Asked("GET", "/v1/sync", {"authorization": f"Bearer {TOKEN}"}, b"")).status == 405


WRONG = [
    b"",
    b"[]",
    b"nonsense",
    b"[" * 100_000,
    b'{"plan": "/etc/passwd"}',
    b'{"approve": ["maximum_change"]}',
    b'{"audiences": ["../../x"]}',
    b'{"audiences": ["a b"]}',
    b'{"audiences": ["$(id)"]}',
    b'{"audiences": "vip"}',
    b'{"audiences": [["vip"]]}',
    b'{"audiences": [{"a": 1}]}',
    b'{"removals_only": "yes"}',
    b'{"removals_only": 1}',
    json.dumps({"audiences": ["x" * 65]}).encode(),
    json.dumps({"audiences": ["x"] * 201}).encode(),
    '{"audiences": ["été"]}'.encode(),
]


@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
def test_a_request_that_does_not_fit_is_refused_and_not_repeated(tmp_path: Path, body: bytes) -> None:
    if body == b"":
        body = b"\xff"
    answer = ask(desk(tmp_path), body)
    assert answer.status == 422
    assert json.loads(answer.body)["outcome"] == "invalid"
    for value in (b"passwd", b"$(id)", b"maximum_change", b"xxxx"):
        assert value not in answer.body
    assert calls(tmp_path) == 0


@given(body=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: json.dumps({"audiences": [text]}).encode()))
def test_whatever_is_taken_is_names_only(body: bytes) -> None:
    with suppress(DefinitionError):
        taken = allowed(SYNC, body)
        assert all(name == "" or name.replace("_", "").replace("-", "").isalnum() for name in taken.names)


@pytest.mark.parametrize("output", ["", "not json", "[]", "{}", '{"outcome": "splendid"}', '{"outcome": 3}'])
def test_a_run_without_a_readable_result_has_failed(tmp_path: Path, output: str) -> None:
    (tmp_path / "say").write_text(output)
    answer = ask(desk(tmp_path))
    assert (answer.status, json.loads(answer.body)["outcome"]) == (200, "failed")


def test_a_killed_run_has_failed(tmp_path: Path) -> None:
    (tmp_path / "kill").touch()
    assert json.loads(ask(desk(tmp_path)).body)["outcome"] == "failed"


def test_a_run_past_its_time_is_asked_to_stop_and_its_answer_goes_out(tmp_path: Path) -> None:
    (tmp_path / "hold").touch()
    assert json.loads(ask(desk(tmp_path, timeout=1.0)).body)["outcome"] == "try_later"


def test_the_same_key_runs_once(tmp_path: Path) -> None:
    at = desk(tmp_path)
    first = ask(at, b'{"audiences": ["a"]}', key="run-1")
    assert ask(at, b'{ "audiences": ["a"] }', key="run-1") == first
    assert calls(tmp_path) == 1


def test_the_same_key_with_another_request_is_refused(tmp_path: Path) -> None:
    at = desk(tmp_path)
    ask(at, key="run-1")
    assert ask(at, b'{"removals_only": true}', key="run-1").status == 422
    assert calls(tmp_path) == 1


def test_an_answer_that_says_try_later_is_not_remembered(tmp_path: Path) -> None:
    at = desk(tmp_path)
    (tmp_path / "say").write_text('{"outcome": "try_later"}')
    ask(at, key="run-1")
    (tmp_path / "say").write_text('{"outcome": "done"}')
    assert ask(at, key="run-1").outcome == "done"


@pytest.mark.parametrize("key", ["x" * 201, "a\nb"])
def test_a_key_that_is_no_key_is_refused(tmp_path: Path, key: str) -> None:
    assert ask(desk(tmp_path), key=key).status == 422


def test_a_second_run_of_the_same_audience_is_told_to_come_back(tmp_path: Path) -> None:
    at = desk(tmp_path)
    (tmp_path / "hold").touch()
    first = threading.Thread(target=ask, args=(at, b'{"audiences": ["a"]}'))
    first.start()
    try:
        until(lambda: calls(tmp_path) == 1)
        busy = ask(at, b'{"audiences": ["a"]}')
        assert (busy.status, json.loads(busy.body)["outcome"], json.loads(busy.body)["retryable"]) == (
            423,
            "try_later",
            True,
        )
    finally:
        (tmp_path / "hold").unlink()
        first.join()
    assert ask(at, b'{"audiences": ["a"]}').outcome == "done"


def test_stopping_ends_runs_in_order_and_starts_no_more(tmp_path: Path) -> None:
    at = desk(tmp_path)
    (tmp_path / "hold").touch()
    answers: list[str] = []
    run = threading.Thread(target=lambda: answers.append(ask(at).outcome))
    run.start()
    until(lambda: calls(tmp_path) == 1)
    until(lambda: _stopped(at, run))
    assert answers == ["try_later"]
    assert ask(at).status == 503


def _stopped(at: object, run: threading.Thread) -> bool:
    at.children.stop()  # type: ignore[attr-defined]
    run.join(0.2)
    return not run.is_alive()
