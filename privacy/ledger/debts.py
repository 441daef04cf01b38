"""Removals that are owed: who asked to go, or must."""

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, and_, literal, select
from sqlalchemy.dialects import postgresql, sqlite

from passerelle.privacy.ledger.words import PRESENT
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Purpose

_QUERY_WIDTH = 1_000


def queue_removals(
    connection: Connection, subject_ids: pa.Array, *, cause: str, now: int, purpose: Purpose | None = None
) -> int:
    """Queue the removal of these people from every audience they are in, or those used for `purpose` alone.

    Whoever these people were merged with is taken out too. Returns how many memberships are newly queued.
    """
    ids = _family(connection, subject_ids)
    queued = 0
    for start in range(0, len(ids), _QUERY_WIDTH):
        where = and_(
            t.membership.c.subject_id.in_(ids[start : start + _QUERY_WIDTH]), t.membership.c.state.in_(PRESENT)
        )
        if purpose is not None:
            where = and_(where, t.remote_audience.c.purpose == purpose.value)
        queued += _queue(connection, where, cause, now)
    return queued


def _queue(connection: Connection, where: ColumnElement[bool], cause: str, now: int) -> int:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    m, r = t.membership.c, t.remote_audience.c
    present = (
        select(m.destination, m.audience, m.subject_id, literal(cause), literal(now), literal(0))
        .join(t.remote_audience, and_(m.destination == r.destination, m.audience == r.audience))
        .where(where)
    )
    names = ["destination", "audience", "subject_id", "cause", "queued_at", "tries"]
    result = connection.execute(insert(t.removal).from_select(names, present).on_conflict_do_nothing())
    return max(result.rowcount, 0)


def _family(connection: Connection, subject_ids: pa.Array) -> list[int]:
    """These people and everybody who turned out to be one of them, before or after."""
    merged = select(t.subject.c.subject_id, t.subject.c.merged_into).where(t.subject.c.merged_into.is_not(None))
    kin: dict[int, set[int]] = {}
    for one, other in connection.execute(merged):
        kin.setdefault(one, set()).add(other)
        kin.setdefault(other, set()).add(one)
    found: set[int] = set()
    waiting = subject_ids.to_pylist()
    while waiting:
        subject_id = waiting.pop()
        if subject_id not in found:
            found.add(subject_id)
            waiting.extend(kin.get(subject_id, ()))
    return sorted(found)
