"""C2SP signed notes and checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), Ed25519.

A checkpoint's text is three lines, origin, size and base64 root, and one extension line that says when it was signed
and which checkpoint came before it.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from passerelle.privacy.errors import DefinitionError, IntegrityError

_ED25519 = b"\x01"
_NAME = re.compile(r"[^\s+]+")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+=*)")
_SIGNED = "passerelle signed-at {} after {}"
_SIGNED_FORM = re.compile(r"passerelle signed-at (\d+) after (\d+)")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log at one size: its root, and the signed note that vouches for both."""

    size: int
    root_hex: str
    note: str


@final
class Verifier:
    """Checks notes of one log by its public key."""

    def __init__(self, name: str, public: bytes) -> None:
        if not _NAME.fullmatch(name):
            raise DefinitionError("A log's name has no spaces and no plus sign.")
        self.name = name
        self._public = public

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """From a verifier key's text, `name+id+key`. Raises `DefinitionError` where it is none."""
        try:
            name, key_id, encoded = text.strip().split("+", 2)
            key = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            raise DefinitionError("This is no verifier key.") from None
        verifier = cls(name, key[1:])
        if key[:1] != _ED25519 or len(key) != 33 or verifier.key_id.hex() != key_id:  # noqa: PLR2004 - a byte and a key
            raise DefinitionError("This is no verifier key for Ed25519.")
        return verifier

    @property
    def key_id(self) -> bytes:
        """The four bytes that lead a signature."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self._public).digest()[:4]

    @property
    def text(self) -> str:
        """What an auditor is given: with it alone, every checkpoint can be checked."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(_ED25519 + self._public).decode()}"

    def open(self, note: str) -> str:
        """The text of a note that this key signed. Raises `IntegrityError` otherwise."""
        text, separator, signatures = note.rpartition("\n\n")
        if not separator or not signatures.endswith("\n"):
            raise IntegrityError("A checkpoint is no signed note.")
        text += "\n"
        if not any(self._signed(text, line) for line in signatures[:-1].split("\n")):
            raise IntegrityError("A checkpoint is not signed with this log's key.")
        return text

    def signed(self, note: str) -> bool:
        """Whether this key signed a note."""
        try:
            self.open(note)
        except IntegrityError:
            return False
        return True

    def _signed(self, text: str, line: str) -> bool:
        form = _SIGNATURE.fullmatch(line)
        if form is None:
            raise IntegrityError("A checkpoint has a line that is no signature.")
        try:
            signature = base64.b64decode(form[2], validate=True)
        except binascii.Error:
            raise IntegrityError("A checkpoint has a line that is no signature.") from None
        if form[1] != self.name or signature[:4] != self.key_id:
            return False  # a witness's, of which we know no key
        try:
            Ed25519PublicKey.from_public_bytes(self._public).verify(signature[4:], text.encode())
        except InvalidSignature:
            raise IntegrityError("A checkpoint's signature is wrong.") from None
        return True


@final
class Signer:
    """Signs checkpoints for one log."""

    __slots__ = ("_key", "verifier")

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The note of a text that ends with a line feed."""
        signature = base64.b64encode(self.verifier.key_id + self._key.sign(text.encode())).decode()
        return f"{text}\n— {self.verifier.name} {signature}\n"


@dataclass(frozen=True, slots=True)
class Said:
    """A checkpoint's text, read: times in microseconds; `after` is the size of the checkpoint before it, or 0."""

    origin: str
    size: int
    root: bytes
    signed_at: int | None
    after: int | None


def checkpoint_text(said: Said) -> str:
    """What is signed."""
    lines = (said.origin, said.size, base64.b64encode(said.root).decode(), _SIGNED.format(said.signed_at, said.after))
    return "".join(f"{line}\n" for line in lines)


def parse_checkpoint(text: str) -> Said:
    """The checkpoint of a text. Raises `IntegrityError` where it is none."""
    try:
        origin, size, encoded, *extensions, end = text.split("\n")
        root = base64.b64decode(encoded, validate=True)
        number = int(size)
    except (ValueError, binascii.Error):
        raise IntegrityError("A checkpoint's text is malformed.") from None
    if end or size != str(number) or len(root) != 32 or not all((origin, *extensions)):  # noqa: PLR2004 - a hash
        raise IntegrityError("A checkpoint's text is malformed.")
    ours = [form for line in extensions if (form := _SIGNED_FORM.fullmatch(line))]
    signed_at, after = (int(ours[0][1]), int(ours[0][2])) if ours else (None, None)
    return Said(origin, number, root, signed_at, after)
