"""Removals that are owed: who asked to go, or must."""

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, and_, select

from passerelle.privacy.ledger.words import ASKED, PRESENT, Place, at
from passerelle.privacy.store import Store, writing
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Purpose

_QUERY_WIDTH = 1_000


def owe(store: Store, connection: Connection, place: Place, ids: pa.Array, *, cause: str, now: int) -> None:
    """Queue removals of these people from one place; one that is queued already keeps its first cause and time."""
    count = len(ids)
    rows: dict[str, object] = {
        "destination": [place.destination] * count,
        "audience": [place.audience] * count,
        "subject_id": ids,
        "cause": [cause] * count,
        "queued_at": [now] * count,
        "tries": [0] * count,
    }
    store.insert(connection, t.removal, rows, on_conflict="ignore")


def owed(store: Store, connection: Connection, place: Place) -> pa.Table:
    """Removals owed at one place: `subject_id`, `cause`, `queued_at`, `refusal`."""
    columns = (t.removal.c.subject_id, t.removal.c.cause, t.removal.c.queued_at, t.removal.c.refusal)
    return store.table(connection, select(*columns).where(at(t.removal, place)))


def waive(store: Store, connection: Connection, place: Place, ids: pa.Array) -> None:
    """Owe the removal of these people from one place no more."""
    with store.among(connection, ids) as chosen:
        store.delete(connection, t.removal, at(t.removal, place), t.removal.c.subject_id.in_(select(chosen)))


def owe_everywhere(store: Store, connection: Connection, place: Place, ids: pa.Array, *, now: int) -> None:
    """Of these people, whose removal from `place` is owed, owe it everywhere to those who asked to go."""
    with store.among(connection, ids) as chosen:
        asked = and_(at(t.removal, place), t.removal.c.cause.in_(ASKED), t.removal.c.subject_id.in_(select(chosen)))
        found = store.table(connection, select(t.removal.c.subject_id, t.removal.c.cause).where(asked))
    for cause in found["cause"].unique().to_pylist():
        theirs = found.filter(pc.equal(found["cause"], cause))["subject_id"].combine_chunks()
        owe(store, connection, Place.everywhere(place.destination), theirs, cause=cause, now=now)


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
    m, r, queue = t.membership.c, t.remote_audience.c, t.removal.c
    same = and_(m.destination == queue.destination, m.audience == queue.audience, m.subject_id == queue.subject_id)
    present = (
        select(m.destination, m.audience, m.subject_id)
        .join(t.remote_audience, and_(m.destination == r.destination, m.audience == r.audience))
        .join(t.removal, same, isouter=True)
        .where(where, queue.subject_id.is_(None))
    )
    found = connection.execute(present).all()
    if not found:
        return 0
    destinations, audiences, ids = (list(column) for column in zip(*found, strict=True))
    count = len(found)
    rows: dict[str, list[object]] = {"destination": destinations, "audience": audiences, "subject_id": ids}
    rows |= {"cause": [cause] * count, "queued_at": [now] * count, "tries": [0] * count}
    writing.insert(connection, t.removal, rows)
    return count


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
