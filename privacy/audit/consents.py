"""A person's consent as it stands in the log, and what follows from it today."""

from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select

from passerelle.privacy.audit.times import iso
from passerelle.privacy.consent import Gate
from passerelle.privacy.consent.kin import kin, with_kin
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, Purpose

Line = dict[str, Any]


def family(store: Store, connection: Connection, subject_id: int) -> list[int]:
    """The person and everybody who was merged into them."""
    ids = with_kin(pa.array([subject_id], pa.int64()).to_numpy(), kin(store, connection))
    return [int(one) for one in ids]


def events_of(store: Store, connection: Connection, subject_id: int) -> list[Line]:
    """Every consent event of the person, in the order in which it was heard."""
    c = t.consent_event.c
    found = select(t.consent_event).where(c.subject_id.in_(family(store, connection, subject_id))).order_by(c.event_id)
    return [event_line(dict(row)) for row in connection.execute(found).mappings()]


def event_line(row: Line) -> Line:
    """A row of `consent_event` for people: times in ISO, no internal ids, no raw signal."""
    plain = ("event_id", "purpose", "state", "precision", "notice", "recipients", "grade", "stream", "method", "actor")
    how = ("channel", "stop", "expression", "identified_by", "adapter")
    return {
        **{name: row[name] for name in (*plain, *how, "log_index")},
        "at": iso(row["event_time"]),
        "heard_at": iso(row["ingested_at"]),
        "valid_until": iso(row["valid_until"]),
    }


def standing(gate: Gate, connection: Connection, subject_id: int, *, at: int) -> list[Line]:
    """The gate's answer today for every purpose and destination that the policy speaks of."""
    asked = {(rule.purpose, destination) for rule in gate.policy.rules for destination in rule.destinations}
    return [_stands(gate, connection, subject_id, purpose, platform, at) for purpose, platform in sorted(asked)]


def _stands(
    gate: Gate, connection: Connection, subject_id: int, purpose: Purpose, platform: Destination, at: int
) -> Line:
    ids = pa.array([subject_id], pa.int64())
    (row,) = gate.decide(connection, ids, purpose=purpose, destination=platform, at=at).to_pylist()
    answer = {name: row[name] for name in ("allowed", "reason", "event_id")}
    return {"purpose": purpose.value, "destination": platform.value, **answer}
