"""Waiting for something to become true, with a deadline."""

import time
from collections.abc import Callable


def until(true: Callable[[], object], seconds: float = 60.0, *, seen: str = "") -> None:
    """Look again and again until it is true. Fails after `seconds`, and says what was `seen` before."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"it did not happen in time. {seen}"
        time.sleep(0.02)
