"""What a receipt changes: who is a member, who is out, who was rejected, and whose removal stays owed.

A refusal undoes nothing that the platform had confirmed before, nor an earlier push that was never answered.
"""

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, and_, func, select

from passerelle.privacy.ledger import debts, memberships, rejections
from passerelle.privacy.ledger.batches import Batches, people_of
from passerelle.privacy.ledger.words import PRESENT, Place, Told, at
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Action

_m = t.membership.c


class Receipts:
    """Receipts of batches. Every method works in the caller's transaction."""

    def __init__(self, store: Store, batches: Batches) -> None:
        self._store = store
        self._batches = batches

    def receive(self, connection: Connection, batch_id: str, told: Told, *, now: int) -> None:
        """Record what the platform said of a batch: members in, people out, rejections kept with their reason."""
        place, action = self._batches.about(connection, batch_id)
        if told.named is not None:
            self._batches.name_rejected(connection, batch_id, told.named)
        if told.settled and action is Action.ADD:
            self._admit(connection, place, batch_id, told, now=now)
        elif told.settled and told.rejected:
            self._keep_owed(connection, place, batch_id, told, now=now)
        elif told.settled and action is Action.REMOVE:
            self._release(connection, place, batch_id)
            if not told.reasons:
                known = t.remote_audience.c.doubt_ends == batch_id
                self._store.update_where(connection, t.remote_audience, {"doubt": None}, known)
        self._batches.close(connection, batch_id, told, now=now)

    def refuse_removal(self, connection: Connection, batch_id: str, reason: str, *, now: int) -> None:
        """Record that the platform refused a removal: it stays owed, as removal debt with its reason."""
        place, _ = self._batches.about(connection, batch_id)
        everybody = self._batches.people(connection, batch_id)
        self._stay_owed(connection, place, everybody, reason, now=now)
        told = Told(True, 0, len(everybody), 0, {}, {reason: len(everybody)})
        self._batches.close(connection, batch_id, told, now=now)

    def refuse_addition(self, connection: Connection, batch_id: str, reason: str, *, now: int) -> None:
        """Record that the platform refused a whole addition for good: nobody of it is there."""
        place, _ = self._batches.about(connection, batch_id)
        count = len(self._batches.people(connection, batch_id))
        told = Told(True, 0, count, 0, {}, {reason: count})
        self._admit(connection, place, batch_id, told, refused=True, now=now)  # terms or permission: no row is to blame
        self._batches.close(connection, batch_id, told, now=now)

    # --- additions

    def _admit(
        self, connection: Connection, place: Place, batch_id: str, told: Told, *, now: int, refused: bool = False
    ) -> None:
        """Set aside who was rejected: the others are members already. `refused`: all of it, and no row is to blame.

        Who was not tried is as if never sent. Where the platform counts rejections and names nobody, everybody may be
        in, and is taken for a member: so that they are taken out when they must go.
        """
        here = and_(
            at(t.membership, place),
            _m.batch_id == batch_id,
            _m.state == "member",
            _m.subject_id.in_(people_of(batch_id)),
        )
        whole = told.accepted == 0 and told.rejected > 0  # nobody is there by this batch
        if told.rejected:
            self._stay_there(connection, place, batch_id, here, whole=whole, refused=refused)
        blamed = [rejections.named(batch_id)] if self._batches.names_anybody(connection, batch_id) else []
        for chosen in (*blamed, *([rejections.often(place)] if whole and not refused else [])):
            rejections.set_aside(
                self._store,
                connection,
                place,
                here,
                chosen,
                lambda ids: debts.owe(self._store, connection, place, ids, cause="rejected_by_platform", now=now),
            )
        if told.rejected:  # a refusal now does not undo an earlier push that was never answered
            absent = here if whole else and_(here, _m.subject_id.in_(rejections.untried(batch_id)))
            unanswered = rejections.unanswered(place)
            self._store.update_where(
                connection, t.membership, {"batch_id": unanswered}, absent, unanswered.is_not(None)
            )
            self._stay_from_before(connection, place, absent, batch_id)
            memberships.remove(self._store, connection, place, absent)
            self._forgive_absent(connection, place, batch_id)

    def _stay_there(
        self,
        connection: Connection,
        place: Place,
        batch_id: str,
        here: ColumnElement[bool],
        *,
        whole: bool,
        refused: bool,
    ) -> None:
        """A refusal takes out nobody whom the platform had taken before, and who was sent again for their value.

        Who was not tried is sent again; who was rejected, once their value is another one.
        """
        before = rejections.confirmed(place, batch_id)
        untried = here if refused else and_(here, _m.subject_id.in_(rejections.untried(batch_id)))
        blamed = here if whole else and_(here, _m.subject_id.in_(rejections.named(batch_id)))
        stay: dict[str, object] = {"state": "member", "batch_id": before}
        for rows, values in ((untried, {**stay, "value_mark": None}), (blamed, stay)):
            theirs = (rows, _m.value_mark.is_not(None), before.is_not(None))
            self._store.update_where(connection, t.membership, values, *theirs)

    def _stay_from_before(self, connection: Connection, place: Place, here: ColumnElement[bool], batch_id: str) -> None:
        """Nor does it take out who was there before a replacement, which had made them uncertain to begin with."""
        b, member = t.batch.c, t.batch_member.c
        replacements = select(func.max(b.batch_id)).where(at(t.batch, place), b.action == Action.REPLACE.value)
        last = connection.execute(replacements).scalar_one()
        if last is None:
            return
        once = (
            select(member.subject_id)
            .join_from(t.batch, t.batch_member, b.batch_id == member.batch_id)
            .where(at(t.batch, place), b.action == Action.ADD.value, b.batch_id != batch_id)
            .where(b.state.in_(("accepted", "settled")), b.rows > b.rejected, member.rejected.is_(None))
        )
        self._store.update_where(connection, t.membership, {"batch_id": last}, here, _m.subject_id.in_(once))

    def _forgive_absent(self, connection: Connection, place: Place, batch_id: str) -> None:
        """Nobody is owed a removal from where they never came to be."""
        present = select(_m.subject_id).where(at(t.membership, place), _m.state.in_(PRESENT))
        r = t.removal
        theirs = (r.c.subject_id.in_(people_of(batch_id)), r.c.subject_id.not_in(present))
        self._store.delete(connection, r, at(r, place), *theirs)

    # --- removals

    def _release(self, connection: Connection, place: Place, batch_id: str) -> None:
        """Those of a removal whom nobody names as left are gone."""
        gone = people_of(batch_id).where(t.batch_member.c.rejected.is_(None))
        self._store.delete(connection, t.removal, at(t.removal, place), t.removal.c.subject_id.in_(gone))
        memberships.remove(
            self._store, connection, place, _m.batch_id == batch_id, _m.state == "removing", _m.subject_id.in_(gone)
        )

    def _keep_owed(self, connection: Connection, place: Place, batch_id: str, told: Told, *, now: int) -> None:
        """Whom the platform did not take out stays owed; everybody, where it does not say whom it means."""
        rejected = self._batches.rejected(connection, batch_id)
        reason = next(iter(told.reasons), "rejected")
        if told.rejected == len(rejected):
            self._stay_owed(connection, place, rejected, reason, now=now)
            self._release(connection, place, batch_id)
        else:
            self._stay_owed(connection, place, self._batches.people(connection, batch_id), reason, now=now)

    def _stay_owed(self, connection: Connection, place: Place, ids: pa.Array, reason: str, *, now: int) -> None:
        debts.owe(self._store, connection, place, ids, cause="refused_by_platform", now=now)
        with self._store.among(connection, ids) as chosen:
            theirs = and_(at(t.removal, place), t.removal.c.subject_id.in_(select(chosen)))
            values = {"refusal": reason, "tries": t.removal.c.tries + 1}
            self._store.update_where(connection, t.removal, values, theirs)
