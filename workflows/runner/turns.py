"""One run at a time per audience. Whoever finds it taken is told so at once and comes back later.

The control store's own locks guard the same across hosts; this one spares a process and an answer is quicker.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

EVERYTHING = "*"


class Busy(Exception):
    """Another run has what this one needs."""


class Turns:
    """Who has which audience now."""

    def __init__(self, at_once: int = 8) -> None:
        self._lock = threading.Lock()
        self._taken: dict[str, set[str]] = {}
        self._running = 0
        self._at_once = at_once

    @contextmanager
    def take(self, kind: str, names: frozenset[str]) -> Iterator[None]:
        """Hold `names` of a kind for the block; an empty set is all of them, an empty kind holds none.

        Raises `Busy` where one is taken, or where too many runs are at work.
        """
        wanted = (names or frozenset({EVERYTHING})) if kind else frozenset()
        with self._lock:
            taken = self._taken.setdefault(kind, set())
            if self._running >= self._at_once or (wanted and _overlap(wanted, taken)):
                raise Busy
            taken |= wanted
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                taken -= wanted
                self._running -= 1


def _overlap(wanted: frozenset[str], taken: set[str]) -> bool:
    if not taken:
        return False
    return EVERYTHING in wanted or EVERYTHING in taken or bool(wanted & taken)
