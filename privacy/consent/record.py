"""The consent log: what was said, once each, in the order it was heard.

The order of writes: the statements that are new are found, their leaves go into one log entry, and the rows that
name that entry go into the store, all in the caller's transaction. Nothing is ever updated.
"""

import json
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, func, select

from passerelle.privacy.consent.events import Checked, checked, fingerprints, permits
from passerelle.privacy.consent.kin import kin, survivors
from passerelle.privacy.log.journal import Journal
from passerelle.privacy.log.leaves import consent_payload
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t


@dataclass(frozen=True, slots=True, eq=False)
class Ingested:
    """What came of one import. new + known + the rows of `refused` = the rows handed over.

    `vetoed` (subject_id, purpose; distinct) are the people of new events that do not permit: their removals are to be
    queued in the same transaction. `refused` has `row` and `reason`, see `events.REFUSALS`.
    """

    new: int
    known: int
    vetoed: pa.Table
    refused: pa.Table


SIGNAL = b"signal"
"""What raw signals are sealed for: see `Subjects.unseal`."""


class Sealer(Protocol):
    """Seals what is a person's own (`privacy.subjects.Subjects` does)."""

    def seal(self, connection: Connection, ids: pa.Array, payloads: list[bytes], *, use: bytes) -> list[bytes]:
        """Each payload under its person's data key."""
        ...

    def evidence(self, connection: Connection, ids: pa.Array, signals: list[bytes]) -> list[bytes]:
        """32 bytes each, keyed with the person's audit key."""
        ...


