"""Google's safe replacement: add everybody anew, wait until that is processed, take out whoever was added before.

What is before and after is Google's clock's to say, and the instant is named by ours. So Google is asked first, by a
request that it only validates: the instant must not lie in its future, or people added from now on could count as
added before it; and an instant in our future must lie in its future, too, or people added shortly before could count as
added after it.
"""

from typing import TYPE_CHECKING

from passerelle.connectors.contract.destination import NotNow, Receipt, RemoteAudience, Replacement
from passerelle.connectors.destinations.google_api import DATA_MANAGER
from passerelle.connectors.destinations.google_errors import ClockAhead

if TYPE_CHECKING:
    from passerelle.connectors.destinations.google_requests import Requests
    from passerelle.connectors.destinations.google_wire import GoogleWire

MINUTE = 60 * 1_000_000
MARGIN = 10 * MINUTE
"""Our clock and Google's may differ by so much (µs)."""
PUSH = 60 * MINUTE
"""An addition reaches Google within this time (µs) after its intent was recorded, retries included."""
NOBODY = 0


def begin(
    wire: "GoogleWire", requests: "Requests", remote: RemoteAudience, total: int, now: int
) -> Replacement | NotNow:
    """Compare the clocks. Nothing is changed."""
    if total <= 0:
        raise ValueError("a replacement by nobody")
    as_of = now - MARGIN
    if _in_the_future(wire, requests, remote, as_of):
        return NotNow("The clock of this machine is more than ten minutes ahead of Google's.")
    # Where Google does not refuse an instant in our future, nothing is promised of whom it sweeps: they go by keys.
    agreed = _in_the_future(wire, requests, remote, now + MARGIN)
    clears = as_of - MARGIN - PUSH if agreed else NOBODY
    return Replacement(total, now, clears, {"as_of": as_of, "api_version": DATA_MANAGER})


def conclude(
    wire: "GoogleWire", requests: "Requests", remote: RemoteAudience, replacement: Replacement, leaving: int
) -> Receipt:
    """Take out everybody who was last added before the replacement began; pending, as any removal."""
    identity = wire.remove_all(requests.remove_all(remote, int(replacement.token["as_of"])))
    request: dict[str, str | int] = {"request_ids": identity, "sizes": str(leaving), "api_version": DATA_MANAGER}
    return Receipt("pending", 0, 0, leaving, {**request, "sent": leaving})


def _in_the_future(wire: "GoogleWire", requests: "Requests", remote: RemoteAudience, instant: int) -> bool:
    try:
        wire.remove_all(requests.remove_all(remote, instant, validate_only=True))
    except ClockAhead:
        return True
    return False
