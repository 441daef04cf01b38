"""Locks that one process on all hosts holds, and that fall free when it dies: by file, or in PostgreSQL.

Whoever holds one can ask whether it still does. A file's lock goes with its process; a lock in PostgreSQL goes with its
session, which may end without the process: by an administrator, a restart of the server, a firewall that forgets.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from passerelle.privacy.errors import TryLater

Lease = Callable[[], None]
"""Raises `LockLost` where the lock is not held any more."""


class LockLost(TryLater):
    """Somebody else may hold the lock by now: nothing more may be done under it."""


class Locks(Protocol):
    """Where a store's locks are."""

    @contextmanager
    def hold(self, name: str) -> Iterator[Lease]:
        """Be the only holder of `name` for the block, or raise `TryLater` at once."""
        ...


class FileLocks:
    """Locks on files in a folder: for a store that is a file itself."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, name: str) -> Iterator[Lease]:
        """See `Locks`."""
        private_folder(self._folder)
        path = self._folder / _file_name(name)
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)

        def still() -> None:
            """The file is the one that others would lock: nobody deleted it, or put another in its place."""
            try:
                there: os.stat_result | None = path.stat()
            except FileNotFoundError:
                there = None
            if there is None or not os.path.samestat(there, os.fstat(handle)):
                raise _lost(name)

        try:
            taken = _try_flock(handle)
            if not taken:
                raise _busy(name)
            yield still
        finally:
            os.close(handle)


class AdvisoryLocks:
    """PostgreSQL's advisory locks, all of a process in one session of their own.

    A session may take the same lock twice, so the names that are held are known here, too.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = Lock()
        self._session: Connection | None = None
        self._names: set[str] = set()

    @contextmanager
    def hold(self, name: str) -> Iterator[Lease]:
        """See `Locks`."""
        session = self._take(name)

        def still() -> None:
            with self._turn:
                if not _answers(session):
                    raise _lost(name)

        try:
            yield still
        finally:
            self._give_back(name, session)

    def _take(self, name: str) -> Connection:
        with self._turn:
            if name in self._names:
                raise _busy(name)
            if self._session is None or not _answers(self._session):
                self._session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            session = self._session
            if not session.execute(text("SELECT pg_try_advisory_lock(:n)"), {"n": _number(name)}).scalar():
                self._close_if_idle()
                raise _busy(name)
            self._names.add(name)
            return session

    def _give_back(self, name: str, session: Connection) -> None:
        with self._turn:
            self._names.discard(name)
            try:
                session.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": _number(name)})
            except SQLAlchemyError:
                session.invalidate()  # the lock went with it
            if session is self._session:
                self._close_if_idle()

    def _close_if_idle(self) -> None:
        if not self._names and self._session is not None:
            self._session.close()
            self._session = None


def private_folder(folder: Path) -> None:
    """Make a folder and those above it, all for this user only; leave existing ones as they are."""
    if not folder.is_dir():
        private_folder(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)


def _try_flock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answers(session: Connection) -> bool:
    """Whether the session lives, on the server's side too: while it does, its locks are held."""
    try:
        session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return not session.invalidated


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)


def _busy(name: str) -> TryLater:
    return TryLater(f"Another run is at work on {name}.", advice="Wait for it to end; `passerelle status` shows it.")


def _lost(name: str) -> LockLost:
    return LockLost(
        f"The lock on {name} was lost while this run was at work: another run may have begun.",
        advice="Run it again: it goes on where it stopped. Did the database restart, or somebody delete lock files?",
    )


def _file_name(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name) + ".lock"
