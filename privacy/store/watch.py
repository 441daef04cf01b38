"""The watch: whether the database is what the last writer left, found out before the next one writes.

A file outside the database says how the last to leave left it: an authentication code over the SQLite file, how many
writes had made its seals, and when it was last verified, under a code of its own. Whoever is about to write comes in:

- Alone, they compare. Equal: they go on. Different, missing, or left open by a crash: everything is verified first.
  A store with fewer writes than the file says was put back to an older copy, whatever else fits.
- Where others are in, those have compared. A lock that falls free with its holder says who is in, so that no killed
  process is waited for; the file says `open` meanwhile, so that nobody takes what a killed one left for sound.

The last to leave writes the file again. Where that fails (no room, say), it still says `open`, and the next one in
verifies: nothing is believed that was not written down. A PostgreSQL store has no file of bytes to compare; it is
verified when the last good verification is too old. Who only reads does none of this.
"""

import fcntl
import hmac
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from sqlalchemy.exc import DBAPIError

from passerelle.privacy.errors import DefinitionError, IntegrityError, PasserelleError, TryLater
from passerelle.privacy.keyfile import Random
from passerelle.privacy.store import beside, seals
from passerelle.privacy.store.engine import Store

_log = logging.getLogger(__name__)

OLDER = "The store is an older copy: it has fewer writes than the last run left."
RESTORED = (
    "Send nothing; find out who put it back. If you restored a backup on purpose: `passerelle audit accept-restore`."
)

