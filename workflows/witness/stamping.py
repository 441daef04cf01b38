"""Asking an authority for an RFC 3161 time stamp, over HTTP."""

from typing import TYPE_CHECKING

from passerelle.connectors.http import Endpoint, Patience, Session
from passerelle.privacy.errors import DefinitionError, Refused
from passerelle.privacy.log import stamp

if TYPE_CHECKING:
    from passerelle.workflows.settings.project import Timestamps

_QUERY = "application/timestamp-query"
_REPLY = "application/timestamp-reply"
_MOST = 1 << 20


def stamped(settings: "Timestamps", note: str, roots: bytes) -> bytes:
    """The authority's response about a checkpoint's note, checked. Raises `TryLater` or `Refused` where there is none.

    Only a SHA-256 of the note leaves the house.
    """
    asked, nonce = stamp.request(note)
    endpoint = Endpoint(settings.url, allow_private=settings.allow_private, timeout=30.0)
    headers = {"content-type": _QUERY, "accept": _REPLY}
    with Session(endpoint, headers=headers, patience=Patience(attempts=3)) as session:
        reply = session.request("POST", settings.url, data=asked)
    if len(reply.body) > _MOST or reply.headers.get("content-type", "").partition(";")[0] != _REPLY:
        raise Refused("The time stamping authority answers with something else than a time stamp.")
    stamp.read(reply.body, note, roots, nonce=nonce)
    return reply.body


def asked_for(settings: "Timestamps | None") -> "Timestamps":
    """The settings. Raises `DefinitionError` where there are none."""
    if settings is None:
        raise DefinitionError(
            "passerelle.yaml names no time stamping authority.", advice="Set `timestamps: {url: …, roots_file: …}`."
        )
    return settings
