"""Whether SQLite's word that a file is malformed is about the file, or about the disk that it lies on.

SQLite says so of a page that is not what it must be, and of one that the system could not read (EIO, which it takes
for a broken file system). The first needs the last good copy. After the second nothing may be put back: an older copy
would undo withdrawals.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from passerelle.privacy.errors import TryLater
from passerelle.privacy.store import beside

_PIECE = 1 << 20
_MALFORMED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


@contextmanager
def told_apart(file: Path | None) -> Iterator[None]:
    """Where the block ends in SQLite's word that `file` is malformed, and the file is not: raise `TryLater` instead."""
    failing = False
    try:
        yield
    except (DBAPIError, sqlite3.DatabaseError) as error:
        failing = file is not None and _says_malformed(error) and not is_damaged(file)
        if not failing:
            raise
    if failing:
        raise TryLater(
            "The disk did not give the control store back.", advice="Is it failing? Then run again."
        ) from None


def read_whole(file: Path) -> None:
    """Read it, and its write-ahead log, to the end. Raises `OSError` where the disk does not give them back."""
    piece = memoryview(bytearray(_PIECE))
    for part in (file, file.with_name(f"{file.name}-wal")):
        if part.exists():
            with beside.opened(part) as stream:
                while stream.readinto(piece):
                    pass


def is_damaged(file: Path, read: Callable[[Path], None] = read_whole) -> bool:
    """Whether the disk gives the whole of a SQLite file, and SQLite finds something wrong with it."""
    try:
        read(file)
    except OSError:
        return False
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError:
        return True
    return bool(found != ("ok",))


def _says_malformed(error: BaseException) -> bool:
    told = getattr(error, "orig", None) or error
    return str(getattr(told, "sqlite_errorname", "")).startswith(_MALFORMED)