_NONCE = 12
_PIECE = 1 << 20
_PATIENCE = 60.0
_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Left:
    """How the store was left, or that somebody is in it."""

    open: bool
    writes: int
    verified_at: int
    file: str = ""
    """A fingerprint of the SQLite file: see `fingerprint`; empty for another store."""

    def line(self, key: bytes) -> bytes:
        """What the file holds."""
        said = {"file": self.file, "open": self.open, "verified_at": self.verified_at, "writes": self.writes}
        return json.dumps(said | {"code": self._code(key, said)}, sort_keys=True).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes, key: bytes) -> "Left | None":
        """What a file says; None where it is not ours."""
        try:
            said = json.loads(line)
            code = said.pop("code")
            if hmac.compare_digest(code, cls._code(key, said)):
                return cls(bool(said["open"]), int(said["writes"]), int(said["verified_at"]), str(said["file"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            pass
        return None

    @staticmethod
    def _code(key: bytes, said: dict[str, Any]) -> str:
        return hmac.digest(key, json.dumps(said, sort_keys=True).encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are: the file of how it was left, the lock, and the SQLite file, if the store is one."""

    left: Path
    lock: Path
    database: Path | None


class Watch:
    """One process's way in and out. `key` authenticates the file; `verify` raises where the store is not sound."""

    def __init__(
        self,
        places: Places,
        key: bytes,
        verify: Callable[[], None],
        *,
        every: int | None = None,
        random: Random = os.urandom,
    ) -> None:
        self._places = places
        self._key = key
        self._verify = verify
        self._every = every
        self._random = random
        self._handle: int | None = None

    @property
    def left(self) -> Left | None:
        """What the file says now."""
        try:
            return Left.read(self._places.left.read_bytes(), self._key)
        except FileNotFoundError:
            return None

    def enter(self, store: Store, *, now: int) -> None:
        """Come in, before the first write. Raises `IntegrityError` where the store is not what it was left as.

        Raises `TryLater` where somebody else verifies it for longer than a minute.
        """
        if self._handle is not None:
            return
        self._handle = _opened(self._places.lock)
        try:
            if self._alone(store):
                self._compare(store, now)
                fcntl.flock(self._handle, fcntl.LOCK_SH)
        except BaseException:
            self._go()
            raise

    def leave(self, store: Store) -> None:
        """Go, and write down how the store is left if nobody else is in. Raises nothing: who can't write warns."""
        if self._handle is None:
            return
        try:
            if self._locked(fcntl.LOCK_EX):
                self._write_down(store)
        except (OSError, DBAPIError, PasserelleError):
            _log.warning("how the store was left could not be written down; the next run verifies it")
        finally:
            self._go()

    def check_writes(self, store: Store) -> int:
        """How many writes made the seals. Raises `IntegrityError` where the last to leave had seen more."""
        left = self.left  # read first: writers only add to what the store then says
        writes = _writes(store)
        if left is not None and writes < left.writes:
            raise IntegrityError(OLDER, advice=RESTORED)
        return writes

    def take_over(self, store: Store, *, aside: str, now: int) -> None:
        """Come in alone without comparing, and put the file aside under another ending.

        For whoever has verified the store and accepts that it is another one than was left. Raises `TryLater` where
        others are in.
        """
        self._handle = _opened(self._places.lock)
        if not self._locked(fcntl.LOCK_EX):
            self._go()
            raise TryLater("Other runs are at work on the store.", advice="Run it again when they have ended.")
        path = self._places.left
        if path.exists():
            path.rename(path.with_name(path.name + aside))
        self._put(Left(open=True, writes=_writes(store), verified_at=now), durable=False)
        fcntl.flock(self._handle, fcntl.LOCK_SH)

    # --- the lock

    def _alone(self, store: Store) -> bool:
        """Whether nobody else is in: then nobody comes in before we have compared."""
        deadline = time.monotonic() + _PATIENCE
        while not self._locked(fcntl.LOCK_EX):
            if self._locked(fcntl.LOCK_SH):
                left = self.left
                if left is not None and left.open:
                    self.check_writes(store)
                    return False
            if time.monotonic() > deadline:
                raise TryLater("Another run is verifying the store.", advice="Run it again when that has ended.")
            time.sleep(_PAUSE)
        return True

    def _locked(self, how: int) -> bool:
        try:
            fcntl.flock(self._handle or 0, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _go(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    # --- the comparison

    def _compare(self, store: Store, now: int) -> None:
        left = self.left
        writes = self.check_writes(store)
        due = left is None or (self._every is not None and now - left.verified_at >= self._every)
        sound = left is not None and not left.open and self._is_as_left(left.file)
        verified_at = left.verified_at if left is not None else 0
        if due or not sound:
            self._verify()
            verified_at = now
            if left is not None and left.open:
                _log.warning("the last run ended without closing the store, which was verified")
            elif not sound and writes > 1:  # more than the write that every store begins with
                _log.warning("the store is not as the last run left it; it was verified, and holds")
        self._put(Left(open=True, writes=writes, verified_at=verified_at), durable=False)

    def _write_down(self, store: Store) -> None:
        left = self.left
        writes = _writes(store)
        store.close()
        verified_at = left.verified_at if left is not None else 0
        file = self._fingerprint(self._random(_NONCE))
        self._put(Left(False, writes, verified_at, file), durable=True)

    def _is_as_left(self, file: str) -> bool:
        """Whether the SQLite file still has this fingerprint; of another store there is nothing to compare."""
        if self._places.database is None:
            return not file
        try:
            nonce = bytes.fromhex(file[: 2 * _NONCE])
        except ValueError:
            return False
        return len(nonce) == _NONCE and hmac.compare_digest(file, self._fingerprint(nonce))

    def _fingerprint(self, nonce: bytes) -> str:
        """The SQLite file's; empty for another store. A write-ahead log that is not folded in spoils it."""
        path = self._places.database
        if path is None:
            return ""
        log = path.with_name(path.name + "-wal")
        if log.exists() and log.stat().st_size:
            return "not folded"
        return fingerprint(path, self._key, nonce)

    def _put(self, left: Left, *, durable: bool) -> None:
        path = self._places.left
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_name(path.name + ".new")
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(left.line(self._key))
            file.flush()
            if durable:
                os.fsync(file.fileno())
        beside.replace(path)


def fingerprint(path: Path, key: bytes, nonce: bytes) -> str:
    """The nonce (12 bytes) and an authentication code over a file, in hex; no two files have one under one nonce.

    The code is AES-256-GMAC (NIST SP 800-38D, the file as associated data and no text), which runs at the speed of
    memory: it reads every byte in a twentieth of the time of SHA-256. Its key is used for nothing else.
    """
    mine = hmac.digest(key, b"file", "sha256")
    code = Cipher(algorithms.AES(mine), modes.GCM(nonce)).encryptor()
    piece = memoryview(bytearray(_PIECE))
    with beside.opened(path) as file:
        while size := file.readinto(piece):
            code.authenticate_additional_data(piece[:size])
    code.finalize()
    return nonce.hex() + code.tag.hex()


def _writes(store: Store) -> int:
    """How many writes made the seals. Raises `IntegrityError` where these are not ours."""
    if store.seal_key is None:
        return 0
    with store.read() as connection:
        held = seals.held(connection, store.seal_key)
    return held.writes if held is not None else 0


def _opened(lock: Path) -> int:
    try:
        lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except (FileExistsError, NotADirectoryError):
        raise DefinitionError(
            f"{lock.parent} is no folder, and locks are kept there.", advice="Move it away; the folder is made again."
        ) from None
