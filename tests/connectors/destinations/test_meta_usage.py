"""Limits are read from every answer and waited for before Meta refuses."""

import json

import pytest
import requests

from passerelle.connectors.destinations.meta import Meta
from passerelle.connectors.destinations.meta_usage import Usage, read
from passerelle.connectors.errors import OutcomeUnknown, TryLater
from tests.connectors.destinations.people import people
from tests.connectors.destinations.stage import Stage


def buc(**entry: object) -> dict[str, str]:
    return {"X-Business-Use-Case-Usage": json.dumps({"1": [{"type": "custom_audience", **entry}], "2": [{}]})}


@pytest.mark.parametrize(
    ("headers", "usage", "pause"),
    [
        ({}, Usage(), 0.0),
        (buc(call_count=94, total_time=3), Usage(94.0), 0.0),
        (buc(call_count=3, total_cputime=97), Usage(97.0), 30.0),
        (buc(call_count=100), Usage(100.0), 300.0),
        (buc(call_count=100, estimated_time_to_regain_access=7), Usage(100.0, 420.0), 420.0),
        ({"X-App-Usage": '{"call_count": 96, "total_time": 5, "total_cputime": 5}'}, Usage(96.0), 30.0),
        ({"X-Ad-Account-Usage": '{"acc_id_util_pct": 99.5, "reset_time_duration": 90}'}, Usage(99.5, 90.0), 90.0),
        ({"X-Ad-Account-Usage": '{"acc_id_util_pct": 9.5, "reset_time_duration": 90}'}, Usage(9.5), 0.0),
        ({"X-App-Usage": "not json"}, Usage(), 0.0),
        ({"X-App-Usage": "[1]"}, Usage(), 0.0),
        ({"X-App-Usage": '{"call_count": true, "total_time": "much"}'}, Usage(), 0.0),
    ],
    ids=str,
)
def test_the_highest_share_and_the_longest_wait_count(headers: dict[str, str], usage: Usage, pause: float) -> None:
    assert read(headers) == usage
    assert read(headers).pause == pause


def answered(stage: Stage, status: int = 200, **usage: object) -> None:
    """As if Meta's last answer had said this of its limits."""
    answer = requests.Response()
    answer.status_code, answer._content = status, b"{}"
    answer.headers.update(buc(**usage))
    destination = stage.destination
    assert isinstance(destination, Meta)
    destination._wire._see(answer)


def test_a_short_wait_is_waited_for_before_the_next_change(on_meta: Stage) -> None:
    answered(on_meta, call_count=97)
    assert on_meta.add(people(1)).pending == 1
    assert on_meta.slept == [30.0]


def test_a_long_wait_is_the_callers_and_nothing_was_sent(on_meta: Stage) -> None:
    answered(on_meta, call_count=100, estimated_time_to_regain_access=9)
    with pytest.raises(TryLater) as caught:
        on_meta.add(people(1))
    assert caught.value.wait.seconds == 540.0
    assert not isinstance(caught.value, OutcomeUnknown)
    assert on_meta.count() == 0
    assert on_meta.add(people(1)).pending == 1, "asked again, it is tried"


def test_looking_needs_no_room(on_meta: Stage) -> None:
    answered(on_meta, call_count=100)
    assert on_meta.destination.state(on_meta.remote).status
    assert on_meta.slept == []


def test_a_refusal_tells_its_wait_itself_and_is_not_waited_for_twice(on_meta: Stage) -> None:
    answered(on_meta, status=400, call_count=100, estimated_time_to_regain_access=9)
    assert on_meta.add(people(1)).pending == 1
    assert on_meta.slept == []
