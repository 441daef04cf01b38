"""Rows that a platform rejected: not sent again as they are, and never forgotten.

Somebody rejected by name is not tried again until their identifiers or their consent change. Where a platform rejects
a whole batch and names nobody, the reason may be its own: its people are sent in `TRIES` such batches.
"""

from collections.abc import Callable

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, ScalarSelect, Select, and_, exists, func, select

from passerelle.privacy.ledger import memberships
from passerelle.privacy.ledger.words import Place, at
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import NOT_SENT, Action

TRIES = 3
"""Batches in which people are sent that the platform rejects whole without naming anybody."""

_NO_REQUEST = '{"request": {},%'
"""How the receipt of a refused request begins: the platform gave it no name, and blamed no row."""

_m, _b, _member, _event = t.membership.c, t.batch.c, t.batch_member.c, t.consent_event.c


def named(batch_id: str) -> Select[tuple[int]]:
    """Who of a batch was rejected by name."""
    blamed = (_member.rejected.is_not(None), _member.rejected != NOT_SENT)
    return select(_member.subject_id).where(_member.batch_id == batch_id, *blamed)


def untried(batch_id: str) -> Select[tuple[int]]:
    """Who of a batch was not sent, for no fault of theirs."""
    return select(_member.subject_id).where(_member.batch_id == batch_id, _member.rejected == NOT_SENT)


def often(place: Place) -> Select[tuple[int]]:
    """Whose batches were rejected whole as often as they are tried, counting the one whose receipt just came."""
    return (
        select(_member.subject_id)
        .join_from(t.batch_member, t.batch, _member.batch_id == _b.batch_id)
        .where(at(t.batch, place), _b.state == "settled", _b.action == Action.ADD.value)
        .where(_b.accepted == 0, _b.rejected > 0, _b.receipt.not_like(_NO_REQUEST))
        .group_by(_member.subject_id)
        .having(func.count() >= TRIES - 1)  # this one is not settled yet
    )


def unanswered(place: Place) -> ScalarSelect[str]:
    """The last addition of a row of `membership` that was never answered, nor undone by a confirmed removal."""
    theirs = (
        select(func.max(_b.batch_id))
        .join_from(t.batch, t.batch_member, _b.batch_id == _member.batch_id)
        .where(at(t.batch, place), _member.subject_id == _m.subject_id)
        .correlate(t.membership)
    )
    gone = theirs.where(_b.action == Action.REMOVE.value, _b.state == "settled", _b.rejected == 0).scalar_subquery()
    sent = theirs.where(_b.action == Action.ADD.value, _b.state == "superseded")
    return sent.where(_b.batch_id > func.coalesce(gone, "")).scalar_subquery()


def confirmed(place: Place, batch_id: str) -> ScalarSelect[str]:
    """The last other addition of a row of `membership` that the platform took and nothing undid.

    Whoever is there is sent again where their value changed: a refusal of that takes nobody out.
    """
    theirs = (
        select(func.max(_b.batch_id))
        .join_from(t.batch, t.batch_member, _b.batch_id == _member.batch_id)
        .where(at(t.batch, place), _member.subject_id == _m.subject_id)
        .correlate(t.membership)
    )
    gone = theirs.where(_b.action == Action.REMOVE.value, _b.state != "superseded").scalar_subquery()
    replaced = select(func.max(_b.batch_id)).where(at(t.batch, place), _b.action == Action.REPLACE.value)
    taken = theirs.where(
        _b.action == Action.ADD.value, _b.state.in_(("accepted", "settled")), _b.batch_id != batch_id
    ).where(_b.rows > _b.rejected, _member.rejected.is_(None))
    return taken.where(
        _b.batch_id > func.coalesce(gone, ""), _b.batch_id > func.coalesce(replaced.scalar_subquery(), "")
    ).scalar_subquery()


def set_aside(
    store: Store,
    connection: Connection,
    place: Place,
    rows: ColumnElement[bool],
    chosen: Select[tuple[int]],
    owe: Callable[[pa.Array], None],
) -> None:
    """Mark the chosen of these rows of `membership` as people who are not sent as they are.

    Who may be there all the same, by an earlier push that was never answered, is given to `owe`, to be taken out first.
    """
    theirs = and_(rows, _m.subject_id.in_(chosen))
    if connection.execute(select(_m.subject_id).where(theirs).limit(1)).first() is None:
        return
    lost = unanswered(place)
    doubtful = and_(theirs, lost.is_not(None))
    ids = store.table(connection, select(_m.subject_id).where(doubtful))["subject_id"].combine_chunks()
    if len(ids):
        owe(ids)
        store.update_where(connection, t.membership, {"batch_id": lost}, doubtful)
    memberships.forget_sent(store, connection, place, theirs)
    store.update_where(connection, t.membership, {"state": "unsendable"}, theirs)


def stirred(store: Store, connection: Connection, place: Place) -> pa.Array:
    """Who of the unsendable said something about consent since: they are tried again, whatever it was."""
    later = exists().where(_event.subject_id == _m.subject_id, _event.ingested_at > _m.since).correlate(t.membership)
    statement = select(_m.subject_id).where(at(t.membership, place), _m.state == "unsendable", later)
    return store.table(connection, statement)["subject_id"].combine_chunks()
