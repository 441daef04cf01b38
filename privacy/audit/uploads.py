"""`audit uploads` and `audit withdrawals`: what went to platforms, and how long it took until people were out."""

import json
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, and_, func, select

from passerelle.privacy.audit.consents import Line
from passerelle.privacy.audit.times import iso
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Action, ConsentState

_PERMITTING = [state.value for state in ConsentState if state.permits]
_HOUR = 3_600_000_000
WITHDRAWN = "consent_withdrawn"


def uploads(
    connection: Connection,
    *,
    destination: str | None = None,
    audience: str | None = None,
    since: int | None = None,
    until: int | None = None,
) -> list[Line]:
    """Every batch, oldest first: what it did, for which purpose, how it ended, and the platform's own names for it."""
    b, r = t.batch, t.remote_audience
    place = and_(r.c.destination == b.c.destination, r.c.audience == b.c.audience)
    found = select(b, r.c.platform, r.c.purpose).select_from(b.join(r, place, isouter=True))
    if destination is not None:
        found = found.where(b.c.destination == destination)
    if audience is not None:
        found = found.where(b.c.audience == audience)
    if since is not None:
        found = found.where(b.c.intended_at >= since)
    if until is not None:
        found = found.where(b.c.intended_at < until)
    rows = connection.execute(found.order_by(b.c.intended_at, b.c.batch_id)).mappings()
    plain = (
        "batch_id",
        "run_id",
        "destination",
        "platform",
        "audience",
        "purpose",
        "action",
        "state",
        "rows",
        "accepted",
        "rejected",
        "pending",
        "log_index",
    )
    return [
        {
            **{name: row[name] for name in plain},
            "intended_at": iso(row["intended_at"]),
            "settled_at": iso(row["settled_at"]),
            "receipt": json.loads(row["receipt"]) if row["receipt"] else {},
        }
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Latencies:
    """From when a no was heard to when the platform confirmed that the person is out, in hours."""

    confirmed: int
    median_hours: float | None
    p95_hours: float | None
    worst_hours: float | None
    late: int
    """Confirmed later than the limit."""
    open: int
    """Removals still owed because of a withdrawal."""
    overdue: int
    """Of these, owed for longer than the limit."""
    oldest_open_hours: float | None


def withdrawals(connection: Connection, *, limit_hours: int, now: int) -> Latencies:
    """How fast people who said no were taken out, against a limit."""
    b, m, r, e = t.batch.c, t.batch_member.c, t.remote_audience.c, t.consent_event.c
    heard = (
        select(b.settled_at, func.max(e.ingested_at))
        .join_from(t.batch, t.batch_member, b.batch_id == m.batch_id)
        .join(t.remote_audience, and_(r.destination == b.destination, r.audience == b.audience))
        .join(t.consent_event, and_(e.subject_id == m.subject_id, e.purpose == r.purpose))
        .where(
            b.action == Action.REMOVE.value,
            b.state == "settled",
            e.state.not_in(_PERMITTING),
            e.ingested_at <= b.intended_at,
        )
        .group_by(b.batch_id, m.subject_id, b.settled_at)
    )
    hours = np.array([(out - said) / _HOUR for out, said in connection.execute(heard)])
    owed = select(t.removal.c.queued_at).where(t.removal.c.cause == WITHDRAWN)
    waiting = np.array([(now - queued) / _HOUR for (queued,) in connection.execute(owed)])
    return Latencies(
        confirmed=len(hours),
        median_hours=_rounded(np.median(hours)) if len(hours) else None,
        p95_hours=_rounded(np.quantile(hours, 0.95)) if len(hours) else None,
        worst_hours=_rounded(hours.max()) if len(hours) else None,
        late=int((hours > limit_hours).sum()),
        open=len(waiting),
        overdue=int((waiting > limit_hours).sum()),
        oldest_open_hours=_rounded(waiting.max()) if len(waiting) else None,
    )


def _rounded(hours: "np.floating[np.typing.NBitBase]") -> float:
    return round(float(hours), 2)
