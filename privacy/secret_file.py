"""Secrets come from files that only their owner can read: never from the environment, never from an argument."""

import os
from pathlib import Path

from passerelle.privacy.errors import DefinitionError


def read_secret(path: Path) -> str:
    """What a secret's file says, without the white space around it.

    Raises `DefinitionError` where it is missing, empty, not text, or others may read it: with its name only.
    """
    try:
        mode = path.stat().st_mode & 0o777
        content = path.read_text(encoding="utf-8").strip()
    except OSError as problem:
        raise DefinitionError(f"The secret file {path.name} cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise DefinitionError(f"The secret file {path.name} is not UTF-8 text.") from None
    if os.name == "posix" and mode & 0o077:
        raise DefinitionError(
            f"The secret file {path.name} can be read by other users (mode {mode:04o}).",
            advice=f"Run: chmod 600 {path}",
        )
    if not content or content.startswith("#"):
        raise DefinitionError(f"The secret file {path.name} is still empty.", advice="Put the secret in it, alone.")
    return content
