"""Rows of `membership`, and beside each of somebody who is or may be there what was sent of them."""

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, and_, func, select

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.ledger.words import PRESENT, Opening, Place, at
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.store.bulk import OnConflict

_m, _sent = t.membership.c, t.sent.c


def put(
    store: Store,
    connection: Connection,
    opening: Opening,
    ids: pa.Array,
    revisions: pa.Array,
    sealed: list[bytes],
    marks: pa.Array | None,
) -> None:
    """Count these people as members from now on, with what is about to be sent of them; all are aligned.

    `marks` are those of their values, where the audience has values.
    """
    place = opening.place
    rows = _rows(place, ids, "member", revisions, opening.batch_id, opening.now)
    keys = {name: rows[name] for name in ("destination", "audience", "subject_id")}
    if marks is not None:
        rows["value_mark"] = marks
    conflict: OnConflict = "replace" if _any_known(store, connection, place, ids) else "error"
    store.insert(connection, t.membership, rows, on_conflict=conflict)
    store.insert(connection, t.sent, {**keys, "match_keys": list(sealed)}, on_conflict=conflict)


def mark_unsendable(
    store: Store, connection: Connection, place: Place, ids: pa.Array, revisions: pa.Array, *, now: int
) -> None:
    """Remember that no key of these people, who are not there, can be sent at these revisions."""
    rows = _rows(place, ids, "unsendable", revisions, "", now)
    store.insert(connection, t.membership, rows, on_conflict="replace")


def sent(store: Store, connection: Connection, place: Place, ids: pa.Array) -> tuple[pa.Array, list[bytes]]:
    """Those of `ids` who are or may be there, and what was sent of each, sealed.

    Raises `IntegrityError` where that of somebody is gone.
    """
    with store.among(connection, ids) as chosen:
        there = and_(at(t.membership, place), _m.subject_id.in_(select(chosen)), _m.state.in_(PRESENT))
        theirs = and_(at(t.sent, place), _sent.subject_id.in_(select(_m.subject_id).where(there)))
        held = store.table(connection, select(_sent.subject_id, _sent.match_keys).where(theirs))
        count = connection.execute(select(func.count()).select_from(t.membership).where(there)).scalar_one()
    if held.num_rows != count:
        raise IntegrityError(
            f"What was sent of {count - held.num_rows} people in {place} is gone, and they could not be taken out.",
            advice="Someone changed the store by hand; `passerelle audit verify` says where.",
        )
    return held["subject_id"].combine_chunks(), held["match_keys"].to_pylist()


def remove(store: Store, connection: Connection, place: Place, *where: ColumnElement[bool]) -> None:
    """Take these rows of `membership` out, with what was sent of their people."""
    forget_sent(store, connection, place, *where)
    store.delete(connection, t.membership, at(t.membership, place), *where)


def forget_sent(store: Store, connection: Connection, place: Place, *where: ColumnElement[bool]) -> None:
    """Destroy what was sent of the people of these rows of `membership`."""
    theirs = select(_m.subject_id).where(at(t.membership, place), *where)
    store.delete(connection, t.sent, at(t.sent, place), _sent.subject_id.in_(theirs))


def _any_known(store: Store, connection: Connection, place: Place, ids: pa.Array) -> bool:
    ends = pc.min_max(ids).as_py()
    between = select(_m.subject_id).where(at(t.membership, place), _m.subject_id.between(ends["min"], ends["max"]))
    if connection.execute(between.limit(1)).first() is None:  # one look, where a first sync has nobody there
        return False
    with store.among(connection, ids) as chosen:
        theirs = select(_m.subject_id).where(at(t.membership, place), _m.subject_id.in_(select(chosen)))
        return connection.execute(theirs.limit(1)).first() is not None


def _rows(
    place: Place, ids: pa.Array, state: str, revisions: pa.Array, batch_id: str, now: int
) -> dict[str, pa.Array | list[object]]:
    count = len(ids)
    return {
        "destination": pa.repeat(place.destination, count),
        "audience": pa.repeat(place.audience, count),
        "subject_id": ids,
        "state": pa.repeat(state, count),
        "revision": revisions,
        "batch_id": pa.repeat(batch_id, count),
        "since": pa.repeat(pa.scalar(now, pa.int64()), count),
    }
