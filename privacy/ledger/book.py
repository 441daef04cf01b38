"""The ledger itself: the door to audiences, people, batches, receipts and debts."""

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Integer, and_, case, cast, func, or_, select

from passerelle.privacy.consent.cleared import LEDGER_SEAL, ClearedBatch, FarewellBatch, RemovalBatch
from passerelle.privacy.ledger import debts, memberships, rejections
from passerelle.privacy.ledger.batches import Batches
from passerelle.privacy.ledger.receipts import Receipts
from passerelle.privacy.ledger.wire import decode, encode
from passerelle.privacy.ledger.words import PRESENT, Batch, Doubt, Opening, Place, Remote, Sealer, Told, at
from passerelle.privacy.log.journal import Journal
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Action, Destination, Purpose


class Ledger:
    """The ledger in the control store. Every method works in the caller's transaction."""

    def __init__(self, store: Store, log: Journal, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer
        self._batches = Batches(store, log)
        self._receipts = Receipts(store, self._batches)

    # --- the audience at the platform

    def remote(self, connection: Connection, place: Place) -> Remote | None:
        """Our audience at the platform, or None before its first sync."""
        row = connection.execute(select(t.remote_audience).where(at(t.remote_audience, place))).mappings().first()
        if row is None:
            return None
        columns = tuple(json.loads(row["columns"]))
        platform, purpose = Destination(row["platform"]), Purpose(row["purpose"])
        doubt = None if row["doubt"] is None else Doubt(row["doubt"], row["doubted_at"])
        return Remote(row["remote_id"], columns, platform, purpose, row["described"], doubt)

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
            "doubt": [remote.doubt and remote.doubt.why],
            "doubted_at": [remote.doubt and remote.doubt.since],
            "doubt_ends": [None],
        }
        self._store.insert(connection, t.remote_audience, row, on_conflict="replace")

    def places(self, connection: Connection) -> list[Place]:
        """Every audience that was ever made or adopted at a destination."""
        rows = connection.execute(select(t.remote_audience.c.destination, t.remote_audience.c.audience))
        return [Place(destination, audience) for destination, audience in rows]

    # --- who is there

    def people(self, connection: Connection, place: Place, *, values: bool = False) -> pa.Table:
        """Everybody with a row here: `subject_id`, `state`, `revision`, and `uncertain` where a push has no receipt.

        With `values`, `value_mark` besides (see `marks`).
        """
        # An addition is certain once its batch has a receipt; a superseded batch never got one. Who still hangs on a
        # replacement was there before it began, and was not sent again since.
        unanswered = or_(t.batch.c.state.in_(("intended", "superseded")), t.batch.c.action == Action.REPLACE.value)
        lost = select(t.batch.c.batch_id).where(at(t.batch, place), unanswered)
        m = t.membership.c
        uncertain = cast(case((m.batch_id.in_(lost), 1), else_=0), Integer).label("uncertain")
        marks = [m.value_mark] if values else []
        here = select(m.subject_id, m.state, m.revision, uncertain, *marks).where(at(t.membership, place))
        held = self._store.table(connection, here.order_by(m.subject_id))
        return held.set_column(3, "uncertain", pc.equal(held["uncertain"], 1))

    def count(self, connection: Connection, place: Place) -> int:
        """How many people are members by our receipts, or will be once their receipt settles."""
        wanted = and_(at(t.membership, place), t.membership.c.state == "member")
        return int(connection.execute(select(func.count()).select_from(t.membership).where(wanted)).scalar_one())

    def mark_unsendable(
        self, connection: Connection, place: Place, ids: pa.Array, revisions: pa.Array, *, now: int
    ) -> None:
        """Remember that no key of these people can be sent at these revisions, so that no run tries them in vain.

        Whoever is, or may be, there by other keys keeps their row: it has the keys that take them out.
        """
        with self._store.among(connection, ids) as chosen:
            here = and_(at(t.membership, place), t.membership.c.state.in_(PRESENT))
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
            marked = and_(at(t.membership, place), t.membership.c.state == "unsendable")
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
        self._batches.open(connection, opening, Action.ADD, subject_ids, body)

    def intend_removal(self, connection: Connection, opening: Opening, batch: RemovalBatch) -> None:
        """Record that these people are about to be taken out."""
        with self._store.among(connection, batch.subject_ids) as chosen:
            theirs = and_(at(t.membership, opening.place), t.membership.c.subject_id.in_(select(chosen)))
            values = {"state": "removing", "batch_id": opening.batch_id}
            self._store.update_where(connection, t.membership, values, theirs)
        self._batches.open(connection, opening, Action.REMOVE, batch.subject_ids, {})

    def removal_batch(self, connection: Connection, place: Place, platform: Destination, ids: pa.Array) -> RemovalBatch:
        """The people to take out, with the match keys that were sent of them.

        Raises `IntegrityError` where those of somebody who is there are gone.
        """
        found, sealed = memberships.sent(self._store, connection, place, ids)
        opened = self._sealer.unseal(connection, found, sealed)
        remote = self.remote(connection, place)
        rows = decode(opened, remote.columns if remote else ())
        return RemovalBatch(LEDGER_SEAL, platform, place.audience, found, rows)

    def open_batch(
        self, connection: Connection, opening: Opening, action: Action, ids: pa.Array, body: Mapping[str, object]
    ) -> None:
        """Record a batch as intended, with its people, in the store and in the log; `body` is what its entry adds."""
        self._batches.open(connection, opening, action, ids, body)

    # --- receipts

    def receive(self, connection: Connection, batch_id: str, told: Told, *, now: int) -> None:
        """Record what the platform said of a batch: members in, people out, rejections kept with their reason."""
        self._receipts.receive(connection, batch_id, told, now=now)

    def refuse_removal(self, connection: Connection, batch_id: str, reason: str, *, now: int) -> None:
        """Record that the platform refused a removal: it stays owed, as removal debt with its reason."""
        self._receipts.refuse_removal(connection, batch_id, reason, now=now)

    def refuse_addition(self, connection: Connection, batch_id: str, reason: str, *, now: int) -> None:
        """Record that the platform refused a whole addition for good: nobody of it is there."""
        self._receipts.refuse_addition(connection, batch_id, reason, now=now)

    def supersede(self, connection: Connection, place: Place, *, now: int) -> int:
        """Close batches whose push ended without a receipt; the plan made before has taken their people over."""
        lost = [batch.batch_id for batch in self.batches(connection, place, "intended")]
        for batch_id in lost:
            self.give_up(connection, batch_id, now=now)
        return len(lost)

    def give_up(self, connection: Connection, batch_id: str, *, now: int) -> None:
        """Close one batch without a receipt: whoever hangs on it stays uncertain."""
        self._batches.give_up(connection, batch_id, now=now)

    # --- what is open

    def batches(self, connection: Connection, place: Place | None, state: str) -> list[Batch]:
        """Batches in one state, oldest first; of one place, or of all."""
        return self._batches.in_state(connection, place, state)

    def waits(self, connection: Connection, place: Place) -> bool:
        """Whether a push here waits for its receipt, or a receipt for its end."""
        return self._batches.waits(connection, place)

    def owe(self, connection: Connection, place: Place, ids: pa.Array, *, cause: str, now: int) -> None:
        """Queue removals of these people here; one that is queued already keeps its first cause and time."""
        debts.owe(self._store, connection, place, ids, cause=cause, now=now)

    def owed(self, connection: Connection, place: Place) -> pa.Table:
        """Removals owed here: `subject_id`, `cause`, `queued_at`, `refusal`."""
        return debts.owed(self._store, connection, place)

    def waive(self, connection: Connection, place: Place, ids: pa.Array) -> None:
        """Owe the removal of these people no more."""
        debts.waive(self._store, connection, place, ids)

    # --- farewells: out of every audience of the account

    def owe_everywhere(self, connection: Connection, place: Place, ids: pa.Array, *, now: int) -> None:
        """Of these people, whose removal from `place` is owed, owe it everywhere to those who asked to go."""
        debts.owe_everywhere(self._store, connection, place, ids, now=now)

    def farewell(self, connection: Connection, opening: Opening, platform: Destination, ids: pa.Array) -> FarewellBatch:
        """Record that these people are about to be dropped everywhere, and hand out all that is held of them.

        Raises `ValueError` for people of whom that is not owed.
        """
        owed = self.owed(connection, opening.place)["subject_id"].combine_chunks()
        if not opening.place.is_everywhere or not pc.all(pc.is_in(ids, owed), min_count=0).as_py():
            raise ValueError("a farewell is for people of whom it is owed")
        self._batches.open(connection, opening, Action.REMOVE, ids, {})
        return FarewellBatch(LEDGER_SEAL, platform, ids, self._sealer.identifiers(connection, ids))
