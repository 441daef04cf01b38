"""Meta's errors, by what the caller does next."""

import json

import pytest

from passerelle.connectors.destinations.meta_errors import Flagged, SessionOver, explain, trouble
from passerelle.connectors.errors import AudienceTooSmall, OutcomeUnknown, Refused, TryLater

CASES = [
    (1, None, OutcomeUnknown, "internal problem"),
    (2, None, OutcomeUnknown, "internal problem"),
    (4, None, TryLater, "limits our calls"),
    (17, 2446079, TryLater, "limits our calls"),
    (32, None, TryLater, "limits our calls"),
    (341, None, TryLater, "limits our calls"),
    (613, 1487742, TryLater, "limits our calls"),
    (80003, None, TryLater, "limits our calls"),
    (10, None, Refused, "denies the permission"),
    (200, None, Refused, "denies the permission"),
    (299, None, Refused, "denies the permission"),
    (200, 1870090, Refused, "terms are not accepted"),
    (200, 1870050, Refused, "not linked to a business"),
    (270, None, Refused, "access level"),
    (294, None, Refused, "lacks the permission"),
    (102, None, Refused, "access token"),
    (190, 463, Refused, "access token"),
    (190, 467, Refused, "access token"),
    (100, None, Refused, "invalid"),
    (100, 33, Refused, "does not exist"),
    (100, 1713230, Flagged, "sensitive"),
    (368, None, Refused, "policies"),
    (2635, None, Refused, "version"),
    (2650, None, Refused, "other keys"),
    (2650, 1870145, TryLater, "still working"),
    (2650, 1870158, SessionOver, "session is over"),
    (2650, 1870147, SessionOver, "session is over"),
    (2650, 1870159, SessionOver, "session is over"),
    (2650, 1870148, OutcomeUnknown, "internal problem"),
    (2650, 1870144, Refused, "too large"),
    (2655, None, Refused, "messaging terms"),
    (2656, None, Refused, "Lookalike"),
    (3, None, Refused, "may not make this call"),
    (17, None, TryLater, "limits our calls"),
    (613, None, TryLater, "limits our calls"),
    (613, 5044001, TryLater, "limits our calls"),
    (80000, None, TryLater, "limits our calls"),
    (80004, None, TryLater, "limits our calls"),
    (105, None, Refused, "too many parameters"),
    (190, 460, Refused, "access token"),
    (460, None, Refused, "access token"),
    (463, None, Refused, "access token"),
    (467, None, Refused, "access token"),
    (100, 1713228, Flagged, "flagged"),
    (100, 1713231, Flagged, "flags"),
    (100, 1487301, Refused, "does not exist"),
    (100, 1487366, Refused, "does not exist"),
    (98765, None, Refused, "refuses the request"),
]


def error(code: object, subcode: object = None, **more: object) -> dict[str, object]:
    return {
        "error": {"code": code, "error_subcode": subcode, "message": "secret words", "fbtrace_id": "AbC_1-2", **more}
    }


@pytest.mark.parametrize(("code", "subcode", "kind", "words"), CASES, ids=str)
def test_each_code_leads_to_the_right_next_step(code: int, subcode: int | None, kind: type, words: str) -> None:
    problem = explain(trouble(400, error(code, subcode), {}), changes=True)
    assert type(problem) is kind
    assert (problem.exit_code, problem.retryable) == ((75, True) if issubclass(kind, TryLater) else (7, False))
    assert words in problem.message
    assert str(code) in problem.message
    assert "AbC_1-2" in problem.message
    assert problem.advice
    assert "secret" not in problem.message + problem.advice


def test_a_failed_question_changed_nothing() -> None:
    assert type(explain(trouble(500, error(1), {}), changes=False)) is TryLater


def test_the_transient_flag_counts_whatever_the_code() -> None:
    assert isinstance(explain(trouble(400, error(100, is_transient=True), {}), changes=True), OutcomeUnknown)


@pytest.mark.parametrize("field", ["message", "error_user_title", "error_user_msg"])
def test_a_low_audience_size_is_found_in_whichever_text_says_it(field: str) -> None:
    found = trouble(400, error(2650, **{field: "Audience Size too low: You cannot remove users"}), {})
    assert isinstance(explain(found, changes=True), AudienceTooSmall)


@pytest.mark.parametrize("body", [None, "<html>", 7, [], {"foo": 1}, {"error": "text"}, {"error": None}])
def test_an_answer_without_an_error_object_is_of_unknown_outcome(body: object) -> None:
    assert isinstance(explain(trouble(502, body, {}), changes=True), OutcomeUnknown)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (
            json.dumps({"1": [{"estimated_time_to_regain_access": 7}], "2": [{"estimated_time_to_regain_access": 2}]}),
            420.0,
        ),
        (json.dumps({"1": [{"estimated_time_to_regain_access": 0}]}), 300.0),
        ("not json", 300.0),
        ("[]", 300.0),
        ('{"1": 5}', 300.0),
        ('{"1": [{"estimated_time_to_regain_access": "soon"}]}', 300.0),
    ],
)
def test_the_wait_is_the_longest_of_the_usage_header_or_a_usual_one(header: str, seconds: float) -> None:
    found = trouble(400, error(80003), {"X-Business-Use-Case-Usage": header})
    problem = explain(found, changes=True)
    assert isinstance(problem, TryLater)
    assert problem.wait.seconds == seconds


def test_a_trace_id_that_is_none_is_left_out() -> None:
    assert trouble(400, error(1, fbtrace_id="someone@example.fr"), {}).trace == ""


def test_http_429_is_a_throttle() -> None:
    problem = explain(trouble(429, "slow down", {}), changes=True)
    assert type(problem) is TryLater
    assert problem.wait.seconds == 300.0
