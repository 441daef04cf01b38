"""What a session promises about the outside world."""

import logging
from dataclasses import dataclass, field

import pytest

from passerelle.connectors.authentication import Authentication, FormToken, StaticHeader
from passerelle.connectors.errors import DefinitionError, Refused, TryLater
from passerelle.connectors.exchange import Ask, Clock, Reply, Verdict, by_status, retry_after
from passerelle.connectors.http import Endpoint, Exhausted, Patience, Session, Skipped, public
from passerelle.connectors.quota import HeaderQuota, Pace
from tests.connectors.contract.vendor import vendor


@dataclass
class FakeTime:
    """Time that passes only when somebody sleeps."""

    at: float = 1_000.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    def clock(self) -> Clock:
        return Clock(now=lambda: self.at, sleep=self.sleep, jitter=lambda: 1.0)


def test_it_waits_as_long_as_it_is_asked_to_and_tries_again() -> None:
    time = FakeTime()
    with vendor() as made:
        made.first = [(429, {"retry-after": "7"}, b""), (503, {}, b"")]
        with Session(Endpoint(made.url, allow_private=True), clock=time.clock()) as session:
            assert session.get("people").status == 200
    assert time.slept == [7.0, 1.0]
    assert len(made.asked) == 3


def test_a_wait_that_is_too_long_is_the_next_runs() -> None:
    time = FakeTime()
    with vendor() as made, Session(Endpoint(made.url, allow_private=True), clock=time.clock()) as session:
        made.first = [(429, {"retry-after": "3600"}, b"")]
        with pytest.raises(TryLater) as later:
            session.get("people")
    assert later.value.wait.seconds == 3600
    assert time.slept == []


def test_patience_ends() -> None:
    time = FakeTime()
    with vendor() as made:
        made.first = [(500, {}, b"SECRET")] * 9
        endpoint = Endpoint(made.url, allow_private=True)
        with (
            Session(endpoint, clock=time.clock(), patience=Patience(attempts=3)) as session,
            pytest.raises(TryLater) as later,
        ):
            session.get("people", {"token": "SECRET"})
    assert len(made.asked) == 3
    assert "SECRET" not in str(later.value)
    assert made.url not in str(later.value)


@pytest.mark.parametrize(
    ("status", "error"), [(401, DefinitionError), (403, DefinitionError), (404, Refused), (302, Refused)]
)
def test_what_is_refused_is_not_tried_again_and_redirects_are_not_followed(status: int, error: type[Exception]) -> None:
    with vendor() as made, Session(Endpoint(made.url, allow_private=True)) as session:
        made.first = [(status, {"location": "/elsewhere"}, b"")]
        with pytest.raises(error):
            session.get("people")
    assert len(made.asked) == 1


def test_a_vendors_own_reading_of_an_answer_may_differ() -> None:
    def judge(reply: Reply) -> Verdict:
        if reply.status == 404:
            return Verdict.SKIP
        return Verdict.RETRY if b"throttled" in reply.body else by_status(reply)

    time = FakeTime()
    with vendor() as made, Session(Endpoint(made.url, allow_private=True), judge=judge, clock=time.clock()) as session:
        made.first = [(200, {}, b'{"error": "throttled"}')]
        assert session.get("people").status == 200
        made.first = [(404, {}, b"")]
        with pytest.raises(Skipped):
            session.get("people")
    assert len(time.slept) == 1


def test_private_addresses_are_refused_unless_allowed() -> None:
    with vendor() as made, Session(Endpoint(made.url)) as session, pytest.raises(DefinitionError, match="private"):
        session.get("people")
    assert made.asked == []


@pytest.mark.parametrize(
    "link", ["http://evil.example/x", "//evil.example/x", "https://127.0.0.1/x", "http://user@127.0.0.1/x"]
)
def test_a_link_to_elsewhere_is_not_followed(link: str) -> None:
    with (
        vendor() as made,
        Session(Endpoint(made.url, allow_private=True)) as session,
        pytest.raises((Refused, DefinitionError)),
    ):
        session.get(link)
    assert made.asked == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1", "2002:7f00:1::", "224.0.0.1"]
)
def test_no_way_of_writing_a_private_address_makes_it_public(address: str) -> None:
    assert not public(address)
    assert public("93.184.215.14")


