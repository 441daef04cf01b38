"""Keeps to a platform's quotas: so many calls in a stretch of time, so many at once.

Waiting a little beforehand costs less than being refused: a refused call counts against the quota, too.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Limiter:
    """At most `calls` begin in any `seconds`, and at most `at_once` run at the same time. Safe among threads.

    `clock` gives seconds and never goes back; `sleep` takes them.
    """

    def __init__(
        self, calls: int, seconds: float, *, at_once: int, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._begun: deque[float] = deque(maxlen=calls)
        self._calls = calls
        self._seconds = seconds
        self._free = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._clock = clock
        self._sleep = sleep

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until a call may begin; it runs for as long as the block lasts."""
        with self._free:
            self._await_room()
            yield

    def _await_room(self) -> None:
        with self._lock:  # those who come later wait behind
            now = self._clock()
            if len(self._begun) == self._calls and now < self._begun[0] + self._seconds:
                self._sleep(self._begun[0] + self._seconds - now)
            self._begun.append(max(self._clock(), now))