class ConsentLog:
    """Takes consent events in, each statement once. `subjects` seals the raw signals."""

    def __init__(self, store: Store, log: Journal, subjects: Sealer) -> None:
        self._store = store
        self._log = log
        self._subjects = subjects

    def ingest(self, connection: Connection, events: pa.Table, *, actor: str, now: int) -> Ingested:
        """Keep what is new of `events` (see `CONSENT_EVENTS`), with one log entry, or none where nothing is.

        The same statement heard again changes nothing. Rows that cannot be kept are in `refused`; they stop nothing.
        """
        sound = checked(events, now=now, gone=self._erased(connection))
        table, marks = self._unheard(connection, sound)
        if table.num_rows:
            self._write(connection, table, marks, actor=actor, now=now)
        vetoed = table.filter(pc.invert(permits(table["state"]))).select(["subject_id", "purpose"])
        return Ingested(
            new=table.num_rows,
            known=sound.events.num_rows - table.num_rows,
            vetoed=vetoed.group_by(["subject_id", "purpose"]).aggregate([]),
            refused=sound.refused,
        )

    def _erased(self, connection: Connection) -> pa.Array:
        """People who were erased: nothing more is kept of them, and they have no key to blind a leaf with."""
        erased = select(t.subject.c.subject_id).where(t.subject.c.erased_at.is_not(None))
        return self._store.table(connection, erased)["subject_id"].combine_chunks()

    def _unheard(self, connection: Connection, sound: Checked) -> tuple[pa.Table, pa.Array]:
        """The events that are new, of the people as they are today, and their fingerprints."""
        kin_of = kin(self._store, connection)
        table = _of(sound.events, pa.array(survivors(sound.events["subject_id"].to_numpy(), kin_of)))
        marks = fingerprints(table)
        known = np.asarray(pc.is_in(marks, self._among(connection, marks)).to_numpy(zero_copy_only=False), bool)
        known |= self._heard_of_kin(connection, table, kin_of)
        again = np.flatnonzero(known & _undated_vetoes(table))
        if len(again):
            salt = self._since_contradicted(connection, table.take(pa.array(again)))
            marks = _replaced(marks, again, fingerprints(table.take(pa.array(again)), salt))
            known[again] = salt.is_null().to_numpy(zero_copy_only=False)
        _, first = np.unique(np.asarray(marks.to_numpy(zero_copy_only=False)), return_index=True)
        once = np.zeros(len(known), bool)
        once[first] = True
        new = pa.array(once & ~known)
        return table.filter(new), marks.filter(new)

    def _among(self, connection: Connection, marks: pa.Array) -> pa.Array:
        """Those of `marks` that are in the store."""
        if not len(marks) or connection.execute(select(t.consent_event.c.event_id).limit(1)).first() is None:
            return pa.array([], pa.binary(16))
        with self._store.among(connection, marks) as chosen:
            mark = t.consent_event.c.fingerprint
            held = select(mark).where(mark.in_(select(chosen)))
            return self._store.table(connection, held)["fingerprint"].combine_chunks().cast(pa.binary(16))

    def _heard_of_kin(self, connection: Connection, table: pa.Table, kin_of: pa.Table) -> Any:  # noqa: ANN401 - booleans
        """Whether each statement was heard before of somebody who has since turned out to be this person."""
        heard = np.zeros(table.num_rows, bool)
        if not kin_of.num_rows:
            return heard
        rows = pa.table({"row": np.arange(table.num_rows), "survivor": table["subject_id"]})
        pairs = rows.join(kin_of, "survivor", join_type="inner")
        if pairs.num_rows:
            marks = fingerprints(_of(table.take(pairs["row"]), pairs["subject_id"]))
            known = pc.is_in(marks, self._among(connection, marks))
            heard[pairs["row"].to_numpy()[np.asarray(known.to_numpy(zero_copy_only=False), bool)]] = True
        return heard

    def _since_contradicted(self, connection: Connection, table: pa.Table) -> pa.Array:
        """For refusals without a date that were heard before: the event heard since that says otherwise, or null.

        "No" and "yes" and "no" again, without a date, are three statements: the last must not pass for the first.
        """
        keys = ["subject_id", "purpose", "stream", "channel", "stop"]
        c = t.consent_event.c
        channel, stop = (func.coalesce(column, "").label(column.name) for column in (c.channel, c.stop))
        with self._store.among(connection, table["subject_id"].combine_chunks()) as chosen:
            latest = (
                select(func.max(c.event_id).label("event_id"))
                .where(c.subject_id.in_(select(chosen)))
                .group_by(c.subject_id, c.purpose, c.stream, channel, stop)
                .subquery()
            )
            held = self._store.table(
                connection,
                select(c.event_id, c.subject_id, c.purpose, c.stream, channel, stop, c.state, c.precision).join(
                    latest, latest.c.event_id == c.event_id
                ),
            )
        asked = table.select([*keys, "state"]).append_column("row", pa.array(np.arange(table.num_rows)))
        for name in ("channel", "stop"):
            place = asked.schema.get_field_index(name)
            asked = asked.set_column(place, name, pc.fill_null(asked[name], ""))
        found = asked.join(held, keys, join_type="left outer", right_suffix="_last").sort_by("row")
        same = pc.and_(pc.equal(found["state"], found["state_last"]), pc.equal(found["precision"], "unknown"))
        salt = pc.if_else(pc.fill_null(same, fill_value=True), None, found["event_id"].cast(pa.string()))
        return salt.combine_chunks()

    def _write(self, connection: Connection, table: pa.Table, marks: pa.Array, *, actor: str, now: int) -> None:
        count = table.num_rows
        last = self._last_event(connection)
        rows = {name: table[name].combine_chunks() for name in table.column_names}
        rows["event_id"] = pa.array(np.arange(last + 1, last + 1 + count))
        rows["ingested_at"] = pa.array(np.full(count, now))
        rows["actor"] = pa.repeat(actor, count)
        rows["fingerprint"] = marks.cast(pa.binary())
        rows["evidence"], rows["raw"] = self._sealed(connection, rows["subject_id"], rows["raw"])
        label = f"consent-{last + 1}"
        leaves = self._log.member_leaves(connection, label, rows["subject_id"], consent_payload(pa.table(rows)))
        tally = table["purpose"].value_counts().to_pylist()
        body = {
            "label": label,
            "actor": actor,
            "first_event": last + 1,
            "new": count,
            "permitting": pc.sum(permits(table["state"]), min_count=0).as_py(),
            "purposes": {item["values"]: item["counts"] for item in tally},
        }
        rows["log_index"] = pa.repeat(self._log.append(connection, "consent", body, now=now, members=leaves), count)
        rows["position"] = leaves.positions
        self._store.insert(connection, t.consent_event, rows)

    def _last_event(self, connection: Connection) -> int:
        """The last event's number, be its row gone with an erased person: the log knows it, and none is used twice."""
        c = t.log_entry.c
        newest = select(c.body).where(c.kind == "consent").order_by(c.log_index.desc()).limit(1)
        entry = connection.scalar(newest)
        if entry is None:
            return 0
        body = json.loads(entry)["body"]
        return int(body["first_event"]) + int(body["new"]) - 1

    def _sealed(self, connection: Connection, ids: pa.Array, raw: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Digests of the raw signals and the sealed signals, both null where there is none."""
        there = raw.is_valid()
        people, signals = ids.filter(there), raw.drop_null().to_pylist()
        if not signals:
            return pa.nulls(len(raw), pa.binary()), raw
        digests = self._subjects.evidence(connection, people, signals)
        sealed = self._subjects.seal(connection, people, signals, use=SIGNAL)
        empty = pa.nulls(len(raw), pa.binary())
        return (
            pc.replace_with_mask(empty, there, pa.array(digests, pa.binary())),
            pc.replace_with_mask(empty, there, pa.array(sealed, pa.binary())),
        )


def _of(table: pa.Table, subject_ids: pa.Array | pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index("subject_id"), "subject_id", subject_ids)


def _undated_vetoes(table: pa.Table) -> Any:  # noqa: ANN401 - booleans
    undated = pc.and_(pc.invert(permits(table["state"])), pc.is_null(table["event_time"]))
    return np.asarray(undated.to_numpy(), bool)


def _replaced(marks: pa.Array, places: Any, others: pa.Array) -> pa.Array:  # noqa: ANN401 - row numbers
    mask = np.zeros(len(marks), bool)
    mask[places] = True
    return pc.replace_with_mask(marks, pa.array(mask), others)
