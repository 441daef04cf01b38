"""Signatures under webhooks: whether a delivery comes from who it says, and when it was signed, as each vendor has it.

Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, base64 after `v1,` (its specification; its vector is tested).
Stripe: over `timestamp.body`, hexadecimal after `v1=`; the secret is used as it stands, `whsec_` and all. HubSpot: over
the method, its address for us, body and milliseconds, base64 (both vendors' Python clients, which tests ask). Shopify
and WooCommerce: over the body alone, base64, without a time (their pages on verifying deliveries). Header names are in
small letters.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from passerelle.connectors.errors import DefinitionError

WINDOW_SECONDS = 300
"""How old, or how far ahead, a signature's time may be."""

_ID = re.compile(r"[A-Za-z0-9_.-]{8,128}")
_DIGITS = re.compile(r"[0-9]{1,15}", re.ASCII)
_MOST_SIGNATURES = 5
_DECODED: Mapping[str, Callable[[str], bytes]] = {
    "base64": lambda text: base64.b64decode(text, validate=True),
    "hex": bytes.fromhex,
}


class Scheme(Protocol):
    """How one vendor signs."""

    @property
    def timed(self) -> bool:
        """Whether the time is signed, so that an old delivery is known by itself."""
        ...

    def sent(self, headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now: float) -> str | None:
        """What tells this delivery from others, if it was signed with one of `keys`, and lately: `now` in seconds.

        None where it was not.
        """
        ...


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """The headers webhook-id, webhook-timestamp and webhook-signature."""

    timed: bool = True

    def sent(self, headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now: float) -> str | None:
        """See `Scheme`: the id."""
        name, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        if _ID.fullmatch(name) is None or not _recent(stamp, now):
            return None
        message = f"{name}.{stamp}.".encode() + body
        given = headers.get("webhook-signature", "").split()[:_MOST_SIGNATURES]
        signatures = [each.removeprefix("v1,") for each in given if each.startswith("v1,")]
        return name if _fits(message, signatures, "base64", [_standard_key(key) for key in keys]) else None


@dataclass(frozen=True, slots=True)
class Stripe:
    """The header stripe-signature: `t=seconds,v1=…`, and a `v1` for each secret while one is rolled."""

    timed: bool = True

    def sent(self, headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now: float) -> str | None:
        """See `Scheme`: the body's digest, since an event that comes again is signed anew."""
        parts = [part.strip().partition("=") for part in headers.get("stripe-signature", "").split(",")]
        stamps = [value for name, _, value in parts if name == "t"]
        if len(stamps) != 1 or not _recent(stamps[0], now):
            return None
        signatures = [value for name, _, value in parts if name == "v1"][:_MOST_SIGNATURES]
        return _digest(body) if _fits(f"{stamps[0]}.".encode() + body, signatures, "hex", keys) else None


@dataclass(frozen=True, slots=True)
class OverBody:
    """One header with the HMAC-SHA256 of the body, after `prefix`."""

    header: str
    encoding: Literal["base64", "hex"] = "base64"
    prefix: str = ""
    timed: bool = False

    def sent(self, headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now: float) -> str | None:
        """See `Scheme`: the body's digest."""
        del now
        given = headers.get(self.header.lower(), "").strip()
        if not given.startswith(self.prefix):
            return None
        return _digest(body) if _fits(body, [given.removeprefix(self.prefix)], self.encoding, keys) else None


@dataclass(frozen=True, slots=True)
class HubSpot:
    """The headers x-hubspot-signature-v3 and x-hubspot-request-timestamp; `url` is what HubSpot was told to send to."""

    url: str
    timed: bool = True

    def sent(self, headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now: float) -> str | None:
        """See `Scheme`: the body's digest."""
        stamp = headers.get("x-hubspot-request-timestamp", "")
        if not _recent(stamp, now, unit=1000):
            return None
        message = f"POST{self.url}".encode() + body + stamp.encode()
        return _digest(body) if _fits(message, [headers.get("x-hubspot-signature-v3", "")], "base64", keys) else None


SHOPIFY = OverBody("x-shopify-hmac-sha256")
WOOCOMMERCE = OverBody("x-wc-webhook-signature")


def _recent(stamp: str, now: float, unit: int = 1) -> bool:
    """Whether a time in so many parts of a second is of now."""
    return _DIGITS.fullmatch(stamp) is not None and abs(now - int(stamp) / unit) <= WINDOW_SECONDS


def _fits(message: bytes, signatures: Sequence[str], encoding: str, keys: Sequence[bytes]) -> bool:
    """Whether one of the signatures is one key's; each is compared in constant time."""
    given = list(_read(signatures, encoding))
    return any(hmac.compare_digest(hmac.digest(key, message, "sha256"), each) for key in keys for each in given)


def _read(signatures: Sequence[str], encoding: str) -> Iterator[bytes]:
    for each in signatures:
        try:
            yield _DECODED[encoding](each)
        except (ValueError, binascii.Error):
            continue


def _standard_key(secret: bytes) -> bytes:
    """A secret that begins with `whsec_` stands for the bytes that follow it in base64."""
    if not secret.startswith(b"whsec_"):
        return secret
    try:
        return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
    except binascii.Error:
        raise DefinitionError("The signing key begins with whsec_ but is not base64 after it.") from None


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
