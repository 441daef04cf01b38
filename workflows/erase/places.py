"""Where people who are to be erased still are, and what is waited for there."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select

from passerelle.privacy.ledger import PRESENT, Place
from passerelle.privacy.store import tables as t

_FEW = 500

OWED, PENDING, UNANSWERED, REFUSED = "owed", "pending", "unanswered", "refused"
"""To be asked for; the platform is at work on it; it never answered; it refused the last time."""


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody is still, or may still be, in one audience."""

    subject_id: int
    place: Place
    word: str
    refusal: str | None
    tries: int
    owed_since: int


def stays(connection: Connection, subject_ids: Sequence[int]) -> list[Stay]:
    """Every place where one of these people is, may be, or is owed a removal from."""
    found: list[Stay] = []
    for start in range(0, len(subject_ids), _FEW):
        few = list(subject_ids[start : start + _FEW])
        found += _there(connection, few) + _only_owed(connection, few)
    return found


def _there(connection: Connection, ids: list[int]) -> list[Stay]:
    m, r, b = t.membership.c, t.removal.c, t.batch.c
    owed = and_(m.destination == r.destination, m.audience == r.audience, m.subject_id == r.subject_id)
    statement = (
        select(m.subject_id, m.destination, m.audience, m.state, m.since, b.state.label("batch"))
        .add_columns(r.refusal, r.tries, r.queued_at)
        .join_from(t.membership, t.batch, m.batch_id == b.batch_id, isouter=True)
        .join(t.removal, owed, isouter=True)
        .where(m.subject_id.in_(ids), m.state.in_(PRESENT))
        .order_by(m.destination, m.audience, m.subject_id)
    )
    return [
        Stay(
            row.subject_id,
            Place(row.destination, row.audience),
            _word(row.state, row.batch, row.refusal),
            row.refusal,
            row.tries or 0,
            row.since if row.queued_at is None else row.queued_at,
        )
        for row in connection.execute(statement)
    ]


def _word(state: str, batch: str | None, refusal: str | None) -> str:
    if state == "removing" and batch == "accepted":
        return PENDING
    if refusal is not None:
        return REFUSED
    return UNANSWERED if state == "removing" else OWED


def _only_owed(connection: Connection, ids: list[int]) -> list[Stay]:
    m, r = t.membership.c, t.removal.c
    there = and_(m.destination == r.destination, m.audience == r.audience, m.subject_id == r.subject_id)
    statement = (
        select(r.subject_id, r.destination, r.audience, r.refusal, r.tries, r.queued_at)
        .join_from(t.removal, t.membership, and_(there, m.state.in_(PRESENT)), isouter=True)
        .where(r.subject_id.in_(ids), m.subject_id.is_(None))
    )
    return [
        Stay(row.subject_id, Place(row.destination, row.audience), OWED, row.refusal, row.tries, row.queued_at)
        for row in connection.execute(statement)
    ]
