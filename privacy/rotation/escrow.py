"""Escrow: the key file sealed to somebody's X25519 public key with HPKE (RFC 9180). Only they can open it.

The sealed file is one line, `passerelle-sealed-key-1:<key id>:<base64>`.
"""

import base64
import binascii
import re
from pathlib import Path

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.keyfile import parse
from passerelle.privacy.keys import Keyring
from passerelle.privacy.secret_file import read_secret

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_LABEL = "passerelle-sealed-key-1"
_FORM = re.compile(rf"{_LABEL}:(k1[0-9a-f]{{16}}):([A-Za-z0-9+/]+=*)\s*")


def sealed(keys: Keyring, recipient: Path) -> str:
    """The keyring, sealed to the public key in the PEM file `recipient`."""
    public = _public(recipient)
    box = _SUITE.encrypt(keys.text.encode(), public, info=_info(keys.key_id))
    return f"{_LABEL}:{keys.key_id}:{base64.b64encode(box).decode()}\n"


def opened(file: Path, private: Path) -> Keyring:
    """The keyring in a sealed file, opened with the private key in the PEM file `private` (mode 0400 or 0600).

    Raises `IntegrityError` where that is another key, or the file was changed.
    """
    try:
        form = _FORM.fullmatch(file.read_text(encoding="ascii", errors="replace"))
    except OSError as problem:
        raise DefinitionError(f"The sealed key {file.name} cannot be read: {problem.strerror}.") from None
    if form is None:
        raise DefinitionError(f"{file.name} is no sealed key.", advice="`passerelle keys export` makes one.")
    try:
        text = _SUITE.decrypt(base64.b64decode(form[2], validate=True), _private(private), info=_info(form[1]))
    except (InvalidTag, ValueError, binascii.Error):
        raise IntegrityError("The sealed key was changed, or it was sealed to somebody else.") from None
    keys = Keyring(held=parse(text.decode("ascii", errors="replace")))
    if keys.key_id != form[1]:
        raise IntegrityError("The sealed key is not the one that its file names.")
    return keys


def _info(key_id: str) -> bytes:
    return f"{_LABEL}:{key_id}".encode()


def _public(path: Path) -> X25519PublicKey:
    try:
        found = load_pem_public_key(path.read_bytes())
    except OSError as problem:
        raise DefinitionError(f"The public key {path.name} cannot be read: {problem.strerror}.") from None
    except (ValueError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, X25519PublicKey):
        raise DefinitionError(
            f"{path.name} is no X25519 public key in PEM.",
            advice="openssl genpkey -algorithm X25519 -out KEY; openssl pkey -in KEY -pubout",
        )
    return found


def _private(path: Path) -> X25519PrivateKey:
    try:
        found = load_pem_private_key(f"{read_secret(path)}\n".encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, X25519PrivateKey):
        raise DefinitionError(f"{path.name} is no X25519 private key in PEM without a passphrase.")
    return found
