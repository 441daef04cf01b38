"""Secrets that stand in files: read once, compared in constant time, never shown."""

import base64
import binascii
import hashlib
import hmac
from pathlib import Path

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
        return hmac.digest(self._key(), message, "sha256")

    def signs(self, message: bytes, signature: str) -> bool:
        """Whether `signature` is the base64 of this key's HMAC-SHA256 of `message`.

        A key written as `whsec_` and base64 stands for the decoded bytes, as in Standard Webhooks.
        """
        try:
            given = base64.b64decode(signature.encode("ascii"), validate=True)
        except (UnicodeEncodeError, binascii.Error):
            return False
        return hmac.compare_digest(self.sign(message), given)

    def _key(self) -> bytes:
        if not self._bytes.startswith(b"whsec_"):
            return self._bytes
        try:
            return base64.b64decode(self._bytes.removeprefix(b"whsec_"), validate=True)
        except binascii.Error:
            raise DefinitionError("The signing key begins with whsec_ but is not base64 after it.") from None
