"""Limits keep to what a vendor says, with a clock that only the test moves."""

import math
import threading

import pytest

from passerelle.connectors.exchange import Reply, Verdict
from passerelle.connectors.quota import AdaptivePace, CostQuota, HeaderQuota, Pace, ShareQuota, Together

FINE, THROTTLED = Verdict.FINE, Verdict.THROTTLED


def reply(**headers: str) -> Reply:
    return Reply(200, {name.replace("_", "-"): value for name, value in headers.items()}, b"")


def saying(body: bytes) -> Reply:
    return Reply(200, {}, body)


def test_a_pace_spreads_requests_evenly_among_threads() -> None:
    pace, waits = Pace(10, 1.0), list[float]()
    threads = [threading.Thread(target=lambda: waits.append(pace.reserve(100.0))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == pytest.approx([number / 10 for number in range(8)])
    assert pace.reserve(200.0) == 0


@pytest.mark.parametrize(
    ("quota", "headers", "wait"),
    [
        (HeaderQuota("x-sib-ratelimit-remaining", "x-sib-ratelimit-reset"), {"x_sib_ratelimit_reset": "30"}, 30),
        (HeaderQuota("x-sib-ratelimit-remaining", window=10), {}, 10),
        (HeaderQuota("x-sib-ratelimit-remaining", "x-reset", "milliseconds"), {"x_reset": "2500"}, 2.5),
        (HeaderQuota("x-sib-ratelimit-remaining", "x-reset", "epoch"), {"x_reset": "1042"}, 42),
        (HeaderQuota("x-sib-ratelimit-remaining", "x-reset"), {"x_reset": "soon"}, 1),
    ],
)
def test_what_remains_and_until_when_is_read_in_the_vendors_unit(
    quota: HeaderQuota, headers: dict[str, str], wait: float
) -> None:
    assert quota.reserve(1000.0) == 0
    quota.heard(reply(x_sib_ratelimit_remaining="2", **headers), FINE, 1000.0)
    assert [quota.reserve(1000.0) for _ in range(3)] == [0, 0, pytest.approx(wait)]
    assert quota.reserve(1000.0 + wait) == 0


def test_some_requests_are_kept_for_others() -> None:
    quota = HeaderQuota("x-left", keep=5)
    quota.heard(reply(x_left="5"), FINE, 0.0)
    assert quota.reserve(0.0) == 1.0
    assert quota.left() == "5 requests left"
    quota.heard(reply(x_left="many"), FINE, 0.0)
    assert quota.left() == "5 requests left"


def test_a_shared_daily_budget_is_not_used_up() -> None:
    quota = ShareQuota("sforce-limit-info", r"api-usage=([0-9]+)/([0-9]+)", share=0.9)
    quota.heard(reply(sforce_limit_info="api-usage=89/100"), FINE, 0.0)
    assert quota.reserve(0.0) == 0
    quota.heard(reply(sforce_limit_info="api-usage=90/100"), FINE, 0.0)
    assert math.isinf(quota.reserve(0.0))
    assert quota.left() == "90 of 100 used today"


def test_points_are_waited_for_as_they_are_restored() -> None:
    quota = CostQuota()
    body = (
        b'{"extensions": {"cost": {"requestedQueryCost": 92, "throttleStatus": '
        b'{"maximumAvailable": 1000.0, "currentlyAvailable": 100, "restoreRate": 50.0}}}}'
    )
    assert quota.reserve(0.0) == 0
    quota.heard(saying(body), FINE, 10.0)
    assert quota.reserve(10.0) == 0
    assert quota.reserve(10.0) == pytest.approx((92 - 8) / 50)
    assert quota.reserve(100.0) == 0
    quota.heard(saying(b'{"extensions": {"cost": {"throttleStatus": null}}}'), FINE, 100.0)
    assert quota.left() == "908 of 1000 points"


def test_without_headers_the_pace_is_halved_once_and_grows_again() -> None:
    pace = AdaptivePace(start=8, step=1, least=1, most=10)
    for _ in range(3):
        pace.heard(reply(), THROTTLED, 100.0)
    assert pace.left() == "about 4.0 requests a second"
    pace.heard(reply(), THROTTLED, 101.0)
    for _ in range(30):
        pace.heard(reply(), FINE, 101.0)
    assert pace.left() == "about 10.0 requests a second"
    assert [pace.reserve(200.0), pace.reserve(200.0)] == pytest.approx([0, 0.1])


def test_of_several_limits_the_strictest_decides() -> None:
    both = Together(Pace(10, 1.0), HeaderQuota("x-left", window=7))
    both.heard(reply(x_left="0"), FINE, 0.0)
    assert both.reserve(0.0) == 7
    assert both.left() == "10 requests in 1 s, 0 requests left"
