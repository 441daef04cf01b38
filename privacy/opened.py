"""What was opened of people a moment ago, for the next platform that is about to be sent the same people.

Platforms are synced side by side and take their people in the same order, so that a few groups are enough. A group is
handed out again only where the vault still holds the very bytes that it was opened from. Nothing is kept outside the
block that asks for it, and nothing is shown by `repr`.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, final

import pyarrow as pa

GROUPS = 4
"""Groups of people that are held at a time, each of as many as one request takes."""
MOST = 20_000
"""People in a group: larger ones are not held."""


@final
class Opened:
    """Tables by the people they are about. For more than one thread."""

    def __init__(self) -> None:
        self._groups: OrderedDict[bytes, tuple[Sequence[Any], pa.Table]] = OrderedDict()
        self._asked = 0
        self._lock = Lock()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold what is opened, for as long as the block lasts."""
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

    def get(self, ids: pa.Array, accounts: Sequence[Any]) -> pa.Table | None:
        """What was made of these accounts of these people, if it is still held."""
        with self._lock:
            found = self._groups.get(_key(ids))
        return found[1] if found is not None and found[0] == accounts else None

    def put(self, ids: pa.Array, accounts: Sequence[Any], made: pa.Table) -> None:
        """Hold what was made of them, in the place of what was asked for longest ago."""
        with self._lock:
            if not self._asked:
                return
            self._groups[_key(ids)] = (accounts, made)
            if len(self._groups) > GROUPS:
                self._groups.popitem(last=False)


def _key(ids: pa.Array) -> bytes:
    return bytes(ids.to_numpy().tobytes())
