"""What Meta says of `usersreplace`, its twin holds us to."""

import json
from itertools import count
from typing import Any

import pytest

from passerelle.connectors.twins.handle import Twins
from tests.connectors.destinations.people import sha
from tests.connectors.twins.test_graph_strictness import call, users

SESSIONS = count(1)
BUSY, NO_FIRST, WRONG, TIMED_OUT, FINISHED = 1870145, 1870147, 1870148, 1870158, 1870159


def payload(*numbers: int, schema: tuple[str, ...] = ("EMAIL",)) -> dict[str, object]:
    return {"schema": schema, "data": [[sha(f"{number}"), *[""] * (len(schema) - 1)] for number in numbers]}


def made(twins: Twins) -> str:
    _, body = call(
        twins, "POST", "v26.0/act_1/customaudiences", name="A", subtype="CUSTOM",
        customer_file_source="USER_PROVIDED_ONLY",
    )  # fmt: skip
    return str(body["id"])


@pytest.fixture
def audience(twins: Twins) -> str:
    """With two people in it."""
    identity = made(twins)
    assert users(twins, identity, payload(1, 2))[0] == 200
    return identity


def replace(
    twins: Twins, audience: str, session: int, batch: int, body: object, *, last: bool = False
) -> tuple[int, Any]:
    told = json.dumps({"session_id": session, "batch_seq": batch, "last_batch_flag": last, "estimated_num_total": 9})
    return call(twins, "POST", f"v26.0/{audience}/usersreplace", payload=json.dumps(body), session=told)


def subcode(answer: tuple[int, Any]) -> int:
    status, body = answer
    assert (status, body["error"]["code"]) == (400, 2650)
    return int(body["error"]["error_subcode"])


def status_of(twins: Twins, audience: str) -> int:
    _, body = call(twins, "GET", f"v26.0/{audience}", fields="operation_status")
    return int(body["operation_status"]["code"])


def there(twins: Twins, audience: str) -> list[tuple[str, ...]]:
    return twins.members(audience)


def keys(*numbers: int) -> list[tuple[str, ...]]:
    return sorted((f"email:{sha(str(number))}",) for number in numbers)


def test_the_old_members_are_there_until_the_last_batch_and_then_the_new_ones_alone(
    twins: Twins, audience: str
) -> None:
    session = next(SESSIONS)
    assert replace(twins, audience, session, 1, payload(2, 3))[1]["num_received"] == 2
    assert (there(twins, audience), status_of(twins, audience)) == (keys(1, 2), 414)
    assert replace(twins, audience, session, 2, payload(4), last=True)[1]["num_received"] == 3, "over the session"
    assert (there(twins, audience), status_of(twins, audience)) == (keys(2, 3, 4), 200)


def test_batches_after_the_first_come_in_any_order_and_twice(twins: Twins, audience: str) -> None:
    session = next(SESSIONS)
    for batch, last in ((1, False), (3, True), (2, False)):
        assert there(twins, audience) == keys(1, 2)
        assert replace(twins, audience, session, batch, payload(10 + batch), last=last)[0] == 200
        if batch == 3:
            assert replace(twins, audience, session, batch, payload(13), last=True)[0] == 200
    assert there(twins, audience) == keys(11, 12, 13)


def test_the_first_batch_comes_first_and_once(twins: Twins, audience: str) -> None:
    session = next(SESSIONS)
    assert subcode(replace(twins, audience, session, 2, payload(3))) == NO_FIRST
    assert replace(twins, audience, session, 1, payload(3))[0] == 200
    assert subcode(replace(twins, audience, session, 1, payload(3))) == BUSY


def test_all_batches_have_one_schema(twins: Twins, audience: str) -> None:
    session = next(SESSIONS)
    replace(twins, audience, session, 1, payload(3))
    assert subcode(replace(twins, audience, session, 2, payload(4, schema=("EMAIL", "PHONE")))) == WRONG


def test_an_empty_batch_is_refused(twins: Twins, audience: str) -> None:
    status, body = replace(twins, audience, next(SESSIONS), 1, {"schema": ["EMAIL"], "data": []}, last=True)
    assert (status, body["error"]["code"]) == (400, 100)
    assert there(twins, audience) == keys(1, 2)


def test_nothing_else_is_uploaded_meanwhile(twins: Twins, audience: str) -> None:
    replace(twins, audience, next(SESSIONS), 1, payload(3))
    assert subcode(users(twins, audience, payload(9))) == BUSY
    assert subcode(users(twins, audience, payload(1), method="delete")) == BUSY
    assert subcode(replace(twins, audience, next(SESSIONS), 1, payload(3))) == BUSY


def test_a_finished_session_takes_nothing_more(twins: Twins, audience: str) -> None:
    session = next(SESSIONS)
    replace(twins, audience, session, 1, payload(3), last=True)
    assert subcode(replace(twins, audience, session, 2, payload(4))) == FINISHED


def test_after_ninety_minutes_what_was_sent_stands(twins: Twins, audience: str) -> None:
    session = next(SESSIONS)
    replace(twins, audience, session, 1, payload(3))
    twins.clock(advance_seconds=90 * 60 + 1)
    assert subcode(replace(twins, audience, session, 2, payload(4), last=True)) == TIMED_OUT
    assert (there(twins, audience), status_of(twins, audience)) == (keys(3), 200)


def test_an_audience_that_was_never_filled_is_not_replaced(twins: Twins) -> None:
    assert subcode(replace(twins, made(twins), next(SESSIONS), 1, payload(3), last=True)) == WRONG


def test_an_audience_still_at_work_is_not_replaced(twins: Twins, audience: str) -> None:
    twins.clock(hold=True)
    users(twins, audience, payload(9))
    assert subcode(replace(twins, audience, next(SESSIONS), 1, payload(3), last=True)) == BUSY


def test_the_switch_waits_for_the_clock(twins: Twins, audience: str) -> None:
    twins.clock(hold=True)
    replace(twins, audience, next(SESSIONS), 1, payload(3), last=True)
    assert (there(twins, audience), status_of(twins, audience)) == (keys(1, 2), 414)
    twins.clock(release=True)
    assert (there(twins, audience), status_of(twins, audience)) == (keys(3), 200)


def test_a_replacement_that_fails_leaves_the_old_members(twins: Twins, audience: str) -> None:
    twins.fault(call="meta.users.replace", partial={"rows": [], "reason": "REPLACE_FAILED"})
    replace(twins, audience, next(SESSIONS), 1, payload(3), last=True)
    assert (there(twins, audience), status_of(twins, audience)) == (keys(1, 2), 415)
    assert users(twins, audience, payload(9))[0] == 200
    assert status_of(twins, audience) == 200


def test_more_rows_than_one_request_takes_are_refused(twins: Twins, audience: str) -> None:
    body = {"schema": ["EMAIL"], "data": [[sha("x")]] * 10_001}
    status, told = replace(twins, audience, next(SESSIONS), 1, body, last=True)
    assert (status, told["error"]["error_subcode"]) == (500, 99)
