"""`audit person`: everything that is held, was decided and was sent of one person, with recipients and dates."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Select, and_, case, or_, select

from passerelle.privacy.audit.answer import Answer, Found, Line, found
from passerelle.privacy.audit.consents import event_line, family
from passerelle.privacy.audit.known import Known
from passerelle.privacy.audit.times import iso
from passerelle.privacy.consent import REASONS
from passerelle.privacy.store import tables as t
from passerelle.privacy.subjects import Subjects
from passerelle.privacy.vocabulary import Action

_DECISION = ("destination", "audience", "allowed", "reason", "event_id", "policy", "log_index", "decided_at")
_SENT = ("batch_id", "destination", "platform", "audience", "purpose", "action", "state", "rejected", "log_index")
_SENT_TIMES = ("intended_at", "settled_at")
_MEMBERSHIP = ("destination", "audience", "state", "since")
_OWED = ("destination", "audience", "cause", "queued_at", "refusal", "tries")
_HELD_OUT = ("audience", "since")
_ERASURE = ("erasure_id", "cause", "state", "requested_at", "done_at", "evidence_until", "log_index")
_LINK = ("score", "source", "found_at", "let_go_at")
_TIMES = frozenset(
    {"decided_at", "intended_at", "settled_at", "since", "queued_at", "requested_at", "done_at", "evidence_until"}
    | {"found_at", "let_go_at"}
)


def dossier(known: Known, subjects: Subjects, subject_id: int) -> Answer:
    """Everything about the person and whoever was merged into them, as it was known. Reads only.

    No line holds an identifier, a match key or an internal number.
    """
    ids = family(known.store, known.connection, subject_id)
    row = dict(known.connection.execute(select(t.subject).where(t.subject.c.subject_id == subject_id)).mappings().one())
    events, decisions = _events(known, ids), _decisions(known, ids)
    erased = row["erased_at"] is not None
    standing = [] if erased else _standing(known, subject_id)
    return Answer(
        facts={
            "subject_ref": row["subject_ref"],
            "country": row["country"],
            "known_since": iso(row["created_at"]),
            "erased_at": iso(row["erased_at"]),
            "suppressed_at": iso(row["suppressed_at"]),
            "merged": len(ids) - 1,
            "decisions_replaced_since": decisions.pop("replaced"),
        },
        tables={
            "identifiers": [] if erased else _held(known, subjects, subject_id),
            "events": events,
            "stops": [line for line in events if line["stop"]],
            "standing": standing,
            **decisions,
            **_tables(known, ids),
        },
        findings=found(Found("audiences have this person, who may not be there", _wrong(known, subject_id, standing))),
        advice="Run `passerelle sync --removals-only`.",
    )


def _tables(known: Known, ids: list[int]) -> dict[str, list[Line]]:
    e, link, h = t.erasure.c, t.probable_link.c, t.holdout.c
    tied = and_(or_(link.subject_id.in_(ids), link.other_id.in_(ids)), link.found_at <= known.at)
    now = not known.past
    r = t.removal.c
    return {
        "sent": _sent(known, ids),
        "memberships": _memberships(known, ids),
        "owed": _lines(known, select(t.removal).where(r.subject_id.in_(ids), r.queued_at <= known.at), _OWED)
        if now
        else [],
        "held_out": _lines(known, select(t.holdout).where(h.subject_id.in_(ids), h.since <= known.at), _HELD_OUT),
        "erasures": _lines(
            known, select(t.erasure).where(e.subject_id.in_(ids), e.log_index < known.log_size), _ERASURE
        ),
        "probably_also": _lines(known, select(t.probable_link).where(tied), _LINK),
    }


def _events(known: Known, ids: list[int]) -> list[Line]:
    c = t.consent_event.c
    wanted = select(t.consent_event).where(c.subject_id.in_(ids), c.log_index < known.log_size).order_by(c.event_id)
    return [event_line(dict(row)) for row in known.connection.execute(wanted).mappings()]


def _decisions(known: Known, ids: list[int]) -> dict[str, Any]:
    """The last decision per audience and destination is all that is kept; those of after then are only counted."""
    c = t.decision.c
    lines = _lines(known, select(t.decision).where(c.subject_id.in_(ids)), _DECISION)
    for line in lines:
        line["allowed"] = bool(line["allowed"])
    then = [line for line in lines if line["log_index"] < known.log_size]
    return {"decisions": then, "replaced": len(lines) - len(then)}


def _sent(known: Known, ids: list[int]) -> list[Line]:
    b, m, r = t.batch, t.batch_member, t.remote_audience
    place = and_(r.c.destination == b.c.destination, r.c.audience == b.c.audience)
    joined = m.join(b, m.c.batch_id == b.c.batch_id).join(r, place, isouter=True)
    wanted = [b.c[name] for name in (*_SENT, *_SENT_TIMES) if name in b.c and name != "rejected"]
    statement = (
        select(*wanted, m.c.rejected, r.c.platform, r.c.purpose)
        .select_from(joined)
        .where(m.c.subject_id.in_(ids), b.c.log_index < known.log_size)
        .order_by(b.c.log_index)
    )
    lines = _lines(known, statement, (*_SENT, *_SENT_TIMES))
    for line in lines if known.past else ():
        if line["settled_at"] is not None and line["settled_at"] > (iso(known.at) or ""):
            line |= {"state": "accepted", "rejected": None, "settled_at": None}
    return lines


def _memberships(known: Known, ids: list[int]) -> list[Line]:
    """Where they are by our receipts; as of then, by the batches of then."""
    m = t.membership.c
    if not known.past:
        b = t.batch.c
        unsettled = and_(m.state == "member", b.state != "settled", b.action == Action.ADD.value)
        state = case((unsettled, "adding"), else_=m.state).label("state")
        statement = select(m.destination, m.audience, state, m.since).where(m.subject_id.in_(ids))
        statement = statement.join_from(t.membership, t.batch, m.batch_id == b.batch_id, isouter=True)
        return _lines(known, statement, _MEMBERSHIP)
    wanted = pa.array(ids, pa.int64())
    return [
        {"destination": target.place.destination, "audience": target.place.audience, "state": "member", "since": None}
        for target in known.targets()
        if pc.any(pc.is_in(known.members(target.place), wanted)).as_py()
    ]


def _standing(known: Known, subject_id: int) -> list[Line]:
    """What the gate says for every purpose and platform that the policy speaks of."""
    lines = []
    for purpose, platform in known.purposes():
        (row,) = known.decide(pa.array([subject_id], pa.int64()), purpose, platform).to_pylist()
        about = {"purpose": purpose.value, "destination": platform.value}
        answer = {name: row[name] for name in ("allowed", "reason", "event_id")}
        lines.append({**about, **answer, "meaning": REASONS.get(row["reason"], "")})
    return lines


def _wrong(known: Known, subject_id: int, standing: Sequence[Line]) -> int:
    """In how many audiences the person is without a right to be."""
    allowed = {(line["purpose"], line["destination"]) for line in standing if line["allowed"]}
    return sum(
        (target.purpose.value, target.platform.value) not in allowed and subject_id in known.present(target)
        for target in known.targets()
    )


def _lines(known: Known, statement: Select[Any], names: tuple[str, ...]) -> list[Line]:
    return [
        {name: iso(row[name]) if name in _TIMES else row[name] for name in names}
        for row in known.connection.execute(statement).mappings()
    ]


def _held(known: Known, subjects: Subjects, subject_id: int) -> list[Line]:
    table = subjects.identifiers(known.connection, pa.array([subject_id], pa.int64())).reveal()
    counts = {}
    for name in table.column_names:
        if pa.types.is_list(table[name].type):
            counts[name] = int(pc.fill_null(pc.list_value_length(table[name]), 0)[0].as_py())
    return [{"field": name, "values": count} for name, count in counts.items() if count]
