"""Reading a SQLite file beside SQLite, in a process that has it open.

SQLite keeps other processes from a file by POSIX locks, and a process that closes any descriptor of a file loses all
of its locks on that file (https://www.sqlite.org/howtocorrupt.html, section 2.2). Another process then takes itself
for the last one, folds in the write-ahead log and deletes it, while this one goes on writing into the deleted file:
what was acknowledged is lost. So a descriptor of such a file stays open until no store of this process has it open.
A second copy of SQLite in the process, as drivers bring along, does the same harm: see `columns`.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from threading import Lock

_COMPANIONS = ("", "-wal", "-shm", "-journal")

_guard = Lock()
_in_use: Counter[str] = Counter()
_kept: dict[str, list[int]] = {}


def entered(database: Path) -> None:
    """A store of this process has opened this file."""
    with _guard:
        _in_use[os.path.realpath(database)] += 1


def left(database: Path) -> None:
    """It has closed it: every connection is gone."""
    name = os.path.realpath(database)
    with _guard:
        _in_use[name] -= 1
        if _in_use[name] > 0:
            return
        del _in_use[name]
        for descriptor in _kept.pop(name, []):
            os.close(descriptor)


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """The file, to be read; of a store's file, the descriptor outlives the block for as long as the store is open."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    keep = _kept_for(path, descriptor)
    with os.fdopen(descriptor, "rb", closefd=not keep) as file:
        yield file


def _kept_for(path: Path, descriptor: int) -> bool:
    if not _in_use:
        return False
    real = os.path.realpath(path)
    with _guard:
        for companion in _COMPANIONS:
            name = real.removesuffix(companion)
            if name in _in_use:
                _kept.setdefault(name, []).append(descriptor)
                return True
    return False
