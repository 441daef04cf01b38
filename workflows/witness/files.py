"""Files that are handed out: new, whole or not there, for this user only."""

import os
from pathlib import Path

from passerelle.privacy.errors import DefinitionError


def write_new(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a file that is not there yet, durably. Raises `DefinitionError` where it is, or cannot be."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise DefinitionError(f"The file {path} exists already.", advice="Name another one.") from None
    except OSError as problem:
        raise DefinitionError(f"The file {path} cannot be written: {problem.strerror}.") from None
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def read_text(path: Path, what: str, *, most: int = 1 << 20) -> str:
    """The text of a small file. Raises `DefinitionError` that calls it `what`, and quotes nothing of it."""
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
        text = data.decode()
    except OSError as problem:
        raise DefinitionError(f"{what} {path} cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise DefinitionError(f"{what} {path} is no text.") from None
    if len(data) > most:
        raise DefinitionError(f"{what} {path} is too large.")
    return text
