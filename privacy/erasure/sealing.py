"""Evidence sealed to the data protection officer: HPKE (RFC 9180), which needs the officer's public key only.

Who runs the workspace can seal and cannot open. Keys are X25519, each a file of one line.
"""

import base64
import hashlib
import json
import os
import re
from pathlib import Path
from typing import final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.keys import Random
from passerelle.privacy.log.canonical import canonical
from passerelle.privacy.secret_file import read_secret

FORMAT = "passerelle-sealed-evidence/1"
"""What a sealed file says it is."""

SUITE = "DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM"
"""The algorithms, by their names in RFC 9180."""

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_PUBLIC, _PRIVATE = "passerelle-evidence-public-1:", "passerelle-evidence-private-1:"


@final
class Recipient:
    """The public key that evidence is sealed to."""

    def __init__(self, public: X25519PublicKey) -> None:
        self._public = public

    @classmethod
    def load(cls, path: Path) -> "Recipient":
        """The public key in a file. Raises `DefinitionError` where there is none."""
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as problem:
            raise DefinitionError(
                f"The evidence key file {path.name} cannot be read: {problem.strerror}.",
                advice="`passerelle evidence keygen --out FILE` makes a pair; settings name its public half.",
            ) from None
        return cls(X25519PublicKey.from_public_bytes(_number(text, _PUBLIC, path)))

    @property
    def key_id(self) -> str:
        """Names the key."""
        return "d1" + hashlib.sha256(self._public.public_bytes_raw()).hexdigest()[:16]

    @property
    def text(self) -> str:
        """What stands in the file of the public key."""
        return _PUBLIC + self._public.public_bytes_raw().hex()

    def seal(self, erasure: str, evidence: bytes) -> bytes:
        """The sealed file: canonical JSON, opened only as that erasure's and with the officer's key."""
        sealed = _SUITE.encrypt(evidence, self._public, _purpose(erasure))
        return canonical(
            {
                "format": FORMAT,
                "suite": SUITE,
                "recipient": self.key_id,
                "erasure": erasure,
                "sealed": base64.b64encode(sealed).decode(),
            }
        )


@final
class Opener:
    """The officer's private key, held in memory only. Shows nothing of itself but its id."""

    __slots__ = ("_private",)

    def __init__(self, private: X25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def load(cls, path: Path) -> "Opener":
        """The private key in a file that only its owner can read."""
        return cls(X25519PrivateKey.from_private_bytes(_number(read_secret(path), _PRIVATE, path)))

    @classmethod
    def create(cls, path: Path, *, random: Random = os.urandom) -> "Opener":
        """Write a new pair: the private key to `path` (mode 0400), the public one beside it with `.pub`."""
        opener = cls(X25519PrivateKey.from_private_bytes(random(32)))
        _write(path, _PRIVATE + opener._private.private_bytes_raw().hex(), 0o400)
        _write(path.with_name(path.name + ".pub"), opener.recipient.text, 0o444)
        return opener

    @property
    def recipient(self) -> Recipient:
        """The public half."""
        return Recipient(self._private.public_key())

    def open(self, sealed: bytes) -> tuple[str, bytes]:
        """The erasure's id, and the evidence. Raises `IntegrityError` where the file was changed."""
        told = sealed_file(sealed)
        if told["recipient"] != self.recipient.key_id:
            raise DefinitionError("This evidence is sealed to another key.", advice=f"It needs {told['recipient']}.")
        try:
            blob = base64.b64decode(told["sealed"], validate=True)
            return told["erasure"], _SUITE.decrypt(blob, self._private, _purpose(told["erasure"]))
        except (InvalidTag, ValueError):
            raise IntegrityError("The sealed evidence was changed.") from None

    def __repr__(self) -> str:
        return f"<Opener {self.recipient.key_id}>"

    def __reduce__(self) -> str:
        raise TypeError("a key is not pickled")


def sealed_file(content: bytes) -> dict[str, str]:
    """What a sealed file says of itself. Raises `DefinitionError` where it is none."""
    try:
        told = json.loads(content)
        fields = {name: str(told[name]) for name in ("format", "erasure", "recipient", "sealed")}
    except (ValueError, KeyError, TypeError):
        fields = {"format": ""}
    if fields["format"] != FORMAT:
        raise DefinitionError("That is no sealed evidence.", advice="Name an erasure's id, or a file of `--sealed`.")
    return fields


def _purpose(erasure: str) -> bytes:
    return f"passerelle/evidence/1 {erasure}".encode()


def _number(text: str, label: str, path: Path) -> bytes:
    form = re.fullmatch(rf"{label}([0-9a-f]{{64}})\s*", text)
    if form is None:
        half = label.split("-")[2]
        raise DefinitionError(
            f"{path.name} holds no {half} evidence key.", advice=f"It is one line: `{label}` and 64 hexadecimal digits."
        )
    return bytes.fromhex(form[1])


def _write(path: Path, line: str, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except OSError as problem:
        raise DefinitionError(
            f"{path.name} cannot be made: {problem.strerror}.", advice="A key is never overwritten; name a new file."
        ) from None
    with os.fdopen(handle, "w") as file:
        os.fchmod(file.fileno(), mode)
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())
