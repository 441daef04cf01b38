import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from passerelle.connectors.signatures import StandardWebhooks
from passerelle.privacy.errors import DefinitionError, TryLater
from passerelle.workflows.runner.answers import Answer, Asked
from passerelle.workflows.runner.consent import ConsentDoor, Recorded
from passerelle.workflows.runner.memory import Memory
from passerelle.workflows.runner.secret import Secret
from tests.canary import Canary, leaks
from tests.workflows.runner.desk import desk

KEY = b"a-signing-key-that-is-long-enough"
NOW = 1_800_000_000
ZOE = Canary.make("consent door")
BODY = json.dumps({"events": [{"email": ZOE.email, "state": "withdrawn"}]}).encode()


@dataclass
class Book:
    """Keeps what was recorded; fails once where it is told to."""

    events: list[dict[str, Any]] = field(default_factory=list)
    pings: int = 0
    problem: Exception | None = None
    withdrawals: int = 1

    def record(self, events: list[dict[str, Any]]) -> Recorded:
        if self.problem is not None:
            problem, self.problem = self.problem, None
            raise problem
        self.events += events
        return Recorded(new=len(events), known=0, withdrawals=self.withdrawals)

    def ping(self) -> None:
        self.pings += 1


def door(book: Book, key: bytes = KEY) -> ConsentDoor:
    return ConsentDoor(Secret(key), book.record, book.ping, lambda: float(NOW), Memory(lambda: 0.0))


def signed(body: bytes = BODY, *, name: str = "msg_00000001", at: int = NOW, key: bytes = KEY) -> Asked:
    digest = hmac.digest(key, f"{name}.{at}.".encode() + body, "sha256")
    signature = "v1," + base64.b64encode(digest).decode()
    headers = {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": signature}
    return Asked("POST", "/v1/consent", headers, body)


def told(answer: Answer) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(answer.body)
    return value


def test_signed_events_are_recorded_and_a_withdrawal_knocks() -> None:
    book = Book()
    answer = door(book).answer(signed())
    assert (answer.status, told(answer)["outcome"], told(answer)["new"]) == (200, "done", 1)
    assert (len(book.events), book.pings) == (1, 1)
    assert leaks([ZOE], answer.body) == []


def test_without_a_withdrawal_nobody_is_knocked_up() -> None:
    book = Book(withdrawals=0)
    door(book).answer(signed())
    assert book.pings == 0


def test_the_example_of_standard_webhooks_is_understood() -> None:
    """The test vector that the specification's own libraries use."""
    secret = Secret(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330"}
    headers["webhook-signature"] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    body = b'{"test": 2432232314}'
    assert secret.sent(StandardWebhooks(), headers, body, 1614265330) == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert secret.sent(StandardWebhooks(), headers, body + b" ", 1614265330) is None


def _without(name: str) -> Asked:
    asked = signed()
    del asked.headers[name]
    return asked


def _with(name: str, value: str) -> Asked:
    asked = signed()
    asked.headers[name] = value
    return asked


UNSIGNED = {
    "no id": _without("webhook-id"),
    "no time": _without("webhook-timestamp"),
    "no signature": _without("webhook-signature"),
    "another key": signed(key=b"another-key-that-is-long-enough"),
    "another body": Asked("POST", "/v1/consent", signed().headers, BODY + b" "),
    "another id": _with("webhook-id", "msg_00000002"),
    "another time": _with("webhook-timestamp", str(NOW + 1)),
    "too old": signed(at=NOW - 301),
    "too far ahead": signed(at=NOW + 301),
    "no number": _with("webhook-timestamp", "soon"),
    "a number no clock has": _with("webhook-timestamp", "9" * 500),
    "an id that is none": signed(name="a b"),
    "another version": _with("webhook-signature", signed().headers["webhook-signature"].replace("v1,", "v2,")),
    "no base64": _with("webhook-signature", "v1,é"),
}


@pytest.mark.parametrize("asked", UNSIGNED.values(), ids=UNSIGNED)
def test_what_is_not_signed_now_and_by_us_is_refused(asked: Asked) -> None:
    book = Book()
    assert door(book).answer(asked).status == 401
    assert book.events == []


def test_of_several_signatures_one_is_enough() -> None:
    asked = signed()
    asked.headers["webhook-signature"] = "v1,AAAA " + asked.headers["webhook-signature"]
    assert door(Book()).answer(asked).status == 200


def test_the_same_message_again_is_recorded_once() -> None:
    book = Book()
    at = door(book)
    assert at.answer(signed()) == at.answer(signed())
    assert (len(book.events), book.pings) == (1, 1)


def test_the_same_id_with_another_body_is_refused() -> None:
    at = door(Book())
    at.answer(signed())
    assert at.answer(signed(b'{"events": [{}]}')).status == 422


BODIES = [b"", b"[]", b"{}", b'{"events": []}', b'{"events": [1]}', b'{"events": [{}], "more": 1}', b"[" * 9999]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_body_of_another_shape_is_refused(body: bytes) -> None:
    assert door(Book()).answer(signed(body)).status == 422


def test_more_events_than_the_bound_are_refused() -> None:
    assert door(Book()).answer(signed(json.dumps({"events": [{}] * 1001}).encode())).status == 422


def test_events_that_were_not_recorded_may_be_sent_again() -> None:
    book = Book(problem=TryLater("The store is busy."))
    at = door(book)
    first = at.answer(signed())
    assert (first.status, told(first)["outcome"]) == (503, "try_later")
    assert at.answer(signed()).status == 200
    assert len(book.events) == 1


def test_events_that_do_not_fit_are_refused_without_their_values() -> None:
    answer = door(Book(problem=DefinitionError("Event 1 has no purpose."))).answer(signed())
    assert (answer.status, told(answer)["outcome"]) == (422, "invalid")
    assert leaks([ZOE], answer.body) == []


def test_the_door_needs_no_token_but_its_signature(tmp_path: Path) -> None:
    book = Book()
    assert desk(tmp_path, consent=door(book)).answer(signed()).status == 200
    assert hashlib.sha256(KEY).hexdigest() not in repr(door(book))
