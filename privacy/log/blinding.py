"""Blinded member leaves: SHA-256(0x00 || nonce || payload), the nonce made of the person's audit key and the entry.

The nonce is BLAKE2s in its keyed mode (RFC 7693): 32 bytes, the key the person's audit key, the message the entry's
label. Who has neither the key nor the nonce cannot tell whom a leaf is about, not even with a guess at hand; who is
given one nonce can open that one leaf, and no other of the same person.
"""

from collections.abc import Sequence
from hashlib import blake2s

from passerelle.privacy.short_hash import sha256


def nonces(keys: Sequence[bytes | None], label: str) -> list[bytes | None]:
    """What opens each person's leaf under the entry with this label, aligned with `keys`; None where there is none."""
    message = label.encode()
    return [key and blake2s(message, key=key).digest() for key in keys]


def blind(keys: Sequence[bytes | None], label: str, payloads: Sequence[bytes]) -> list[bytes | None]:
    """The leaves of one entry's payloads, aligned with both; None where there is no key."""
    message = label.encode()
    return [
        key and sha256(b"\0" + blake2s(message, key=key).digest() + payload).digest()
        for key, payload in zip(keys, payloads, strict=True)
    ]


def leaf(nonce: bytes, payload: bytes) -> bytes:
    """The leaf that this nonce opens."""
    opened: bytes = sha256(b"\0" + nonce + payload).digest()
    return opened
