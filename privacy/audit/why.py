"""`audit why`: which event, under which text and which policy, justified or blocked one person in one audience."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, and_, select

from passerelle.privacy.audit.answer import Answer, Found, Line, found
from passerelle.privacy.audit.consents import event_line, family
from passerelle.privacy.audit.known import Known
from passerelle.privacy.audit.times import iso
from passerelle.privacy.consent import REASONS, Policy
from passerelle.privacy.consent.documents import kept
from passerelle.privacy.consent.notice import notice_digest
from passerelle.privacy.ledger import Place as LedgerPlace
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, Purpose


@dataclass(frozen=True, slots=True)
class Place:
    """An audience at a destination, and what it is for."""

    audience: str
    destination: str
    platform: Destination
    purpose: Purpose


def why(known: Known, subject_id: int, place: Place) -> Answer:
    """The gate's answer as it was known, what it rests on, and what was recorded and sent until then."""
    (row,) = known.decide(pa.array([subject_id], pa.int64()), place.purpose, place.platform).to_pylist()
    event = _event(known.connection, row["event_id"])
    ids = family(known.store, known.connection, subject_id)
    answer = {"allowed": row["allowed"], "reason": row["reason"], "meaning": REASONS.get(row["reason"], "")}
    sent = _last_upload(known, ids, place)
    there = subject_id in known.today(known.members(LedgerPlace(place.destination, place.audience)))
    return Answer(
        facts={
            "subject_ref": known.names([subject_id]).get(subject_id),
            "audience": place.audience,
            "destination": place.destination,
            "purpose": place.purpose.value,
            **answer,
            "there_now": bool(there),
        },
        tables={
            "event": [] if event is None else [event_line(event)],
            "notice": [] if event is None else _notice(known, event["notice"]),
            "policy": [_policy_line(known.connection, known.policy, known.log_size)],
            "recorded": _recorded(known, ids, place),
            "last_upload": sent,
        },
        findings=found(Found("is there and may not be", int(there and not row["allowed"]))),
        advice="Run `passerelle sync --removals-only`.",
    )


def _policy_line(connection: Connection, policy: Policy, size: int) -> Line:
    row = kept(connection, "policy", digest=policy.digest)
    return {
        "version": policy.version,
        "digest": policy.digest,
        "log_index": None if row is None else row["log_index"],
        "on_file_since": None if row is None else iso(row["recorded_at"]),
        "log_size": size,
    }


def _event(connection: Connection, event_id: int | None) -> dict[str, Any] | None:
    if event_id is None:
        return None
    row = connection.execute(select(t.consent_event).where(t.consent_event.c.event_id == event_id)).mappings().one()
    return dict(row)


def _notice(known: Known, reference: str | None) -> list[Line]:
    version = known.gate.notice_versions(known.connection).get(reference or "")
    if version is None or reference is None:
        return []
    row = kept(known.connection, "notice", name=reference)
    line = {
        "notice": reference,
        "digest": notice_digest(reference, version),
        "text": version.text,
        "language": version.language,
        "purposes": [purpose.value for purpose in version.purposes],
        "recipients": [recipient.value for recipient in version.recipients],
        "log_index": None if row is None else row["log_index"],
    }
    return [line]


def _recorded(known: Known, ids: list[int], place: Place) -> list[Line]:
    """The last decision that was kept here; nothing where it was made after then, since it took an earlier's place."""
    c = t.decision.c
    wanted = and_(c.subject_id.in_(ids), c.destination == place.destination, c.audience == place.audience)
    rows = select(t.decision).where(wanted, c.log_index < known.log_size).order_by(c.log_index.desc()).limit(1)
    return [
        {
            **{name: row[name] for name in ("reason", "event_id", "policy", "log_index", "position")},
            "allowed": bool(row["allowed"]),
            "decided_at": iso(row["decided_at"]),
        }
        for row in known.connection.execute(rows).mappings()
    ]


def _last_upload(known: Known, ids: list[int], place: Place) -> list[Line]:
    """The last batch here until then that the person was in."""
    b, m = t.batch.c, t.batch_member.c
    wanted = and_(m.subject_id.in_(ids), b.destination == place.destination, b.audience == place.audience)
    joined = select(t.batch, m.rejected.label("why_rejected")).join(t.batch_member, m.batch_id == b.batch_id)
    rows = joined.where(wanted, b.log_index < known.log_size).order_by(b.log_index.desc()).limit(1)
    plain = ("batch_id", "run_id", "action", "state", "log_index")
    return [
        {
            **{name: row[name] for name in plain},
            "rejected": row["why_rejected"],
            "intended_at": iso(row["intended_at"]),
            "settled_at": iso(row["settled_at"]),
        }
        for row in known.connection.execute(rows).mappings()
    ]
