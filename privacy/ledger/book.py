"""The ledger itself."""

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    RowMapping,
    Select,
    Table,
    and_,
    case,
    cast,
    func,
    or_,
    select,
)

from passerelle.privacy.consent.cleared import LEDGER_SEAL, ClearedBatch, FarewellBatch, RemovalBatch
from passerelle.privacy.ledger import memberships, rejections
from passerelle.privacy.ledger.wire import decode, encode
from passerelle.privacy.ledger.words import ASKED, OPEN, PRESENT, Batch, Opening, Place, Remote, Sealer, Told
from passerelle.privacy.log.journal import Journal
from passerelle.privacy.log.leaves import batch_member_payload, batch_rows, named_digest
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Action, Destination, Purpose


class Ledger:
    """The ledger in the control store. Every method works in the caller's transaction."""

    def __init__(self, store: Store, log: Journal, sealer: Sealer) -> None:
        self._store = store
        self._log = log
        self._sealer = sealer

    # --- the audience at the platform

    def remote(self, connection: Connection, place: Place) -> Remote | None:
        """Our audience at the platform, or None before its first sync."""
        row = connection.execute(select(t.remote_audience).where(_at(t.remote_audience, place))).mappings().first()
        if row is None:
            return None
        columns = tuple(json.loads(row["columns"]))
        platform, purpose = Destination(row["platform"]), Purpose(row["purpose"])
        return Remote(row["remote_id"], columns, platform, purpose, row["described"], row["doubt"])

    def remember(self, connection: Connection, place: Place, remote: Remote, *, now: int) -> None:
        """Record the audience that was made or adopted; a later purpose replaces an earlier one."""
        row: dict[str, list[object]] = {
            "destination": [place.destination],
            "audience": [place.audience],
            "remote_id": [remote.remote_id],
            "columns": [json.dumps(remote.columns)],
            "platform": [remote.platform.value],
            "purpose": [remote.purpose.value],
            "described": [remote.described],
            "created_at": [now],
            "doubt": [remote.doubt],
        }
        self._store.insert(connection, t.remote_audience, row, on_conflict="replace")

    # --- who is there

    def people(self, connection: Connection, place: Place, *, values: bool = False) -> pa.Table:
        """Everybody with a row here: `subject_id`, `state`, `revision`, and `uncertain` where a push has no receipt.

        With `values`, `value_mark` besides (see `marks`).
        """
        # An addition is certain once its batch has a receipt; a superseded batch never got one. Who still hangs on a
        # replacement was there before it began, and was not sent again since.
        unanswered = or_(t.batch.c.state.in_(("intended", "superseded")), t.batch.c.action == Action.REPLACE.value)
        lost = select(t.batch.c.batch_id).where(_at(t.batch, place), unanswered)
        m = t.membership.c
        uncertain = cast(case((m.batch_id.in_(lost), 1), else_=0), Integer).label("uncertain")
        marks = [m.value_mark] if values else []
        here = select(m.subject_id, m.state, m.revision, uncertain, *marks).where(_at(t.membership, place))
        held = self._store.table(connection, here.order_by(m.subject_id))
        return held.set_column(3, "uncertain", pc.equal(held["uncertain"], 1))

    def count(self, connection: Connection, place: Place) -> int:
        """How many people are members by our receipts, or will be once their receipt settles."""
        wanted = and_(_at(t.membership, place), t.membership.c.state == "member")
        return int(connection.execute(select(func.count()).select_from(t.membership).where(wanted)).scalar_one())

    def mark_unsendable(
        self, connection: Connection, place: Place, ids: pa.Array, revisions: pa.Array, *, now: int
    ) -> None:
        """Remember that no key of these people can be sent at these revisions, so that no run tries them in vain.

        Whoever is, or may be, there by other keys keeps their row: it has the keys that take them out.
        """
        with self._store.among(connection, ids) as chosen:
            here = and_(_at(t.membership, place), t.membership.c.state.in_(PRESENT))
            known = select(t.membership.c.subject_id).where(here, t.membership.c.subject_id.in_(select(chosen)))
            absent = pc.invert(pc.is_in(ids, self._store.table(connection, known)["subject_id"].combine_chunks()))
        ids, revisions = ids.filter(absent), revisions.filter(absent)
        memberships.mark_unsendable(self._store, connection, place, ids, revisions, now=now)

    def stirred(self, connection: Connection, place: Place) -> pa.Array:
        """Who of the unsendable said something about consent since: they are tried again, whatever it was."""
        return rejections.stirred(self._store, connection, place)

    def forget_unsendable(self, connection: Connection, place: Place, ids: pa.Array) -> None:
        """Drop the marks of people who are no longer wanted here."""
        with self._store.among(connection, ids) as chosen:
            marked = and_(_at(t.membership, place), t.membership.c.state == "unsendable")
            self._store.delete(connection, t.membership, marked, t.membership.c.subject_id.in_(select(chosen)))

    # --- intents

    def intend_add(
        self,
        connection: Connection,
        opening: Opening,
        batch: ClearedBatch,
        rows: Personal,
        subject_ids: pa.Array,
        *,
        columns: Sequence[str],
    ) -> None:
        """Record that these rows, made from `batch`, are about to be sent; `rows` and `subject_ids` are aligned."""
        payloads = encode(rows, columns)
        sealed = self._sealer.seal(connection, subject_ids, payloads)
        positions = pc.index_in(subject_ids, batch.subject_ids)
        revisions = pc.take(batch.revision, positions)
        marks = None
        if batch.values is not None:
            marks = self._sealer.marks(subject_ids, batch.values.reveal()["value"].combine_chunks().take(positions))
        memberships.put(self._store, connection, opening, subject_ids, revisions, sealed, marks)
        body = {"purpose": batch.purpose.value, "decisions": batch.log_index, "columns": list(columns)}
        self.open_batch(connection, opening, Action.ADD, subject_ids, body)

    def intend_removal(self, connection: Connection, opening: Opening, batch: RemovalBatch) -> None:
        """Record that these people are about to be taken out."""
        with self._store.among(connection, batch.subject_ids) as chosen:
            theirs = and_(_at(t.membership, opening.place), t.membership.c.subject_id.in_(select(chosen)))
            values = {"state": "removing", "batch_id": opening.batch_id}
            self._store.update_where(connection, t.membership, values, theirs)
        self.open_batch(connection, opening, Action.REMOVE, batch.subject_ids, {})

    def removal_batch(self, connection: Connection, place: Place, platform: Destination, ids: pa.Array) -> RemovalBatch:
        """The people to take out, with the match keys that were sent of them.

        Raises `IntegrityError` where those of somebody who is there are gone.
        """
        found, sealed = memberships.sent(self._store, connection, place, ids)
        opened = self._sealer.unseal(connection, found, sealed)
        remote = self.remote(connection, place)
        rows = decode(opened, remote.columns if remote else ())
        return RemovalBatch(LEDGER_SEAL, platform, place.audience, found, rows)

    # --- farewells: out of every audience of the account

    def owe_everywhere(self, connection: Connection, place: Place, ids: pa.Array, *, now: int) -> None:
        """Of these people, whose removal from `place` is owed, owe it everywhere to those who asked to go."""
        with self._store.among(connection, ids) as chosen:
            asked = and_(
                _at(t.removal, place), t.removal.c.cause.in_(ASKED), t.removal.c.subject_id.in_(select(chosen))
            )
            found = self._store.table(connection, select(t.removal.c.subject_id, t.removal.c.cause).where(asked))
        for cause in found["cause"].unique().to_pylist():
            theirs = found.filter(pc.equal(found["cause"], cause))["subject_id"].combine_chunks()
            self.owe(connection, Place.everywhere(place.destination), theirs, cause=cause, now=now)

    def farewell(self, connection: Connection, opening: Opening, platform: Destination, ids: pa.Array) -> FarewellBatch:
        """Record that these people are about to be dropped everywhere, and hand out all that is held of them.

        Raises `ValueError` for people of whom that is not owed.
        """
        owed = self.owed(connection, opening.place)["subject_id"].combine_chunks()
        if not opening.place.is_everywhere or not pc.all(pc.is_in(ids, owed), min_count=0).as_py():
            raise ValueError("a farewell is for people of whom it is owed")
        self.open_batch(connection, opening, Action.REMOVE, ids, {})
        return FarewellBatch(LEDGER_SEAL, platform, ids, self._sealer.identifiers(connection, ids))

    def waive(self, connection: Connection, place: Place, ids: pa.Array) -> None:
        """Owe the removal of these people no more."""
        with self._store.among(connection, ids) as chosen:
            self._store.delete(connection, t.removal, _at(t.removal, place), t.removal.c.subject_id.in_(select(chosen)))

    # --- receipts

    def receive(self, connection: Connection, batch_id: str, told: Told, *, now: int) -> None:
        """Record what the platform said of a batch: members in, people out, rejections kept with their reason."""
        place, action, replacement = self._of(connection, batch_id)
        self._name_rejected(connection, batch_id, told)
        if told.settled and action is Action.ADD:
            self._admit(connection, place, batch_id, told, now=now)
        elif told.settled and told.rejected:
            self._keep_owed(connection, place, batch_id, told, now=now)
        elif told.settled and action is Action.REMOVE:
            self._release(connection, place, batch_id)
            if replacement is not None and not told.reasons:
                self._store.update_where(connection, t.remote_audience, {"doubt": None}, _at(t.remote_audience, place))
        self._close(connection, batch_id, told, now=now)

    def refuse_removal(self, connection: Connection, batch_id: str, reason: str, *, now: int) -> None:
        """Record that the platform refused a removal: it stays owed, as removal debt with its reason."""
        place, _, _ = self._of(connection, batch_id)
        count = self._stay_owed(connection, place, batch_id, reason, now=now)
        self._close(connection, batch_id, Told(True, 0, count, 0, {}, {reason: count}), now=now)

    def refuse_addition(self, connection: Connection, batch_id: str, reason: str, *, now: int) -> None:
        """Record that the platform refused a whole addition for good: nobody of it is there."""
        place, _, _ = self._of(connection, batch_id)
        count = len(self._members_of(connection, batch_id))
        told = Told(True, 0, count, 0, {}, {reason: count})
        self._admit(connection, place, batch_id, told, refused=True, now=now)  # terms or permission: no row is to blame
        self._close(connection, batch_id, told, now=now)

    def owe(self, connection: Connection, place: Place, ids: pa.Array, *, cause: str, now: int) -> None:
        """Queue removals of these people here; one that is queued already keeps its first cause and time."""
        count = len(ids)
        rows: dict[str, object] = {
            "destination": [place.destination] * count,
            "audience": [place.audience] * count,
            "subject_id": ids,
            "cause": [cause] * count,
            "queued_at": [now] * count,
            "tries": [0] * count,
        }
        self._store.insert(connection, t.removal, rows, on_conflict="ignore")

    def supersede(self, connection: Connection, place: Place, *, now: int) -> int:
        """Close batches whose push ended without a receipt; the plan made before has taken their people over."""
        lost = [batch.batch_id for batch in self.batches(connection, place, "intended")]
        for batch_id in lost:
            self.give_up(connection, batch_id, now=now)
        return len(lost)

    def give_up(self, connection: Connection, batch_id: str, *, now: int) -> None:
        """Close one batch without a receipt: whoever hangs on it stays uncertain."""
        values = {"state": "superseded", "settled_at": now}
        self._store.update_where(connection, t.batch, values, t.batch.c.batch_id == batch_id)
        self._log.append(connection, "receipt", {"batch": batch_id, "state": "superseded"}, now=now)

    # --- what is open

    def batches(self, connection: Connection, place: Place | None, state: str) -> list[Batch]:
        """Batches in one state, oldest first; of one place, or of all."""
        where = t.batch.c.state == state
        statement = select(t.batch).where(where if place is None else and_(where, _at(t.batch, place)))
        return [_batch(row) for row in connection.execute(statement.order_by(t.batch.c.intended_at)).mappings()]

    def waits(self, connection: Connection, place: Place) -> bool:
        """Whether a push here waits for its receipt, or a receipt for its end."""
        waiting = select(t.batch.c.batch_id).where(_at(t.batch, place), t.batch.c.state.in_(OPEN))
        return connection.execute(waiting.limit(1)).first() is not None

    def owed(self, connection: Connection, place: Place) -> pa.Table:
        """Removals owed here: `subject_id`, `cause`, `queued_at`, `refusal`."""
        columns = (t.removal.c.subject_id, t.removal.c.cause, t.removal.c.queued_at, t.removal.c.refusal)
        return self._store.table(connection, select(*columns).where(_at(t.removal, place)))

    def places(self, connection: Connection) -> list[Place]:
        """Every audience that was ever made or adopted at a destination."""
        rows = connection.execute(select(t.remote_audience.c.destination, t.remote_audience.c.audience))
        return [Place(destination, audience) for destination, audience in rows]

    def open_batch(
        self, connection: Connection, opening: Opening, action: Action, ids: pa.Array, body: Mapping[str, object]
    ) -> None:
        """Record a batch as intended, with its people, in the store and in the log; `body` is what its entry adds."""
        payloads = batch_member_payload(batch_rows(opening.batch_id, action.value, ids))
        leaves = self._log.member_leaves(connection, opening.batch_id, ids, payloads)
        place = opening.place
        entry = {
            "label": opening.batch_id,
            "run": opening.run_id,
            "destination": place.destination,
            "audience": place.audience,
            "action": action.value,
            "rows": len(ids),
            **({"replacement": opening.replacement} if opening.replacement is not None else {}),
            **body,
        }
        index = self._log.append(
            connection, "batch", entry, now=opening.now, members=leaves if len(leaves.leaves) else None
        )
        row: dict[str, list[object]] = {
            "batch_id": [opening.batch_id],
            "run_id": [opening.run_id],
            "destination": [place.destination],
            "audience": [place.audience],
            "action": [action.value],
            "state": ["intended"],
            "rows": [len(ids)],
            "accepted": [0],
            "rejected": [0],
            "pending": [len(ids)],
            "receipt": [None],
            "log_index": [index],
            "intended_at": [opening.now],
            "replacement": [opening.replacement],
        }
        self._store.insert(connection, t.batch, row)
        members = {"batch_id": [opening.batch_id] * len(ids), "position": leaves.positions, "subject_id": ids}
        self._store.insert(connection, t.batch_member, members)

    # --- inside

    def _rejected_of(self, connection: Connection, batch_id: str) -> pa.Array:
        member = t.batch_member.c
        statement = select(member.subject_id).where(member.batch_id == batch_id, member.rejected.is_not(None))
        return self._store.table(connection, statement)["subject_id"].combine_chunks()

    def _members_of(self, connection: Connection, batch_id: str) -> pa.Array:
        return self._store.table(connection, _people_of(batch_id))["subject_id"].combine_chunks()

    def _of(self, connection: Connection, batch_id: str) -> tuple[Place, Action, str | None]:
        columns = (t.batch.c.destination, t.batch.c.audience, t.batch.c.action, t.batch.c.replacement)
        row = connection.execute(select(*columns).where(t.batch.c.batch_id == batch_id)).one()
        return Place(row.destination, row.audience), Action(row.action), row.replacement

    def _name_rejected(self, connection: Connection, batch_id: str, told: Told) -> None:
        if told.named is None:
            return
        ids, reasons = told.named["subject_id"], told.named["reason"]
        rows = {"batch_id": [batch_id] * len(ids), "subject_id": ids, "rejected": reasons}
        self._store.update(connection, t.batch_member, rows)

    def _admit(
        self, connection: Connection, place: Place, batch_id: str, told: Told, *, now: int, refused: bool = False
    ) -> None:
        """Set aside who was rejected: the others are members already. `refused`: all of it, and no row is to blame.

        Who was not tried is as if never sent. Where the platform counts rejections and names nobody, everybody may be
        in, and is taken for a member: so that they are taken out when they must go.
        """
        m = t.membership.c
        here = and_(
            _at(t.membership, place),
            m.batch_id == batch_id,
            m.state == "member",
            m.subject_id.in_(_people_of(batch_id)),
        )
        whole = told.accepted == 0 and told.rejected > 0  # nobody is there by this batch
        if told.rejected:
            self._stay_there(connection, place, batch_id, here, whole=whole, refused=refused)
        for chosen in (rejections.named(batch_id), *([rejections.often(place)] if whole and not refused else [])):
            rejections.set_aside(
                self._store,
                connection,
                place,
                here,
                chosen,
                lambda ids: self.owe(connection, place, ids, cause="rejected_by_platform", now=now),
            )
        if told.rejected:  # a refusal now does not undo an earlier push that was never answered
            absent = here if whole else and_(here, t.membership.c.subject_id.in_(rejections.untried(batch_id)))
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
        m, before = t.membership.c, rejections.confirmed(place, batch_id)
        untried = here if refused else and_(here, m.subject_id.in_(rejections.untried(batch_id)))
        blamed = here if whole else and_(here, m.subject_id.in_(rejections.named(batch_id)))
        stay: dict[str, object] = {"state": "member", "batch_id": before}
        for rows, values in ((untried, {**stay, "value_mark": None}), (blamed, stay)):
            theirs = (rows, m.value_mark.is_not(None), before.is_not(None))
            self._store.update_where(connection, t.membership, values, *theirs)

    def _stay_from_before(self, connection: Connection, place: Place, here: ColumnElement[bool], batch_id: str) -> None:
        """Nor does it take out who was there before a replacement, which had made them uncertain to begin with."""
        b, member = t.batch.c, t.batch_member.c
        replacements = select(func.max(b.batch_id)).where(_at(t.batch, place), b.action == Action.REPLACE.value)
        last = connection.execute(replacements).scalar_one()
        if last is None:
            return
        once = (
            select(member.subject_id)
            .join_from(t.batch, t.batch_member, b.batch_id == member.batch_id)
            .where(_at(t.batch, place), b.action == Action.ADD.value, b.batch_id != batch_id)
            .where(b.state.in_(("accepted", "settled")), b.rows > b.rejected, member.rejected.is_(None))
        )
        self._store.update_where(
            connection, t.membership, {"batch_id": last}, here, t.membership.c.subject_id.in_(once)
        )

    def _forgive_absent(self, connection: Connection, place: Place, batch_id: str) -> None:
        """Nobody is owed a removal from where they never came to be."""
        ids = _people_of(batch_id)
        present = select(t.membership.c.subject_id).where(_at(t.membership, place), t.membership.c.state.in_(PRESENT))
        r = t.removal
        self._store.delete(connection, r, _at(r, place), r.c.subject_id.in_(ids), r.c.subject_id.not_in(present))

    def _release(self, connection: Connection, place: Place, batch_id: str) -> None:
        """Those of a removal whom nobody names as left are gone."""
        gone = _people_of(batch_id).where(t.batch_member.c.rejected.is_(None))
        self._store.delete(connection, t.removal, _at(t.removal, place), t.removal.c.subject_id.in_(gone))
        m = t.membership.c
        memberships.remove(
            self._store, connection, place, m.batch_id == batch_id, m.state == "removing", m.subject_id.in_(gone)
        )

    def _keep_owed(self, connection: Connection, place: Place, batch_id: str, told: Told, *, now: int) -> None:
        """Whom the platform did not take out stays owed; everybody, where it does not say whom it means."""
        rejected = self._rejected_of(connection, batch_id)
        named = told.rejected == len(rejected)
        reason = next(iter(told.reasons), "rejected")
        self._stay_owed(connection, place, batch_id, reason, now=now, only=rejected if named else None)
        if named:
            self._release(connection, place, batch_id)

    def _stay_owed(
        self,
        connection: Connection,
        place: Place,
        batch_id: str,
        reason: str,
        *,
        now: int,
        only: pa.Array | None = None,
    ) -> int:
        ids = self._members_of(connection, batch_id) if only is None else only
        self.owe(connection, place, ids, cause="refused_by_platform", now=now)
        with self._store.among(connection, ids) as chosen:
            theirs = and_(_at(t.removal, place), t.removal.c.subject_id.in_(select(chosen)))
            values = {"refusal": reason, "tries": t.removal.c.tries + 1}
            self._store.update_where(connection, t.removal, values, theirs)
        return len(ids)

    def _close(self, connection: Connection, batch_id: str, told: Told, *, now: int) -> None:
        counts = {"accepted": told.accepted, "rejected": told.rejected, "pending": told.pending}
        receipt = {"request": dict(told.request), "reasons": dict(told.reasons)}
        state = "settled" if told.settled else "accepted"
        settled_at = now if told.settled else None
        values = {"state": state, "receipt": json.dumps(receipt), "settled_at": settled_at, **counts}
        self._store.update_where(connection, t.batch, values, t.batch.c.batch_id == batch_id)
        named = named_digest(self._rejected_by_name(connection, batch_id))
        body = {"batch": batch_id, "state": state, **counts, **receipt, "named": named}
        self._log.append(connection, "receipt", body, now=now)

    def _rejected_by_name(self, connection: Connection, batch_id: str) -> list[tuple[int, str]]:
        columns = (t.batch_member.c.position, t.batch_member.c.rejected)
        named = t.batch_member.c.rejected.is_not(None)
        rows = connection.execute(select(*columns).where(t.batch_member.c.batch_id == batch_id, named))
        return [(int(position), str(reason)) for position, reason in rows]


def _at(table: Table, place: Place) -> ColumnElement[bool]:
    return and_(table.c.destination == place.destination, table.c.audience == place.audience)


def _people_of(batch_id: str) -> Select[tuple[int]]:
    """Whom a batch is about: naming them has a membership looked up by its key, where a place's are very many."""
    return select(t.batch_member.c.subject_id).where(t.batch_member.c.batch_id == batch_id)


def _batch(row: RowMapping) -> Batch:
    receipt = json.loads(row["receipt"] or "{}")
    return Batch(
        batch_id=row["batch_id"],
        run_id=row["run_id"],
        place=Place(row["destination"], row["audience"]),
        action=Action(row["action"]),
        state=row["state"],
        rows=row["rows"],
        told=Told(
            settled=row["state"] == "settled",
            accepted=row["accepted"],
            rejected=row["rejected"],
            pending=row["pending"],
            request=receipt.get("request", {}),
            reasons=receipt.get("reasons", {}),
        ),
        intended_at=row["intended_at"],
        replacement=row["replacement"],
    )
