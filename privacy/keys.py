"""The master key and what is derived from it.

A key comes from a file that only its owner can read, or from a command that prints it: never from an environment
variable, never from an argument. One key per domain follows from it by HKDF-SHA256. The store keeps a key check
value, so that a wrong key stops a run before it makes pseudonyms that match nobody.
"""

import os
import re
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection, select

from passerelle.privacy.errors import DefinitionError, IntegrityError, TryLater
from passerelle.privacy.store import writing
from passerelle.privacy.store.tables import log_entry, setting, subject

Random = Callable[[int], bytes]
"""Gives that many unpredictable bytes."""

_SALT = b"passerelle/v1"
_LABEL = "passerelle-master-key-1:"
_FORM = re.compile(rf"{_LABEL}([0-9a-f]{{64}})\s*")
_CHECK = "key_check"
_COMMAND_SECONDS = 30


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Where the master key comes from: a file of mode 0400, or a command (program and arguments) that prints it."""

    file: Path | None = None
    command: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if (self.file is None) == (not self.command):
            raise DefinitionError("Keys need either `file` or `command`.", advice="Name exactly one of the two.")


@final
class Keyring:
    """The master key, held in memory only. Shows nothing of itself but its id."""

    __slots__ = ("_master",)

    def __init__(self, master: bytes) -> None:
        if len(master) != 32:  # noqa: PLR2004 - 256 bits
            raise DefinitionError("A master key has 32 bytes.")
        self._master = master

    @classmethod
    def create(cls, path: Path, *, random: Random = os.urandom) -> "Keyring":
        """Write a new master key to `path` with mode 0400, durably, and return it. Never overwrites a file."""
        folder = path.parent
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        keys = cls(random(32))
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
        except FileExistsError:
            raise DefinitionError(
                f"The key file {path.name} exists already.", advice="A key is never overwritten; move it away first."
            ) from None
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), 0o400)
            file.write(f"{_LABEL}{keys._master.hex()}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        return keys

    @classmethod
    def load(cls, settings: KeySettings) -> "Keyring":
        """The key of `settings`. Raises `DefinitionError` where there is none, or where others could read it."""
        text = _from_file(settings.file) if settings.file else _from_command(settings.command or ())
        form = _FORM.fullmatch(text)
        if form is None:
            raise DefinitionError(
                "What was found is no master key.", advice=f"It is one line: `{_LABEL}` and 64 hexadecimal digits."
            )
        return cls(bytes.fromhex(form[1]))

    @property
    def key_id(self) -> str:
        """Names the master key and tells nothing about it."""
        return "k1" + self.derive("key-id", 8).hex()

    def derive(self, domain: str, length: int = 32) -> bytes:
        """The key of one domain: the same for ever, and unrelated to that of any other domain."""
        return HKDF(algorithm=SHA256(), length=length, salt=_SALT, info=domain.encode()).derive(self._master)

    def bind(self, connection: Connection) -> None:
        """Tie a new store to this key, or check that the store was made with it.

        Raises `IntegrityError` where it was not, or where a store with people or a log has lost its key check.
        """
        known = connection.scalar(select(setting.c.value).where(setting.c.name == _CHECK))
        mine = self.derive("key-check", 16).hex()
        if known == mine:
            return
        if known is not None:
            raise IntegrityError(
                "The key does not fit this store: it was made with another one.",
                advice="Put back the key file that belongs to this workspace, or restore it from its backup.",
            )
        if any(connection.execute(select(table.c[0]).limit(1)).first() for table in (subject, log_entry)):
            raise IntegrityError(
                "The store holds data, and its key check is gone.",
                advice="Someone changed the store by hand; restore it from a backup.",
            )
        writing.insert(connection, setting, {"name": [_CHECK], "value": [mine]})

    def __repr__(self) -> str:
        return f"<Keyring {self.key_id}>"

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled")


def _from_file(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        raise DefinitionError(
            f"The key file {path} cannot be opened.", advice="`passerelle init` makes one; this user must own it."
        ) from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise DefinitionError(f"The key file {path} is no regular file.")
        if status.st_mode & 0o077:
            raise DefinitionError(
                f"Others can read the key file {path}.", advice=f"chmod 0400 {path}, and ask who has read it."
            )
        return os.read(handle, 4096).decode("ascii", errors="replace")
    finally:
        os.close(handle)


def _from_command(command: tuple[str, ...]) -> str:
    program = command[0]
    try:
        # The user's own configuration names the program; there is no shell. What it says on stderr is not repeated.
        done = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_COMMAND_SECONDS, check=False
        )
    except OSError:
        raise DefinitionError(f"The key command {program} cannot be run.") from None
    except subprocess.TimeoutExpired:
        raise TryLater(f"The key command {program} did not answer in {_COMMAND_SECONDS} s.") from None
    if done.returncode:
        raise TryLater(f"The key command {program} failed with exit code {done.returncode}.")
    return done.stdout.decode("ascii", errors="replace")
