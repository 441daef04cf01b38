"""What an answer means, for vendors that say it each in their own way."""

import pytest

from passerelle.connectors.exchange import Ask, Bare, ByCode, ByErrors, Reply, Verdict, by_status


def reply(status: int, body: bytes = b"") -> Reply:
    return Reply(status, {}, body)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, "fine"),
        (304, "fatal"),
        (401, "denied"),
        (403, "denied"),
        (404, "fatal"),
        (408, "throttled"),
        (416, "skip"),
        (429, "throttled"),
        (500, "retry"),
    ],
)
def test_the_usual_reading_of_a_status(status: int, verdict: str) -> None:
    assert by_status(reply(status)) == verdict


def test_a_word_in_the_body_decides_where_it_is_known() -> None:
    judge = ByCode("0.errorCode", {"REQUEST_LIMIT_EXCEEDED": Verdict.THROTTLED})
    assert judge(reply(403, b'[{"errorCode": "REQUEST_LIMIT_EXCEEDED"}]')) is Verdict.THROTTLED
    assert judge(reply(403, b'[{"errorCode": "API_DISABLED", "message": "REQUEST_LIMIT_EXCEEDED"}]')) is Verdict.DENIED
    assert judge(reply(403, b"<html>REQUEST_LIMIT_EXCEEDED")) is Verdict.DENIED


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (b'{"data": {"customers": []}}', Verdict.FINE),
        (b'{"data": {"customers": [{"note": null}]}}', Verdict.FINE),
        (b'{"errors": [{"extensions": {"code": "THROTTLED"}}], "data": null}', Verdict.THROTTLED),
        (b'{"errors": [{"extensions": {"code": "ACCESS_DENIED"}}]}', Verdict.DENIED),
        (b'{"errors": [{"message": "x"}], "data": {"customers": []}}', Verdict.FATAL),
        (b'{"errors": "[API] Invalid API key"}', Verdict.FATAL),
        (b'{"data": null}', Verdict.FATAL),
    ],
)
def test_graphql_says_its_failures_in_an_answer_of_200(body: bytes, verdict: Verdict) -> None:
    assert ByErrors()(reply(200, body)) is verdict
    assert ByErrors()(reply(502, body)) is Verdict.RETRY


def test_a_bare_403_may_mean_that_it_is_too_much() -> None:
    judge = Bare(403, Verdict.THROTTLED)
    assert judge(reply(403)) is Verdict.THROTTLED
    assert judge(reply(403, b'{"title": "User Disabled"}')) is Verdict.DENIED


def test_nothing_that_is_asked_or_answered_shows_in_a_repr() -> None:
    ask = Ask("people", {"email": "CANARY"}, json={"q": "CANARY"}, form={"t": "CANARY"}, headers={"a": "CANARY"})
    assert "CANARY" not in repr((ask, Reply(200, {"set-cookie": "CANARY"}, b"CANARY")))


def test_what_is_not_there_is_none() -> None:
    found = reply(200, b'{"a": [{"b": 1}]}')
    assert [found.at("a.0.b"), found.at("a.1.b"), found.at("a.b"), reply(200, b"{").at("a")] == [1, None, None, None]
