"""RFC 3161 time stamps over a checkpoint: an authority's word that the log was so at that time.

Needs the extra `timestamps`. What is stamped is the checkpoint's note as this log signed it, without witnesses' lines.
Nothing here talks to the authority: a request is made, a response is read.
"""

from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec

from passerelle.privacy.errors import DefinitionError, IntegrityError

AVAILABLE = find_spec("rfc3161_client") is not None
"""Whether the extra is installed."""

_ADVICE = "pip install 'passerelle[timestamps]'"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a response says: when (microseconds UTC), and under which of the authority's policies."""

    at: int
    policy: str


def request(note: str) -> tuple[bytes, int]:
    """The DER of a request for a stamp over `note`, and the nonce that its response must repeat."""
    _available()
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    # SHA-512 is the package's default, and not every authority takes it.
    builder = TimestampRequestBuilder().data(note.encode()).hash_algorithm(HashAlgorithm.SHA256)
    made = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    if made.nonce is None:
        raise IntegrityError("A time stamp was asked for without a nonce.")
    return made.as_bytes(), made.nonce


def read(response: bytes, note: str, roots: bytes, *, nonce: int | None = None) -> Stamp:
    """What a response says of `note`, its signature led back to one of `roots` (PEM).

    Raises `IntegrityError` where it is no stamp of that note, or not by an authority under these roots.
    """
    _available()
    from cryptography.x509 import load_pem_x509_certificates
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    builder = VerifierBuilder() if nonce is None else VerifierBuilder().nonce(nonce)
    try:
        for certificate in load_pem_x509_certificates(roots):
            builder = builder.add_root_certificate(certificate)
        verifier = builder.build()
    except ValueError:
        raise DefinitionError("The file of the authority's root certificates holds none, or one twice.") from None
    try:
        stamped = decode_timestamp_response(response)
        verifier.verify_message(stamped, note.encode())
    except (ValueError, VerificationError):
        raise IntegrityError(
            "This is no time stamp of the checkpoint by that authority.",
            advice="Compare its root certificate with the file that passerelle.yaml names.",
        ) from None
    return Stamp(_microseconds(stamped.tst_info.gen_time), stamped.tst_info.policy.dotted_string)


def _available() -> None:
    if not AVAILABLE:
        raise DefinitionError("Time stamps need a package that is not installed.", advice=_ADVICE)


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000
