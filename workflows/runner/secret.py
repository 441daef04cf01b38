"""Secrets that stand in files: read once, compared in constant time, never shown."""

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path

from passerelle.connectors.signatures import Scheme
from passerelle.privacy.errors import DefinitionError

_SHORTEST = 20


class Secret:
    """Some bytes that nobody may see."""

    __slots__ = ("_bytes",)

    def __init__(self, value: bytes) -> None:
        self._bytes = value

    def __repr__(self) -> str:
        return "Secret(…)"

    @classmethod
    def from_file(cls, path: Path) -> "Secret":
        """The file's first line. Raises `DefinitionError` where it is missing, or too short to be a secret."""
        try:
            value = path.read_bytes().split(b"\n", 1)[0].strip()
        except OSError as problem:
            raise DefinitionError(f"The secret file {path.name} cannot be read: {problem.strerror}.") from None
        if len(value) < _SHORTEST:
            raise DefinitionError(
                f"The secret file {path.name} holds fewer than {_SHORTEST} characters.",
                advice="Make one with `passerelle workflows secrets`.",
            )
        return cls(value)

    def equals(self, given: bytes) -> bool:
        """Whether `given` is the secret, in a time that says nothing of either."""
        return hmac.compare_digest(hashlib.sha256(self._bytes).digest(), hashlib.sha256(given).digest())

    def sign(self, message: bytes) -> bytes:
        """HMAC-SHA256 of `message`."""
        return hmac.digest(self._bytes, message, "sha256")

    def sent(self, scheme: Scheme, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
        """What tells a delivery from others, if it was signed with this, and lately; see `Scheme`."""
        return scheme.sent(headers, body, (self._bytes,), now)
