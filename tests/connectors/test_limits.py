"""A platform's quota is never exceeded, and nobody waits longer than it asks."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from passerelle.connectors.limits import Limiter


class Time:
    """A clock that only sleeping and working move."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@given(st.integers(1, 6), st.lists(st.floats(0, 20), max_size=40))
def test_no_stretch_of_time_holds_more_calls_than_the_quota(calls: int, gaps: list[float]) -> None:
    time, begun = Time(), list[float]()
    limiter = Limiter(calls, 60, at_once=1, clock=time.clock, sleep=time.sleep)
    for gap in gaps:
        time.now += gap
        with limiter.turn():
            begun.append(time.now)
    for first, later in zip(begun, begun[calls:], strict=False):
        assert later - first >= 60 - 1e-6


def test_within_the_quota_nobody_waits() -> None:
    time = Time()
    limiter = Limiter(300, 60, at_once=10, clock=time.clock, sleep=time.sleep)
    for _ in range(300):
        with limiter.turn():
            pass
    assert time.slept == 0
    with limiter.turn():
        assert time.slept == 60


def test_no_more_run_at_once_than_allowed() -> None:
    limiter = Limiter(100, 60, at_once=2, clock=lambda: 0.0, sleep=lambda _seconds: None)
    running, most, lock, go = 0, 0, threading.Lock(), threading.Barrier(2)

    def work() -> None:
        nonlocal running, most
        with limiter.turn():
            with lock:
                running += 1
                most = max(most, running)
            go.wait(timeout=5)  # two must be in here together to pass
            with lock:
                running -= 1

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2
