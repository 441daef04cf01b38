"""Keyed pseudonyms: HMAC-SHA256, many at once.

HMAC is computed from its two precomputed SHA-256 states, which gives the same bytes as `hmac.digest` at a third of
its cost.
"""

import hashlib
from collections.abc import Iterable

from passerelle.privacy.keys import Keyring
from passerelle.privacy.vocabulary import Field, SubjectRef

_BLOCK = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
DIGEST_BYTES = 16


def keyed_digests(key: bytes, prefix: bytes, messages: Iterable[bytes]) -> list[bytes]:
    """HMAC-SHA256(key, prefix || message) of each message, 32 bytes each. `key` has at most 64 bytes."""
    block = key.ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(block.translate(_INNER) + prefix)
    outer = hashlib.sha256(block.translate(_OUTER))
    digests = []
    for message in messages:
        first, second = inner.copy(), outer.copy()
        first.update(message)
        second.update(first.digest())
        digests.append(second.digest())
    return digests


class Pseudonyms:
    """Names for people and their identifiers that nobody makes without the key."""

    def __init__(self, keys: Keyring, *, domain: str = "segmentation") -> None:
        self._identity = keys.derive("identity")
        self._refs = keys.derive(f"pseudonym/{domain}")

    def identity(self, field: Field, canonical: Iterable[str]) -> list[bytes]:
        """The 16-byte digests by which equal identifiers are known to be one person's."""
        encoded = (value.encode() for value in canonical)
        return [digest[:DIGEST_BYTES] for digest in keyed_digests(self._identity, f"{field}\0".encode(), encoded)]

    def refs(self, field: Field, canonical: Iterable[str]) -> list[SubjectRef]:
        """The `s1…` pseudonyms of people first known by these identifiers."""
        encoded = (value.encode() for value in canonical)
        digests = keyed_digests(self._refs, f"{field}\0".encode(), encoded)
        return [SubjectRef("s1" + digest[:16].hex()) for digest in digests]
