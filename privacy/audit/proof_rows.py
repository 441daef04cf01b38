"""Which rows are evidence about people: what they were in, on what ground, what they said, and how it ended."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, and_, select, true

from passerelle.privacy.consent.kin import kin
from passerelle.privacy.log import Log
from passerelle.privacy.log.blinding import leaf
from passerelle.privacy.log.leaves import CONSENT_COLUMNS, DECISION_COLUMNS, decision_payload
from passerelle.privacy.log.member_tree import MemberTree
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t

Row = Mapping[str, Any]

_ALLOWED = ("consent", "legitimate_interest")
_KINDS = ("batch", "receipt", "decisions", "consent", "key")


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom and what evidence is about. `people` None: everybody. None elsewhere: all.

    `since` and `until` (microseconds UTC, until exclusive) are about when somebody was sent; removals that follow, the
    consents and the decisions come along whenever they were.
    """

    people: Sequence[int] | None = ()
    batch: str | None = None
    destination: str | None = None
    audience: str | None = None
    since: int | None = None
    until: int | None = None
    below: int = 0
    """Only entries before this index: those that the checkpoint is about."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A row that a member leaf vouches for: where that stands, under which label, and how many stand beside it."""

    kind: str
    entry: int
    position: int
    label: str
    members: int
    subject_id: int
    row: Row

    @property
    def shown(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return {name: value.hex() if isinstance(value, bytes) else value for name, value in self.row.items()}


@dataclass(frozen=True, slots=True)
class _Entry:
    index: int
    body: Mapping[str, Any]

    @property
    def place(self) -> tuple[Any, Any]:
        return self.body.get("destination"), self.body.get("audience")


class Rows:
    """The rows about the people asked for, as the store has them."""

    def __init__(self, store: Store, log: Log, connection: Connection, asked: Asked) -> None:
        self._store = store
        self._log = log
        self._connection = connection
        self._asked = asked
        self._trees: dict[int, MemberTree] = {}
        self.receipts: list[int] = []
        """Indexes of what the platforms said of the batches; known after `statements`."""

    def statements(self) -> list[Statement]:
        """Batches, what they rest on, and everything that was said; each once, in the order of the log."""
        added = self._batches("add", self._adds())
        places = {(one.label, self._by_label[one.label].place) for one in added}
        first = {place: min(self._by_label[label].index for label, at in places if at == place) for _, place in places}
        removed = self._batches("remove", self._removals(first))
        batches = {one.label for one in (*added, *removed)}
        self.receipts = [one.index for one in self._entries("receipt") if one.body.get("batch") in batches]
        consents = self._consents(added)
        found = [*added, *removed, *consents, *self._decisions(added, consents)]
        once = {(one.entry, one.position): one for one in found}
        return [one for _, one in sorted(once.items())]

    def people(self) -> dict[str, list[int]]:
        """The pseudonym of each person asked about, and the numbers that their rows have."""
        ids = self._asked.people
        if ids is None:
            ids = self._store.table(self._connection, select(t.subject.c.subject_id))["subject_id"].to_pylist()
        wanted = [t.subject.c.subject_id, t.subject.c.subject_ref]
        with self._store.among(self._connection, pa.array(ids, pa.int64())) as chosen:
            rows = self._connection.execute(
                select(*wanted).where(t.subject.c.subject_id.in_(select(chosen)), t.subject.c.erased_at.is_(None))
            ).all()
        return {row.subject_ref: sorted(self._family(row.subject_id)) for row in rows}

    @property
    def keys(self) -> list[int]:
        """Indexes of the entries by which the log's signing keys handed over."""
        return [one.index for one in self._entries("key") if "handover" in one.body]

    # --- batches

    def _adds(self) -> list[str]:
        b, asked = t.batch.c, self._asked
        where: list[ColumnElement[bool]] = [b.action == "add", b.log_index < asked.below]
        where += [b.batch_id == asked.batch] if asked.batch is not None else []
        where += [b.destination == asked.destination] if asked.destination is not None else []
        where += [b.audience == asked.audience] if asked.audience is not None else []
        where += [b.intended_at >= asked.since] if asked.since is not None else []
        where += [b.intended_at < asked.until] if asked.until is not None else []
        rows = self._connection.execute(select(b.batch_id).where(*where).order_by(b.log_index))
        return [row.batch_id for row in rows]

    def _removals(self, first: Mapping[tuple[Any, Any], int]) -> list[str]:
        """Removals from places that somebody was sent to, after that."""
        b = t.batch.c
        wanted = select(b.batch_id, b.destination, b.audience, b.log_index)
        rows = self._connection.execute(wanted.where(b.action == "remove", b.log_index < self._asked.below))
        return [row.batch_id for row in rows if row.log_index > first.get((row.destination, row.audience), 1 << 62)]

    def _batches(self, action: str, labels: Sequence[str]) -> list[Statement]:
        m = t.batch_member.c
        found: list[Statement] = []
        for label in labels:
            entry = self._by_label[label]
            wanted = select(m.subject_id, m.position).where(m.batch_id == label, self._mine(m.subject_id))
            found += [
                self._statement(
                    "batch",
                    entry,
                    row.position,
                    {"batch_id": label, "action": action, "subject_id": row.subject_id},
                )
                for row in self._connection.execute(wanted)
            ]
        return found

    # --- consents and decisions

    def _consents(self, added: Sequence[Statement]) -> list[Statement]:
        """Everything that the people said of the purposes they were sent for."""
        c = t.consent_event.c
        people = {id_ for one in added for id_ in self._family(one.subject_id)}
        purposes = {self._by_label[one.label].body.get("purpose") for one in added}
        wanted = select(*(c[name] for name in (*CONSENT_COLUMNS, "log_index", "position")))
        with self._store.among(self._connection, pa.array(sorted(people), pa.int64())) as chosen:
            here = and_(c.subject_id.in_(select(chosen)), c.purpose.in_(purposes), c.log_index < self._asked.below)
            rows = self._connection.execute(wanted.where(here)).mappings().all()
        return [self._of(dict(row), "consent", CONSENT_COLUMNS) for row in rows]

    def _decisions(self, added: Sequence[Statement], consents: Sequence[Statement]) -> list[Statement]:
        """The decision that let each person in, and the last one: they are the same until somebody says no."""
        said: dict[int, list[int]] = {}
        for one in consents:
            said.setdefault(one.subject_id, []).append(one.row["event_id"])
        found = []
        for one in added:
            batch = self._by_label[one.label]
            ids = self._family(one.subject_id)
            last = self._kept(ids, batch)
            found += last
            if not any(each.entry < batch.index and each.row["allowed"] for each in last):
                events = [event for id_ in ids for event in said.get(id_, [])]
                found += self._replaced(ids, batch, events)
        return found

    def _kept(self, ids: Sequence[int], batch: _Entry) -> list[Statement]:
        d = t.decision.c
        here = and_(d.destination == batch.place[0], d.audience == batch.place[1], d.subject_id.in_(ids))
        wanted = select(*(d[name] for name in (*DECISION_COLUMNS, "log_index", "position")))
        rows = self._connection.execute(wanted.where(here, d.log_index < self._asked.below)).mappings().all()
        return [self._of(dict(row), "decisions", DECISION_COLUMNS) for row in rows]

    def _replaced(self, ids: Sequence[int], batch: _Entry, events: Sequence[int]) -> list[Statement]:
        """A yes whose row was overwritten since: found again among the leaves, which ascend, by what it must say."""
        for entry in reversed([one for one in self._entries("decisions") if one.index < batch.index]):
            if entry.place != batch.place:
                continue
            rows = [
                {
                    "destination": entry.place[0],
                    "audience": entry.place[1],
                    "subject_id": id_,
                    "allowed": 1,
                    "reason": reason,
                    "event_id": event,
                    "policy": entry.body["policy"],
                    "decided_at": entry.body["at"],
                }
                for id_ in ids
                for reason in _ALLOWED
                for event in (*events, None)
            ]
            found = self._standing(entry, rows)
            if found:
                return found
        return []

    def _standing(self, entry: _Entry, rows: Sequence[Row]) -> list[Statement]:
        """Those of `rows` that have a leaf in the entry."""
        people = pa.array([row["subject_id"] for row in rows], pa.int64())
        nonces = self._log.nonces(self._connection, str(entry.body["label"]), people)
        tree = self._trees.setdefault(entry.index, MemberTree(self._connection, entry.index))
        found = []
        payloads = decision_payload(pa.Table.from_pylist([dict(row) for row in rows]))
        for row, nonce, payload in zip(rows, nonces, payloads, strict=True):
            position = None if nonce is None else tree.find(leaf(nonce, payload))
            if position is not None:
                found.append(self._statement("decisions", entry, position, row))
        return found

    # --- inside

    def _of(self, row: Row, kind: str, columns: Sequence[str]) -> Statement:
        return self._statement(kind, self._at[row["log_index"]], row["position"], {name: row[name] for name in columns})

    def _statement(self, kind: str, entry: _Entry, position: int, row: Row) -> Statement:
        label, members = str(entry.body.get("label")), int(entry.body.get("members", 0))
        return Statement(kind, entry.index, position, label, members, row["subject_id"], row)

    def _mine(self, column: ColumnElement[int]) -> ColumnElement[bool]:
        if self._asked.people is None:
            return true()
        return column.in_({id_ for one in self._asked.people for id_ in self._family(one)})

    def _family(self, subject_id: int) -> list[int]:
        """Every number of the person who has this one."""
        return self._families.get(subject_id, [subject_id])

    @cached_property
    def _families(self) -> dict[int, list[int]]:
        merged = kin(self._store, self._connection)
        found: dict[int, list[int]] = {}
        for one, survivor in zip(merged["subject_id"].to_pylist(), merged["survivor"].to_pylist(), strict=True):
            found.setdefault(survivor, [survivor]).append(one)
        return {one: every for every in found.values() for one in every}

    def _entries(self, kind: str) -> list[_Entry]:
        return [one for index, one in sorted(self._at.items()) if self._kinds[index] == kind]

    @cached_property
    def _kinds(self) -> dict[int, str]:
        c = t.log_entry.c
        wanted = select(c.log_index, c.kind).where(c.kind.in_(_KINDS), c.log_index < self._asked.below)
        return {row.log_index: row.kind for row in self._connection.execute(wanted)}

    @cached_property
    def _at(self) -> dict[int, _Entry]:
        c = t.log_entry.c
        wanted = select(c.log_index, c.body).where(c.kind.in_(_KINDS), c.log_index < self._asked.below)
        found = {}
        for index, body in self._connection.execute(wanted):
            record = json.loads(body)
            found[index] = _Entry(index, {**record["body"], "at": record["at"]})
        return found

    @cached_property
    def _by_label(self) -> dict[str, _Entry]:
        return {str(one.body.get("label")): one for one in self._entries("batch")}
