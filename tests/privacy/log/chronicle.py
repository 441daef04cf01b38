"""A store with a log that has something of everything, written the way the rooms write it."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection

from passerelle.privacy.keys import Keyring
from passerelle.privacy.log import Log, canonical
from passerelle.privacy.log.leaves import (
    batch_member_payload,
    batch_rows,
    consent_payload,
    decision_payload,
    named_digest,
    replaced,
)
from passerelle.privacy.personal import Personal
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.subjects import Subjects
from tests.privacy.store import stores

NOW = 1_763_700_000_000_000
PEOPLE = 12


@dataclass
class Chronicle:
    store: Store
    keys: Keyring
    log: Log
    subjects: Subjects
    anchor: Path

    def verify(self) -> list[str]:
        with self.store.read() as connection:
            return self.log.verify(connection).problems


def opened(folder: Path, url: str | None = None) -> Chronicle:
    keys = Keyring(bytes(range(32)))
    store = Store.open(url) if url else stores.opened(folder / "control.db")
    anchor = folder / "elsewhere" / "anchor.jsonl"
    log = Log(store, keys, "passerelle/test", anchor=anchor)
    with store.write() as connection:
        keys.bind(connection)
    return Chronicle(store, keys, log, Subjects(store, keys), anchor)


def told(chronicle: Chronicle) -> None:
    """Two consent imports, two decision runs, three batches, their receipts, documents, two checkpoints."""
    with chronicle.store.write() as connection:
        people = pa.table({"external_id": [f"C{n}" for n in range(PEOPLE)]})
        ids = chronicle.subjects.register(connection, Personal(people), now=NOW)
        document(chronicle, connection, "policy", {"version": 1})
        document(chronicle, connection, "notice", {"text": "…"})
        consents(chronicle, connection, ids, first=1)
        consents(chronicle, connection, ids.slice(3, 4), first=PEOPLE + 1)
        decisions(chronicle, connection, ids, reason="allowed", before=pa.array([], pa.int64()))
        chronicle.log.checkpoint(connection, now=NOW + 1)
    with chronicle.store.write() as connection:
        before = pa.array([5, 5, 5], pa.int64())
        decisions(chronicle, connection, ids.slice(0, 3), reason="withdrawn", before=before)
        batch(chronicle, connection, "b1", ids.slice(0, 6))
        batch(chronicle, connection, "b2", ids.slice(6, 2))
        batch(chronicle, connection, "b3", ids.slice(8, 2))
        receipt(chronicle, connection, "b1", rows=6)
        chronicle.log.append(connection, "receipt", {"batch": "b2", "state": "superseded"}, now=NOW + 3)
        connection.execute(
            t.batch.update().where(t.batch.c.batch_id == "b2").values(state="superseded", settled_at=NOW + 3)
        )
        chronicle.log.append(connection, "run", {"verb": "sync"}, now=NOW + 4)
        chronicle.log.checkpoint(connection, now=NOW + 5)


def document(chronicle: Chronicle, connection: Connection, kind: str, body: dict[str, object]) -> None:
    name = f"{kind}@1"
    shown = {"notice": name, **body} if kind == "notice" else {"policy": body}
    digest = hashlib.sha256(canonical(shown)).hexdigest()
    index = chronicle.log.append(connection, kind, {"name": name, "digest": digest}, now=NOW)
    row = {"kind": kind, "digest": digest, "name": name, "body": canonical(body).decode(), "log_index": index}
    connection.execute(t.document.insert().values(**row, recorded_at=NOW))


def consents(chronicle: Chronicle, connection: Connection, ids: pa.Array, *, first: int) -> None:
    count = len(ids)
    rows = {
        "event_id": pa.array(np.arange(first, first + count)),
        "subject_id": ids,
        "purpose": pa.repeat("ad_list_matching", count),
        "state": pa.repeat("ConsentGiven", count),
        "event_time": pa.array([None if n % 3 == 0 else NOW - n for n in range(count)], pa.int64()),
        "precision": pa.repeat("second", count),
        "recorded_at": pa.nulls(count, pa.int64()),
        "ingested_at": pa.array(np.full(count, NOW)),
        "valid_until": pa.nulls(count, pa.int64()),
        "notice": pa.repeat("ads-2026@1", count),
        "recipients": pa.nulls(count, pa.string()),
        "grade": pa.repeat("A", count),
        "stream": pa.repeat("crm", count),
        "method": pa.nulls(count, pa.string()),
        "actor": pa.repeat("pull", count),
        **{
            name: pa.nulls(count, pa.string()) for name in ("channel", "stop", "expression", "identified_by", "adapter")
        },
        "evidence": pa.nulls(count, pa.binary()),
        "fingerprint": pa.array([hashlib.md5(b"%d" % (first + n)).digest() for n in range(count)]),  # noqa: S324
    }
    label = f"consent-{first}"
    leaves = chronicle.log.member_leaves(connection, label, ids, consent_payload(pa.table(rows)))
    index = chronicle.log.append(connection, "consent", {"label": label}, now=NOW, members=leaves)
    rows |= {"log_index": pa.array(np.full(count, index)), "position": leaves.positions}
    chronicle.store.insert(connection, t.consent_event, rows)


def decisions(chronicle: Chronicle, connection: Connection, ids: pa.Array, *, reason: str, before: pa.Array) -> None:
    count = len(ids)
    rows = {
        "destination": pa.repeat("meta", count),
        "audience": pa.repeat("champions", count),
        "subject_id": ids,
        "allowed": pa.array(np.full(count, int(reason == "allowed"))),
        "reason": pa.repeat(reason, count),
        "event_id": pa.array(np.arange(1, count + 1)),
        "policy": pa.repeat("ab" * 32, count),
        "decided_at": pa.array(np.full(count, NOW)),
    }
    label = f"decisions-{chronicle.log.size(connection)}"
    leaves = chronicle.log.member_leaves(connection, label, ids, decision_payload(pa.table(rows)))
    body = {"label": label, "replaces": replaced(before)}
    index = chronicle.log.append(connection, "decisions", body, now=NOW, members=leaves)
    rows |= {"log_index": pa.array(np.full(count, index)), "position": leaves.positions}
    chronicle.store.insert(connection, t.decision, rows, on_conflict="replace")


def batch(chronicle: Chronicle, connection: Connection, batch_id: str, ids: pa.Array) -> None:
    count = len(ids)
    leaves = chronicle.log.member_leaves(
        connection, batch_id, ids, batch_member_payload(batch_rows(batch_id, "add", ids))
    )
    said = {"destination": "meta", "audience": "champions", "action": "add", "rows": count}
    body = {"label": batch_id, "run": "r1", **said}
    index = chronicle.log.append(connection, "batch", body, now=NOW + 2, members=leaves)
    row = {**said, "batch_id": batch_id, "run_id": "r1", "state": "intended", "log_index": index}
    connection.execute(t.batch.insert().values(**row, accepted=0, rejected=0, pending=count, intended_at=NOW + 2))
    members = {"batch_id": pa.repeat(batch_id, count), "subject_id": ids, "position": leaves.positions}
    chronicle.store.insert(connection, t.batch_member, members)


def receipt(chronicle: Chronicle, connection: Connection, batch_id: str, *, rows: int) -> None:
    counts = {"accepted": rows - 2, "rejected": 2, "pending": 0}
    told = {"request": {"id": "q1"}, "reasons": {"malformed": 2}}
    mine = t.batch_member.c.batch_id == batch_id
    connection.execute(t.batch_member.update().where(mine, t.batch_member.c.position < 2).values(rejected="malformed"))
    named = named_digest([(0, "malformed"), (1, "malformed")])
    body = {"batch": batch_id, "state": "settled", "named": named, **counts, **told}
    chronicle.log.append(connection, "receipt", body, now=NOW + 3)
    values = {"state": "settled", "settled_at": NOW + 3, "receipt": canonical(told).decode(), **counts}
    connection.execute(t.batch.update().where(t.batch.c.batch_id == batch_id).values(**values))
