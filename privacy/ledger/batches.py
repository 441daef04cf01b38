"""Rows of `batch` and `batch_member`: what is pushed, whom it is about, and what became of it."""

import json
from collections.abc import Mapping

import pyarrow as pa
from sqlalchemy import Connection, RowMapping, Select, and_, select

from passerelle.privacy.ledger.words import OPEN, Batch, Opening, Place, Told, at
from passerelle.privacy.log.journal import Journal
from passerelle.privacy.log.leaves import batch_member_payload, batch_rows, named_digest
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Action

_b, _member = t.batch.c, t.batch_member.c


def people_of(batch_id: str) -> Select[tuple[int]]:
    """Whom a batch is about: naming them has a membership looked up by its key, where a place's are very many."""
    return select(_member.subject_id).where(_member.batch_id == batch_id)


class Batches:
    """The batches of a store, each of them in the log as well. Every method works in the caller's transaction."""

    def __init__(self, store: Store, log: Journal) -> None:
        self._store = store
        self._log = log

    def open(
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
            **({"split": opening.split} if opening.split is not None else {}),
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

    def in_state(self, connection: Connection, place: Place | None, state: str) -> list[Batch]:
        """Batches in one state, oldest first; of one place, or of all."""
        where = _b.state == state
        statement = select(t.batch).where(where if place is None else and_(where, at(t.batch, place)))
        return [_batch(row) for row in connection.execute(statement.order_by(_b.intended_at)).mappings()]

    def waits(self, connection: Connection, place: Place) -> bool:
        """Whether a push here waits for its receipt, or a receipt for its end."""
        waiting = select(_b.batch_id).where(at(t.batch, place), _b.state.in_(OPEN))
        return connection.execute(waiting.limit(1)).first() is not None

    def about(self, connection: Connection, batch_id: str) -> tuple[Place, Action]:
        """Where a batch goes, and what it does."""
        columns = (_b.destination, _b.audience, _b.action)
        row = connection.execute(select(*columns).where(_b.batch_id == batch_id)).one()
        return Place(row.destination, row.audience), Action(row.action)

    def people(self, connection: Connection, batch_id: str) -> pa.Array:
        """Whom it is about."""
        return self._store.table(connection, people_of(batch_id))["subject_id"].combine_chunks()

    def rejected(self, connection: Connection, batch_id: str) -> pa.Array:
        """Who of it was rejected by name."""
        named = people_of(batch_id).where(_member.rejected.is_not(None))
        return self._store.table(connection, named)["subject_id"].combine_chunks()

    def names_anybody(self, connection: Connection, batch_id: str) -> bool:
        """Whether anybody of it was rejected by name."""
        named = people_of(batch_id).where(_member.rejected.is_not(None))
        return connection.execute(named.limit(1)).first() is not None

    def name_rejected(self, connection: Connection, batch_id: str, named: pa.Table) -> None:
        """Record who was rejected by name: `subject_id`, `reason`."""
        ids = named["subject_id"]
        rows = {"batch_id": [batch_id] * len(ids), "subject_id": ids, "rejected": named["reason"]}
        self._store.update(connection, t.batch_member, rows)

    def close(self, connection: Connection, batch_id: str, told: Told, *, now: int) -> None:
        """Record what was told of it; settled, it is done with."""
        counts = {"accepted": told.accepted, "rejected": told.rejected, "pending": told.pending}
        receipt = {"request": dict(told.request), "reasons": dict(told.reasons)}
        state = "settled" if told.settled else "accepted"
        settled_at = now if told.settled else None
        values = {"state": state, "receipt": json.dumps(receipt), "settled_at": settled_at, **counts}
        self._store.update_where(connection, t.batch, values, _b.batch_id == batch_id)
        named = named_digest(self._rejected_by_name(connection, batch_id))
        body = {"batch": batch_id, "state": state, **counts, **receipt, "named": named}
        self._log.append(connection, "receipt", body, now=now)

    def give_up(self, connection: Connection, batch_id: str, *, now: int) -> None:
        """Close one without a receipt: whoever hangs on it stays uncertain."""
        values = {"state": "superseded", "settled_at": now}
        self._store.update_where(connection, t.batch, values, _b.batch_id == batch_id)
        self._log.append(connection, "receipt", {"batch": batch_id, "state": "superseded"}, now=now)

    def _rejected_by_name(self, connection: Connection, batch_id: str) -> list[tuple[int, str]]:
        named = (_member.batch_id == batch_id, _member.rejected.is_not(None))
        rows = connection.execute(select(_member.position, _member.rejected).where(*named))
        return [(int(position), str(reason)) for position, reason in rows]


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
