"""Meta's `usersreplace`: one upload session takes the place of all members, once its last batch is processed.

It doesn't reset the learning phase of ad sets, as additions and removals do. Its first batch is the trigger and is sent
once; the others may be repeated. All have the same schema. Meta closes the session after 90 minutes.

https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from passerelle.connectors.contract.destination import NotNow, Part, Receipt, RemoteAudience, Replacement
from passerelle.connectors.destinations import meta_rows
from passerelle.connectors.destinations.meta_errors import SessionOver
from passerelle.connectors.destinations.meta_status import (
    EMPTY,
    NORMAL,
    OPERATIONS,
    REPLACE_FAILED,
    REPLACING,
    operation,
    session_ended,
)
from passerelle.connectors.errors import ReplacementOver
from passerelle.privacy.personal import Personal

if TYPE_CHECKING:
    from passerelle.connectors.destinations.meta_wire import MetaWire

TOO_MANY = 100_000_000
FIELDS = "id,subtype,operation_status,approximate_count_lower_bound"
FAILED = "replace_failed"
REPLACES = "replaces"
"""In a receipt's request: it is about a replacement."""


def begin(
    wire: "MetaWire", remote: RemoteAudience, total: int, token: Mapping[str, str | int], now: int
) -> Replacement | NotNow:
    """Look whether Meta would take a replacement now. Nothing is sent. `token` has the session and the version."""
    if total <= 0:
        raise ValueError("a replacement by nobody")
    audience = wire.get((remote.remote_id,), fields=FIELDS)
    status = operation(audience)
    if status != NORMAL:
        return NotNow(f"Meta's audience is not in its normal state (status {status}). {OPERATIONS.get(status, '')}")
    if audience.get("subtype", "CUSTOM") != "CUSTOM":
        return NotNow("Meta replaces only audiences made of customer lists.")
    size = audience.get("approximate_count_lower_bound")
    if max(total, size if isinstance(size, int) else 0) >= TOO_MANY:
        return NotNow("Meta replaces only audiences of less than 100 million people.")
    # Whoever is not in the session is out, however lately they were added.
    return Replacement(total, now, now, token)


def is_empty(wire: "MetaWire", remote: RemoteAudience) -> bool:
    """Whether nothing was ever uploaded to an audience, as Meta says."""
    return operation(wire.get((remote.remote_id,), fields=FIELDS)) == EMPTY


def send(
    wire: "MetaWire", remote: RemoteAudience, rows: Personal, part: Part, *, before: Callable[[], None]
) -> dict[str, Any]:
    """Send one part, each time after `before`; Meta's answer.

    Raises `ReplacementOver` where its session takes nothing more.
    """
    session = {
        "session_id": part.replacement.token["session_id"],
        "batch_seq": part.number,
        "last_batch_flag": part.last,
        "estimated_num_total": part.replacement.total,
    }
    payload = meta_rows.payload(rows, remote.columns)
    over = None
    try:
        return wire.replace((remote.remote_id, "usersreplace"), payload, session, before=before, once=part.number == 1)
    except SessionOver as problem:
        over = ReplacementOver(problem.message, advice="What Meta took stands; the rest is sent as additions.")
    raise over


def conclusion(replacement: Replacement, leaving: int) -> Receipt:
    """The last part has concluded it: what remains is to ask how it ended."""
    return Receipt("pending", 0, 0, leaving, {**replacement.token, "sent": leaving, "rejected": 0})


def settle(wire: "MetaWire", remote: RemoteAudience, receipt: Receipt) -> Receipt:
    """A part's receipt or the conclusion's, once more, after asking how the audience and its session stand."""
    sent, rejected = int(receipt.request["sent"]), int(receipt.request["rejected"])
    status = operation(wire.get((remote.remote_id,), fields=FIELDS))
    if status == REPLACE_FAILED:
        return Receipt("settled", 0, sent, 0, receipt.request, {FAILED: max(sent, 1)})
    early = {"invalid_entry": rejected} if rejected else {}
    session = str(receipt.request["session_id"])
    held = wire.get((remote.remote_id, "sessions"), session_id=session).get("data", [])
    mine = next((one for one in held if str(one.get("session_id")) == session), None)
    if status == REPLACING or (mine is not None and not session_ended(mine)):
        return Receipt("pending", 0, rejected, sent - rejected, receipt.request, early)
    return Receipt("settled", sent - rejected, rejected, 0, receipt.request, early)
