"""`audit why`: which event, under which text and which policy, justified or blocked one person in one audience."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, and_, select

from passerelle.privacy.audit.consents import Line, event_line, family
from passerelle.privacy.audit.times import iso
from passerelle.privacy.consent import REASONS, Gate, Policy
from passerelle.privacy.consent.documents import kept
from passerelle.privacy.consent.notice import notice_digest
from passerelle.privacy.log import Log
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, Purpose


@dataclass(frozen=True, slots=True)
class Place:
    """An audience at a destination, and what it is for."""

    audience: str
    destination: str
    platform: Destination
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Why:
    """`answer` as of the moment asked about, what it rests on, and what was recorded and sent then."""

    answer: Line
    event: Line | None
    notice: Line | None
    policy: Line
    recorded: Line | None
    last_upload: Line | None


def why(
    store: Store, log: Log, gate: Gate, connection: Connection, subject_id: int, place: Place, *, at: int, past: bool
) -> Why:
    """The answer at `at`. With `past`, by what was known at `at`: events heard and the policy on file by then."""
    policy = _policy_then(connection, gate.policy, at) if past else gate.policy
    judge = gate.under(policy)
    ids = pa.array([subject_id], pa.int64())
    found = judge.decide(
        connection,
        ids,
        purpose=place.purpose,
        destination=place.platform,
        at=at,
        heard_until=at if past else None,
    )
    (row,) = found.to_pylist()
    event = _event(connection, row["event_id"])
    return Why(
        answer={"allowed": row["allowed"], "reason": row["reason"], "meaning": REASONS[row["reason"]], "at": iso(at)},
        event=None if event is None else event_line(event),
        notice=None if event is None else _notice(connection, judge, event["notice"]),
        policy=_policy_line(connection, policy, log.size(connection)),
        recorded=_recorded(connection, family(store, connection, subject_id), place),
        last_upload=_last_upload(connection, family(store, connection, subject_id), place, at),
    )


def _policy_then(connection: Connection, today: Policy, at: int) -> Policy:
    c = t.document.c
    found = select(c.body).where(c.kind == "policy", c.recorded_at <= at).order_by(c.log_index.desc()).limit(1)
    body = connection.execute(found).scalar()
    return today if body is None else Policy.model_validate_json(body)


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


def _notice(connection: Connection, gate: Gate, reference: str | None) -> Line | None:
    version = gate.notice_versions(connection).get(reference or "")
    if version is None or reference is None:
        return None
    row = kept(connection, "notice", name=reference)
    return {
        "notice": reference,
        "digest": notice_digest(reference, version),
        "text": version.text,
        "language": version.language,
        "purposes": [purpose.value for purpose in version.purposes],
        "recipients": [recipient.value for recipient in version.recipients],
        "log_index": None if row is None else row["log_index"],
    }


def _recorded(connection: Connection, ids: list[int], place: Place) -> Line | None:
    """The last decision that was kept here."""
    c = t.decision.c
    wanted = and_(c.subject_id.in_(ids), c.destination == place.destination, c.audience == place.audience)
    row = connection.execute(select(t.decision).where(wanted).order_by(c.log_index.desc())).mappings().first()
    if row is None:
        return None
    return {
        **{name: row[name] for name in ("reason", "event_id", "policy", "log_index", "position")},
        "allowed": bool(row["allowed"]),
        "decided_at": iso(row["decided_at"]),
    }


def _last_upload(connection: Connection, ids: list[int], place: Place, at: int) -> Line | None:
    """The last batch here, up to `at`, that the person was in."""
    b, m = t.batch.c, t.batch_member.c
    wanted = and_(
        m.subject_id.in_(ids), b.destination == place.destination, b.audience == place.audience, b.intended_at <= at
    )
    joined = select(t.batch, m.rejected.label("why_rejected")).join(t.batch_member, m.batch_id == b.batch_id)
    row = connection.execute(joined.where(wanted).order_by(b.intended_at.desc())).mappings().first()
    if row is None:
        return None
    plain = ("batch_id", "run_id", "action", "state", "log_index")
    return {
        **{name: row[name] for name in plain},
        "rejected": row["why_rejected"],
        "intended_at": iso(row["intended_at"]),
        "settled_at": iso(row["settled_at"]),
    }
