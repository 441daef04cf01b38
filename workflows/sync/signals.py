"""Signals while threads push: they say that the run should stop, and break off nothing."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

ASKING = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stopped_by_signals(stopping: threading.Event) -> Iterator[None]:
    """For the block, SIGTERM and Ctrl-C set `stopping`, however often they come. In the main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda _number, _frame: stopping.set()) for number in ASKING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
