"""How we are let in: values given to a session. Secrets come from files or commands, read when they are needed.

| value | for |
| --- | --- |
| `StaticHeader("x-api-key", secret)` | a key in a header, bare or behind a word such as `Bearer ` |
| `Basic(user, password)` | HTTP Basic; where the key is the user, the password is empty |
| `FormToken("token_auth", secret)` | a token in the body of a form (Matomo) |
| `OAuth` (`oauth.py`) | tokens that end: refresh, client credentials, JWT |

No value here shows a secret in its `repr`.
"""

import subprocess
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from passerelle.connectors.errors import DefinitionError
from passerelle.privacy.secret_file import read_secret

Secret = Callable[[], str]
"""Gives a secret, each time anew."""

_NOTHING: Mapping[str, str] = MappingProxyType({})
_COMMAND_SECONDS = 30


def from_file(path: Path) -> Secret:
    """What stands in a file that only its owner may read."""
    return lambda: read_secret(path)


def from_command(words: Sequence[str], folder: Path) -> Secret:
    """What a command prints, run without a shell in `folder`. Its output is in no error."""

    def read() -> str:
        name = Path(words[0]).name
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command, without a shell
                list(words), cwd=folder, capture_output=True, timeout=_COMMAND_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise DefinitionError(f"The command {name} for a secret failed ({type(problem).__name__}).") from None
        said = done.stdout.decode("utf-8", "replace").strip()
        if done.returncode or not said:
            raise DefinitionError(f"The command {name} for a secret printed none (exit {done.returncode}).")
        return said

    return read


class Authentication(Protocol):
    """Lets us in. Asked before every try, so that it can renew what it holds; safe among threads."""

    def headers(self) -> Mapping[str, str]:
        """Headers for the next request."""
        return _NOTHING

    def form(self) -> Mapping[str, str]:
        """Fields for the body of the next request, where it is a form."""
        return _NOTHING

    def renew(self, used: Mapping[str, str]) -> bool:  # noqa: ARG002 - for those that can
        """A request with these headers was refused with 401: whether it is worth trying once more with others."""
        return False


class Nobody(Authentication):
    """No authentication."""


@dataclass(frozen=True, slots=True)
class StaticHeader(Authentication):
    """One header, always the same."""

    name: str
    read: Secret = field(repr=False)
    prefix: str = ""

    def headers(self) -> Mapping[str, str]:
        """The header."""
        return {self.name: self.prefix + self.read()}


@dataclass(frozen=True, slots=True)
class Basic(Authentication):
    """HTTP Basic."""

    user: Secret = field(repr=False)
    password: Secret = field(default=lambda: "", repr=False)

    def headers(self) -> Mapping[str, str]:
        """The header."""
        return {"authorization": "Basic " + b64encode(f"{self.user()}:{self.password()}".encode()).decode()}


@dataclass(frozen=True, slots=True)
class FormToken(Authentication):
    """A field of the form that is posted."""

    name: str
    read: Secret = field(repr=False)

    def form(self) -> Mapping[str, str]:
        """The field."""
        return {self.name: self.read()}
