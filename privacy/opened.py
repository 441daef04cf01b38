"""What was read or opened of people a moment ago, for the next platform that is about to be sent the same people.

Platforms are synced side by side and take their people in the same order, so that a few groups are enough. A group is
handed out again only where the tables that it was made from still have the seals that they had then (`Store.state`).
Nothing is kept outside the block that asks for it, and nothing is shown by `repr`.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Generic, TypeVar, final

import pyarrow as pa

T = TypeVar("T")
GROUPS = 4
"""Groups of people that are held at a time, each of as many as one request takes."""
MOST = 20_000
"""People in a group: larger ones are not held."""


@final
class Opened(Generic[T]):
    """What was made of groups of people. For more than one thread."""

    def __init__(self) -> None:
        self._groups: OrderedDict[bytes, tuple[str, T]] = OrderedDict()
        self._asked = 0
        self._lock = Lock()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold what is made, for as long as the block lasts."""
        with self._lock:
            self._asked += 1
        try:
            yield
        finally:
            with self._lock:
                self._asked -= 1
                if not self._asked:
                    self._groups.clear()

    def holds(self, ids: pa.Array) -> bool:
        """Whether groups like this one are held now."""
        return bool(self._asked) and len(ids) <= MOST

    def get(self, ids: pa.Array, state: str | None) -> T | None:
        """What was made of these people in this state of the store, if it is still held."""
        with self._lock:
            found = self._groups.get(_key(ids))
        return found[1] if found is not None and found[0] == state else None

    def put(self, ids: pa.Array, state: str | None, made: T) -> None:
        """Hold what was made of them, in the place of what was made longest ago. Of no state, nothing is held."""
        with self._lock:
            if not self._asked or state is None:
                return
            self._groups[_key(ids)] = (state, made)
            self._groups.move_to_end(_key(ids))
            if len(self._groups) > GROUPS:
                self._groups.popitem(last=False)


def _key(ids: pa.Array) -> bytes:
    return bytes(ids.to_numpy().tobytes())
