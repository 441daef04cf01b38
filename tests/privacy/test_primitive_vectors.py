"""Our primitives against published vectors: RFC 4231, RFC 5869, NIST's AES-GCM and Ed25519.

They come with the package `cryptography_vectors`, which is too large (56 MB) to be installed for everybody.
"""

import base64
import hmac
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.log.note import Signer
from passerelle.privacy.pseudonyms import keyed_digests

_BLOCK = 64


@pytest.fixture(scope="module")
def vectors() -> Path:
    spec = find_spec("cryptography_vectors")
    if spec is None or spec.origin is None:
        pytest.skip("the package cryptography_vectors is not installed")
    return Path(spec.origin).parent


def records(path: Path, first: str) -> Iterator[dict[str, str]]:
    """Cases of `name = value` lines, each begun by `first`; lines in brackets hold for all that follow."""
    standing: dict[str, str] = {}
    case: dict[str, str] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        name, _, value = (part.strip() for part in line.strip("[]").partition("="))
        if line.startswith("["):
            standing[name] = value
        elif name and not line.startswith("#"):
            if name == first and case:
                yield case
                case = {}
            case = {**standing, **case, name: value} if name == first else {**case, name: value}
    yield case


@given(st.binary(max_size=_BLOCK), st.binary(max_size=40), st.lists(st.binary(max_size=200), max_size=4))
def test_keyed_digests_are_those_of_the_standard_library(key: bytes, prefix: bytes, messages: list[bytes]) -> None:
    expected = [hmac.digest(key, prefix + message, "sha256") for message in messages]
    assert keyed_digests(key, prefix, messages) == expected


def test_hmac_sha256(vectors: Path) -> None:
    tried = 0
    for case in records(vectors / "HMAC/rfc-4231-sha256.txt", "Len"):
        key = bytes.fromhex(case["Key"])
        if len(key) <= _BLOCK:  # ours have 32 bytes; longer ones would be hashed first
            assert keyed_digests(key, b"", [bytes.fromhex(case["Msg"])])[0].hex() == case["MD"]
            tried += 1
    assert tried >= 4


def test_hkdf_sha256(vectors: Path) -> None:
    cases = list(records(vectors / "KDF/rfc-5869-HKDF-SHA256.txt", "COUNT"))
    for case in cases:
        salt, info = bytes.fromhex(case["salt"]), bytes.fromhex(case["info"])
        kdf = HKDF(algorithm=SHA256(), length=int(case["L"]), salt=salt, info=info)
        assert kdf.derive(bytes.fromhex(case["IKM"])).hex() == case["OKM"]
    assert len(cases) == 3


def test_aes_256_gcm_opens_what_is_sound_and_nothing_else(vectors: Path) -> None:
    tried = {True: 0, False: 0}
    for case in records(vectors / "ciphers/AES/GCM/gcmDecrypt256.rsp", "Count"):
        if (case.get("IVlen"), case.get("Taglen")) != ("96", "128"):
            continue  # the sizes that the vault uses
        parts = {name: bytes.fromhex(case[name]) for name in ("Key", "IV", "CT", "AAD", "Tag")}
        sound = "PT" in case
        try:
            opened = AESGCM(parts["Key"]).decrypt(parts["IV"], parts["CT"] + parts["Tag"], parts["AAD"])
            assert sound
            assert opened.hex() == case["PT"]
        except InvalidTag:
            assert not sound
        tried[sound] += 1
    assert min(tried.values()) > 100


def test_ed25519_signs_as_published(vectors: Path) -> None:
    lines = (vectors / "asymmetric/Ed25519/sign.input").read_text(encoding="ascii").splitlines()
    tried = 0
    for line in lines[:400]:
        secret, public, message, signed = line.split(":")[:4]
        signer = Signer("vectors", bytes.fromhex(secret[:64]))
        assert base64.b64decode(signer.verifier.text.split("+", 2)[2])[1:].hex() == public
        try:
            text = bytes.fromhex(message).decode()
        except UnicodeDecodeError:
            continue
        note = signer.sign(text)
        assert base64.b64decode(note.rsplit(" ", 1)[1])[4:].hex() == signed[:128]
        tried += 1
    assert tried
    with pytest.raises(IntegrityError):
        signer.verifier.open("x\n\n— vectors AAAA\n")
