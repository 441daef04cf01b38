"""Where calls go when not to the platform itself: a twin on this machine, in the clear, or another host over TLS."""

from urllib.parse import urlsplit

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def is_loopback(address: str) -> bool:
    """Whether an address, with or without a scheme, is on this machine."""
    return urlsplit(address if "://" in address else f"//{address}").hostname in LOOPBACK


def checked(address: str) -> str:
    """The address, if nothing could be read on its way. Raises `ValueError` otherwise, for pydantic."""
    if address.startswith("https://") or is_loopback(address):
        return address
    raise ValueError("must start with https://, or be on this machine (127.0.0.1)")


def target(address: str) -> str:
    """`host:port` for gRPC."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    return parts.netloc
