"""Reads several resources at once, each in a thread of its own, and hands over what arrives.

Bounded: at most `AT_ONCE` threads, of one source no more than it allows, and each waits with a page in its hand until
there is room for it. A thread reads and nothing else; whoever asks for what arrived does the keeping.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

from passerelle.connectors.contract.source import Page

AT_ONCE = 6
"""Threads in all."""

_ROOM = 2
_LOOK_AGAIN = 0.1
_PATIENCE = 2.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Arrived(Generic[T]):
    """A page of a task; neither page nor error: that was all of it."""

    task: T
    page: Page | None = None
    error: BaseException | None = None


class Readers(Generic[T]):
    """Reads `tasks`. `begin` gives a task's pages (in this thread), or None where there is nothing to begin."""

    def __init__(
        self,
        tasks: Sequence[T],
        begin: Callable[[T], Iterator[Page] | None],
        *,
        source: Callable[[T], str],
        at_once: Callable[[T], int],
    ) -> None:
        self._waiting = deque(tasks)
        self._begin = begin
        self._source = source
        self._at_once = at_once
        self._running: dict[int, tuple[T, Thread, Event]] = {}
        self._queue: Queue[Arrived[T]] = Queue(_ROOM)

    def start(self) -> None:
        """Begin as many as may run at the same time, in order."""
        busy = Counter(self._source(task) for task, _, _ in self._running.values())
        for task in list(self._waiting):
            if len(self._running) >= AT_ONCE:
                return
            name = self._source(task)
            if busy[name] >= self._at_once(task):
                continue
            self._waiting.remove(task)
            pages = self._begin(task)
            if pages is not None:
                busy[name] += 1
                enough = Event()
                thread = Thread(target=self._read, args=(task, pages, enough), name=f"pull {name}", daemon=True)
                self._running[id(task)] = task, thread, enough
                thread.start()

    def arrived(self) -> Iterator[Arrived[T]]:
        """What is there now."""
        while self._running:
            try:
                found = self._queue.get_nowait()
            except Empty:
                return
            if id(found.task) in self._running:
                yield found

    def rest(self) -> Iterator[Arrived[T]]:
        """Everything that is still to come, until all tasks have ended."""
        while self._running:
            found = self._queue.get()
            if id(found.task) in self._running:  # else it has ended already: what it had in its hand is left
                yield found

    def ended(self, task: T) -> None:
        """No more is wanted of a task; the next one may begin."""
        _, _, enough = self._running.pop(id(task))
        enough.set()
        self.start()

    def stop(self) -> None:
        """Nothing is wanted any more. A thread that waits for an answer is left to itself: it keeps nothing."""
        for _, _, enough in self._running.values():
            enough.set()
        for _, thread, _ in self._running.values():
            thread.join(_PATIENCE)
        self._running.clear()

    def _read(self, task: T, pages: Iterator[Page], enough: Event) -> None:
        error: BaseException | None = None
        try:
            for page in pages:
                if not self._put(Arrived(task, page), enough):
                    break
        except BaseException as problem:  # noqa: BLE001 - raised again by whoever takes it
            error = problem
        finally:
            close = getattr(pages, "close", None)
            if close is not None:
                close()
        self._put(Arrived(task, error=error), enough)

    def _put(self, arrived: Arrived[T], enough: Event) -> bool:
        while not enough.is_set():
            try:
                self._queue.put(arrived, timeout=_LOOK_AGAIN)
            except Full:
                continue
            return True
        return False
