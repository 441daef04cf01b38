"""Blinded member leaves: SHA-256(0x00 || nonce || payload), nonce = HMAC-SHA256(the person's audit key, label).

Who knows neither the audit key nor the nonce cannot tell whom a leaf is about, not even with a guess at hand.
"""

import hashlib
from collections.abc import Sequence

_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_BLOCK = 64


def blind(keys: Sequence[bytes | None], label: str, payloads: Sequence[bytes]) -> list[bytes | None]:
    """The leaves of one entry's payloads, aligned with both; None where there is no key."""
    message = b"member|" + label.encode()
    sha256 = hashlib.sha256
    leaves: list[bytes | None] = []
    for key, payload in zip(keys, payloads, strict=True):
        if key is None:
            leaves.append(None)
            continue
        # HMAC written out: a third of the cost of `hmac.digest` for a key that is used once.
        block = key.ljust(_BLOCK, b"\0")
        nonce = sha256(block.translate(_OUTER) + sha256(block.translate(_INNER) + message).digest()).digest()
        leaves.append(sha256(b"\0" + nonce + payload).digest())
    return leaves
