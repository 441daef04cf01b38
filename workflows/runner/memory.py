"""Answers remembered by Idempotency-Key, so that a call repeated after a lost connection is not run twice.

In memory, bounded in number and time: what a restart forgets is a run that does nothing the second time, since
every verb here may be repeated. An answer that says `try_later` is never remembered: trying again is its point.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from passerelle.workflows.runner.answers import Answer


class Known(Enum):
    """What is known of a key, where there is no answer to give back."""

    NEW = auto()
    RUNNING = auto()
    OTHER_BODY = auto()


@dataclass(slots=True)
class _Entry:
    fingerprint: bytes
    at: float
    answer: Answer | None


class Memory:
    """At most `most` answers, none older than `seconds`."""

    def __init__(self, clock: Callable[[], float], *, most: int = 1000, seconds: float = 3600) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def once(
        self,
        key: str,
        fingerprint: bytes,
        make: Callable[[], Answer],
        *,
        lasts: Callable[[Answer], bool],
        running: Answer,
        other: Answer,
    ) -> Answer:
        """What `make` answers, or answered before: of calls with the same key, one is made.

        An answer that does not last is forgotten, so the next call is made again. `running`: for who calls meanwhile;
        `other`: for who comes with the same key and another fingerprint.
        """
        match self.begin(key, fingerprint):
            case Known.RUNNING:
                return running
            case Known.OTHER_BODY:
                return other
            case Answer() as known:
                return known
            case Known.NEW:
                pass
        answer: Answer | None = None
        try:
            answer = make()
        finally:
            if answer is not None and lasts(answer):
                self.end(key, answer)
            else:
                self.forget(key)
        return answer

    def begin(self, key: str, fingerprint: bytes) -> Answer | Known:
        """The remembered answer, or what is known; after `NEW` the caller must `end` or `forget` the key."""
        with self._lock:
            self._tidy()
            entry = self._entries.get(key)
            if entry is None:
                self._entries[key] = _Entry(fingerprint, self._clock(), None)
                return Known.NEW
            if entry.fingerprint != fingerprint:
                return Known.OTHER_BODY
            return Known.RUNNING if entry.answer is None else entry.answer

    def end(self, key: str, answer: Answer) -> None:
        """Remember the answer."""
        with self._lock:
            if (entry := self._entries.get(key)) is not None:
                entry.answer = answer

    def forget(self, key: str) -> None:
        """Let the key be tried again."""
        with self._lock:
            self._entries.pop(key, None)

    def _tidy(self) -> None:
        """Drop what is old, and beyond the bound the oldest; a run still at work is never dropped."""
        horizon = self._clock() - self._seconds
        finished = [key for key, entry in self._entries.items() if entry.answer is not None]
        surplus = len(self._entries) - self._most + 1
        for place, key in enumerate(finished):
            if self._entries[key].at < horizon or place < surplus:
                del self._entries[key]
