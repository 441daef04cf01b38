"""A store in which people agreed and were sent, and short ways to have them leave."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from passerelle.privacy.consent import ConsentLog, Gate
from passerelle.privacy.consent.cleared import ClearedBatch
from passerelle.privacy.erasure import Desk, Finished, Kept, Open, Requested, finish, open_erasures, request
from passerelle.privacy.keys import Keyring
from passerelle.privacy.ledger import Ledger, Opening, Place, Remote, Told
from passerelle.privacy.log import Log
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import Store
from passerelle.privacy.subjects import Subjects
from passerelle.privacy.vocabulary import Destination, Purpose
from tests.privacy.consent.house import DAY, NOW, notice, policy, statement, table

PLACE = Place("meta", "vip")
KEYS = Keyring(bytes(range(32)))


class Town:
    """People 1 to 3: e-mail p1@example.org …, all consented; `sent` puts people into the audience."""

    def __init__(self, store: Store, connection: Connection) -> None:
        self.store, self.connection = store, connection
        self.subjects = Subjects(store, KEYS)
        self.log = Log(store, KEYS, origin="test")
        self.consents = ConsentLog(store, self.log, self.subjects)
        self.gate = Gate(store, self.log, self.subjects, policy(), {"ads": notice()})
        self.ledger = Ledger(store, self.log, self.subjects)
        self.desk = Desk(store, self.log, self.subjects, os.urandom)
        self.batches = 0
        remote = Remote("77", ("EMAIL",), Destination.META, Purpose.AD_LIST_MATCHING)
        self.ledger.remember(connection, PLACE, remote, now=NOW)
        self.come("p1@example.org", "p2@example.org", "p3@example.org")
        self.say(*({**statement(n), "raw": b"signal of " + bytes([64 + n])} for n in (1, 2, 3)))

    def come(self, *emails: str | None, now: int = NOW, **columns: Sequence[object]) -> list[int | None]:
        rows = pa.table({"email": pa.array(emails, pa.string()), **{name: list(v) for name, v in columns.items()}})
        rows = rows.append_column("country", pa.array(["FR"] * len(emails)))
        found: list[int | None] = self.subjects.register(self.connection, Personal(rows), now=now).to_pylist()
        return found

    def say(self, *said: Mapping[str, Any], now: int = NOW) -> None:
        self.consents.ingest(self.connection, table(*said), actor="test", now=now)

    def why(self, *ids: int, at: int = NOW + DAY) -> list[str]:
        decided = self.gate.decide(
            self.connection,
            pa.array(ids),
            purpose=Purpose.AD_LIST_MATCHING,
            destination=Destination.META,
            at=at,
        )
        reasons: list[str] = decided["reason"].to_pylist()
        return reasons

    def sent(self, *ids: int) -> None:
        opening = self._opening()
        cleared = self._cleared(ids)
        rows = Personal(pa.table({"EMAIL": [f"hash {n}" for n in ids]}))
        self.ledger.intend_add(self.connection, opening, cleared, rows, cleared.subject_ids, columns=("EMAIL",))
        self.ledger.receive(self.connection, opening.batch_id, Told(True, len(ids), 0, 0, {}, {}), now=NOW)

    def taken_out(self, *ids: int) -> list[dict[str, Any]]:
        """What is sent to the platform to take them out, which it then confirms."""
        opening = self._opening()
        batch = self.ledger.removal_batch(self.connection, PLACE, Destination.META, pa.array(ids))
        self.ledger.intend_removal(self.connection, opening, batch)
        count = len(batch.subject_ids)
        self.ledger.receive(self.connection, opening.batch_id, Told(True, count, 0, 0, {}, {}), now=NOW)
        rows: list[dict[str, Any]] = batch.rows.reveal().to_pylist()
        return rows

    def asked(self, *ids: int, now: int = NOW + DAY) -> Requested:
        return request(
            self.desk, self.connection, pa.array(ids, pa.int64()), cause="asked", suppression_days=30, now=now
        )

    def open(self) -> list[Open]:
        return open_erasures(self.desk, self.connection)

    def done(self, keep: Kept | None = None, *, now: int = NOW + 2 * DAY) -> Finished:
        return finish(self.desk, self.connection, self.open(), keep=keep, now=now)

    def erased(self, *ids: int, keep: Kept | None = None) -> Finished:
        self.asked(*ids)
        return self.done(keep)

    def _opening(self) -> Opening:
        self.batches += 1
        return Opening(f"b{self.batches}", "r1", PLACE, NOW)

    def _cleared(self, ids: Sequence[int]) -> ClearedBatch:
        return self.gate.clear(
            self.connection,
            pa.array(ids),
            audience=PLACE.audience,
            destination=Destination.META,
            destination_name=PLACE.destination,
            purpose=Purpose.AD_LIST_MATCHING,
            now=NOW,
        ).batch
