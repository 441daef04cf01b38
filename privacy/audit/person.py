"""`audit person`: everything that is held, was decided and was sent of one person, with recipients and dates."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Select, and_, select

from passerelle.privacy.audit.consents import Line, events_of, family
from passerelle.privacy.audit.times import iso
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.subjects import Subjects


@dataclass(frozen=True, slots=True)
class Dossier:
    """What there is of one person. No line holds an identifier, a match key or an internal id."""

    subject: Line
    identifiers: dict[str, int]
    """How many values of each field are in the vault."""
    events: list[Line]
    decisions: list[Line]
    sent: list[Line]
    memberships: list[Line]
    owed: list[Line]
    held_out: list[Line]


def dossier(store: Store, subjects: Subjects, connection: Connection, subject_id: int) -> Dossier:
    """Everything about the person and whoever was merged into them. Reads only."""
    ids = family(store, connection, subject_id)
    row = connection.execute(select(t.subject).where(t.subject.c.subject_id == subject_id)).mappings().one()
    erased = row["erased_at"] is not None
    return Dossier(
        subject={
            "subject_ref": row["subject_ref"],
            "country": row["country"],
            "known_since": iso(row["created_at"]),
            "erased_at": iso(row["erased_at"]),
            "merged": len(ids) - 1,
        },
        identifiers={} if erased else _held(subjects, connection, subject_id),
        events=events_of(store, connection, subject_id),
        decisions=_lines(connection, select(t.decision).where(t.decision.c.subject_id.in_(ids)), _DECISION),
        sent=_lines(connection, _sent(ids), _SENT),
        memberships=_lines(connection, select(t.membership).where(t.membership.c.subject_id.in_(ids)), _MEMBERSHIP),
        owed=_lines(connection, select(t.removal).where(t.removal.c.subject_id.in_(ids)), _OWED),
        held_out=_lines(connection, select(t.holdout).where(t.holdout.c.subject_id.in_(ids)), _HELD_OUT),
    )


_DECISION = ("destination", "audience", "allowed", "reason", "event_id", "policy", "log_index", "decided_at")
_SENT = (
    "batch_id",
    "destination",
    "platform",
    "audience",
    "purpose",
    "action",
    "state",
    "rejected",
    "log_index",
    "intended_at",
    "settled_at",
)
_MEMBERSHIP = ("destination", "audience", "state", "since")
_OWED = ("destination", "audience", "cause", "queued_at", "refusal", "tries")
_HELD_OUT = ("audience", "since")
_TIMES = frozenset({"decided_at", "intended_at", "settled_at", "since", "queued_at"})


def _sent(ids: list[int]) -> Select[Any]:
    b, m, r = t.batch, t.batch_member, t.remote_audience
    place = and_(r.c.destination == b.c.destination, r.c.audience == b.c.audience)
    joined = m.join(b, m.c.batch_id == b.c.batch_id).join(r, place, isouter=True)
    wanted = [b.c[name] for name in _SENT if name in b.c and name != "rejected"]
    return (
        select(*wanted, m.c.rejected, r.c.platform, r.c.purpose)
        .select_from(joined)
        .where(m.c.subject_id.in_(ids))
        .order_by(b.c.intended_at, b.c.batch_id)
    )


def _lines(connection: Connection, statement: Select[Any], names: tuple[str, ...]) -> list[Line]:
    found = []
    for row in connection.execute(statement).mappings():
        line = {name: iso(row[name]) if name in _TIMES else row[name] for name in names}
        if "allowed" in line:
            line["allowed"] = bool(line["allowed"])
        found.append(line)
    return found


def _held(subjects: Subjects, connection: Connection, subject_id: int) -> dict[str, int]:
    table = subjects.identifiers(connection, pa.array([subject_id], pa.int64())).reveal()
    counts = {}
    for name in table.column_names:
        if pa.types.is_list(table[name].type):
            counts[name] = int(pc.fill_null(pc.list_value_length(table[name]), 0)[0].as_py())
    return {name: count for name, count in counts.items() if count}