def test_the_address_that_is_really_connected_to_is_looked_at_before_anything_is_sent() -> None:
    with vendor() as made, Session(Endpoint(made.url)) as session:
        session._checked = True  # as after a name that was answered with a public address the first time
        with pytest.raises(DefinitionError, match="private"):
            session.get("people", {"token": "SECRET"})
    assert made.asked == []


class Passes(Authentication):
    """A token for each time it is renewed."""

    def __init__(self) -> None:
        self.number = 0

    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.number}"}

    def renew(self, used: object) -> bool:
        assert used == {"authorization": f"Bearer {self.number}"}
        self.number += 1
        return True


def test_a_token_that_was_taken_back_is_renewed_once_and_no_more() -> None:
    passes = Passes()
    with vendor() as made, Session(Endpoint(made.url, allow_private=True), authentication=passes) as session:
        made.first = [(401, {}, b"")]
        assert session.get("people").status == 200
        made.first = [(401, {}, b""), (401, {}, b"")]
        with pytest.raises(DefinitionError, match="does not let us in"):
            session.get("people")
    assert [one["authorization"] for one in made.headers] == ["Bearer 0", "Bearer 1", "Bearer 1", "Bearer 2"]


def test_a_token_may_stand_in_the_form_that_is_posted() -> None:
    with vendor() as made:
        token = FormToken("token_auth", lambda: "SECRET")
        with Session(Endpoint(made.url, allow_private=True), authentication=token) as session:
            session.send(Ask("index.php", method="POST", form={"module": "API"}))
    assert made.bodies == [b"module=API&token_auth=SECRET"]
    assert "SECRET" not in repr(token)


def test_a_quota_that_is_used_up_for_long_ends_the_run_instead_of_sleeping() -> None:
    time = FakeTime()
    quota = HeaderQuota("x-left", "x-reset")
    with vendor() as made, Session(Endpoint(made.url, allow_private=True), clock=time.clock()) as session:
        made.first = [(200, {"x-left": "0", "x-reset": "3000"}, b"{}")]
        session.send(Ask("people"), quota=quota)
        with pytest.raises(Exhausted) as exhausted:
            session.send(Ask("people"), quota=quota)
        assert exhausted.value.wait.seconds == 3000
        time.at += 3000
        assert session.send(Ask("people"), quota=quota).status == 200
    assert (len(made.asked), time.slept) == (2, [])


def test_a_large_answer_comes_in_blocks() -> None:
    with vendor() as made, Session(Endpoint(made.url, allow_private=True)) as session:
        made.first = [(503, {}, b""), (200, {"sforce-locator": "null"}, b"a,b\n" * 100_000)]
        with session.download(Ask("results")) as answer:
            assert answer.headers["sforce-locator"] == "null"
            assert sum(map(len, answer.blocks)) == 400_000


def test_nobody_at_home_is_for_later() -> None:
    time = FakeTime()
    endpoint = Endpoint("http://127.0.0.1:1", allow_private=True)
    with Session(endpoint, clock=time.clock(), patience=Patience(attempts=2)) as session, pytest.raises(TryLater):
        session.get("people")
    assert len(time.slept) == 1


def test_requests_are_spread_over_the_rate() -> None:
    time = FakeTime()
    with vendor() as made:
        endpoint = Endpoint(made.url, allow_private=True)
        with Session(endpoint, quota=Pace(10, 1.0), clock=time.clock()) as session:
            for _ in range(4):
                session.get("people")
    assert time.at == pytest.approx(1_000.3)


def test_the_secret_is_sent_and_neither_shown_nor_logged(caplog: pytest.LogCaptureFixture) -> None:
    key = StaticHeader("authorization", lambda: "SECRET", prefix="Bearer ")
    caplog.set_level(logging.INFO)
    with vendor() as made, Session(Endpoint(made.url, allow_private=True), authentication=key) as session:
        reply = session.get("people", {"email": "CANARY"})
    assert made.headers[0]["authorization"] == "Bearer SECRET"
    assert "SECRET" not in repr((key, reply))
    assert "CANARY" not in caplog.text


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after("120", now=0) == 120
    assert retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=15) == 45
    assert retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now=99) == 0
    assert retry_after("soon", now=0) is None
    assert retry_after(None, now=0) is None
