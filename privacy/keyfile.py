"""The key file: its lines, and how it is read, made and replaced.

    passerelle-master-key-1:<64 hexadecimal digits>                  generation 1, the form of a first key
    passerelle-master-key-2:<generation>:<64 digits>
    passerelle-retired-key-2:<generation>:<public key>:<64 digits>   what lasts of a retired generation

Newest first. A command prints the same lines.
"""

import os
import re
import stat
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from passerelle.privacy.errors import DefinitionError, TryLater

Random = Callable[[int], bytes]
"""Gives that many unpredictable bytes."""

_FIRST_LABEL = "passerelle-master-key-1:"
_FIRST = re.compile(rf"{_FIRST_LABEL}([0-9a-f]{{64}})")
_MASTER = re.compile(r"passerelle-master-key-2:([1-9][0-9]{0,3}):([0-9a-f]{64})")
_RETIRED = re.compile(r"passerelle-retired-key-2:([1-9][0-9]{0,3}):([0-9a-f]{64}):([0-9a-f]{64})")
_COMMAND_SECONDS = 30
_LARGEST = 1 << 16


@dataclass(frozen=True, slots=True)
class KeySettings:
    """Where the master key comes from: a file of mode 0400, or a command (program and arguments) that prints it."""

    file: Path | None = None
    command: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if (self.file is None) == (not self.command):
            raise DefinitionError("Keys need either `file` or `command`.", advice="Name exactly one of the two.")


@final
class Held:
    """One generation: its master, or what lasts of a retired one. Shows nothing of itself."""

    __slots__ = ("lasting", "master", "number", "verifying")

    def __init__(
        self, number: int, master: bytes | None, *, lasting: bytes | None = None, verifying: bytes | None = None
    ) -> None:
        self.number = number
        self.master = master
        self.lasting = lasting if lasting is not None else _lasting(master or b"")
        self.verifying = verifying

    def retired(self, verifying: bytes) -> "Held":
        """What lasts of it."""
        return Held(self.number, None, lasting=self.lasting, verifying=verifying)

    @property
    def line(self) -> str:
        """Its line in a key file: secret."""
        if self.master is None:
            return f"passerelle-retired-key-2:{self.number}:{(self.verifying or b'').hex()}:{self.lasting.hex()}"
        if self.number == 1:
            return f"{_FIRST_LABEL}{self.master.hex()}"
        return f"passerelle-master-key-2:{self.number}:{self.master.hex()}"

    def __repr__(self) -> str:
        return f"<Held {self.number}>"


def _lasting(master: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=b"passerelle/v1", info=b"lasting").derive(master)


def render(held: Iterable[Held]) -> str:
    """The text of a key file, newest generation first."""
    return "".join(f"{each.line}\n" for each in sorted(held, key=lambda each: -each.number))


def parse(text: str) -> tuple[Held, ...]:
    """The generations of a key file's text. Raises `DefinitionError`, which quotes nothing, where it is none."""
    found = tuple(_parsed(line.strip()) for line in text.splitlines() if line.strip())
    numbers = [each.number for each in found]
    if not found or len(set(numbers)) < len(numbers) or found[numbers.index(max(numbers))].master is None:
        raise _no_key()
    return found


def _parsed(line: str) -> Held:
    if form := _FIRST.fullmatch(line):
        return Held(1, bytes.fromhex(form[1]))
    if form := _MASTER.fullmatch(line):
        return Held(int(form[1]), bytes.fromhex(form[2]))
    if form := _RETIRED.fullmatch(line):
        return Held(int(form[1]), None, lasting=bytes.fromhex(form[3]), verifying=bytes.fromhex(form[2]))
    raise _no_key()


def _no_key() -> DefinitionError:
    return DefinitionError(
        "What was found is no master key.",
        advice=f"It is a line of `{_FIRST_LABEL}` and 64 hexadecimal digits, or several after a rotation, each "
        "generation once.",
    )


def read(settings: KeySettings) -> tuple[Held, ...]:
    """What the file holds, or the command prints."""
    return parse(_from_file(settings.file) if settings.file else _from_command(settings.command or ()))


def write(path: Path, text: str) -> None:
    """Make a key file of mode 0400, durably. Never overwrites one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
    except FileExistsError:
        raise DefinitionError(
            f"The key file {path.name} exists already.", advice="A key is never overwritten; move it away first."
        ) from None
    except OSError as problem:
        raise DefinitionError(f"The key file {path} cannot be written: {problem.strerror}.") from None
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), 0o400)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def replace(path: Path, text: str) -> None:
    """Put a new key file in the place of an old one, so that one of the two is there whenever power fails."""
    if path.is_symlink() or not os.access(path.parent, os.W_OK):
        raise DefinitionError(
            f"The key file {path} is put there by somebody else, so it is not replaced here.",
            advice="Run with `--new-key FILE`, and have what is in that file delivered in its place.",
        )
    beside = path.with_name(f"{path.name}.new")
    beside.unlink(missing_ok=True)  # of an attempt that died before its rename: nothing rests on it
    write(beside, text)
    beside.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
        return os.read(handle, _LARGEST).decode("ascii", errors="replace")
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
