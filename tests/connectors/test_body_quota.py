"""A limit whose rest stands in the body of each answer."""

import json

from passerelle.connectors.body_quota import BodyQuota
from passerelle.connectors.exchange import Reply, Verdict


def said(**left: int) -> Reply:
    body = {"propertyQuota": {name: {"consumed": 1, "remaining": one} for name, one in left.items()}}
    return Reply(200, {}, json.dumps(body).encode())


def test_nothing_is_asked_once_one_budget_is_used_and_for_as_long_as_that_is_believed() -> None:
    quota = BodyQuota("propertyQuota", keep=5)
    assert (quota.reserve(0), quota.left()) == (0.0, "")
    quota.heard(said(day=100, hour=6), Verdict.FINE, 10)
    assert (quota.reserve(11), quota.left()) == (0.0, "100 day, 6 hour")
    quota.heard(said(day=100, hour=5), Verdict.FINE, 20)
    assert quota.reserve(21) == 3599
    assert quota.reserve(3620) == 0.0


def test_an_answer_that_says_nothing_changes_nothing() -> None:
    quota = BodyQuota("propertyQuota")
    quota.heard(said(hour=0), Verdict.FINE, 0)
    quota.heard(Reply(200, {}, b"no json"), Verdict.FINE, 1)
    quota.heard(Reply(200, {}, b'{"propertyQuota": 3}'), Verdict.FINE, 2)
    assert quota.reserve(3) == 3597
