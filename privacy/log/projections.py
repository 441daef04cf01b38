"""The rows that rest on the log, compared with what the log says of them.

A row of `consent_event` or `decision` is vouched for by a member leaf, which is computed again from the row and the
person's audit key; a `batch` by its entry and its last receipt; a `batch_member` by its leaf; a `document` by its
digest. Rows too many, too few, changed, swapped or put back to an earlier state are each found.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Table, select, tuple_

from passerelle.privacy.held import Ints
from passerelle.privacy.log.audit_keys import AuditKeys
from passerelle.privacy.log.batches import Batches
from passerelle.privacy.log.blinding import blind
from passerelle.privacy.log.canonical import canonical
from passerelle.privacy.log.entries import Entry, Findings, MemberLeaves
from passerelle.privacy.log.leaves import batch_member_payload, consent_payload, decision_payload
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.seals import Seal, Sums
from passerelle.privacy.store.tables import batch_member, consent_event, decision, document
from passerelle.privacy.vault import Vault

_ROWS = 50_000

Payload = Callable[[pa.Table], list[bytes]]
Seen = dict[int, npt.NDArray[np.bool_]]
"""Per entry: which of its member leaves have a row."""


class Projections:
    """One comparison of the projections with the entries of a replayed log.

    `erased` counts rows of erased people, whose leaves nobody can compute any more; `sums` are the seals of the tables
    that were read on the way.
    """

    def __init__(
        self, store: Store, vault: Vault, connection: Connection, entries: list[Entry], findings: Findings
    ) -> None:
        self._store = store
        self._audit_keys = AuditKeys(vault, connection)
        self._connection = connection
        self._entries = entries
        self._findings = findings
        self._leaves = MemberLeaves(connection)
        self._named_erased = {
            person
            for _, entry in self._of("erasure")
            if entry.body.get("step") == "done"  # their keys are still needed before
            for person in entry.body.get("subject_ids", ())
        }
        self.erased = 0
        self.sums: Sums = {}

    def check(self) -> None:
        """Compare every table that the log covers."""
        self._check_consent_events()
        self._check_decisions()
        Batches(self._connection, self._entries, self._findings).check()
        self._check_batch_members()
        self._check_documents()

    def _check_consent_events(self) -> None:
        seen = self._rows_of(consent_event, ("event_id",), "consent", consent_payload)
        expected = {index: entry.members for index, entry in self._of("consent")}
        self._compare_counts(consent_event, seen, expected)

    def _check_decisions(self) -> None:
        """A decision stays until another of the same person replaces it, and each entry says how many it replaces."""
        seen = self._rows_of(decision, ("destination", "audience", "subject_id"), "decisions", decision_payload)
        live = Counter({index: entry.members for index, entry in self._of("decisions")})
        for _, entry in self._of("decisions"):
            live.subtract(entry.replaces)
        self._compare_counts(decision, seen, live)

    def _check_batch_members(self) -> None:
        by_label = {entry.body.get("label"): index for index, entry in self._of("batch")}

        labels = pa.array([str(label) for label in by_label], pa.string())
        entries = pa.array(list(by_label.values()), pa.int64())
        actions = pa.array([str(self._entries[index].body.get("action", "")) for index in by_label.values()])

        def payloads(rows: pa.Table) -> list[bytes]:
            places = pc.index_in(rows["batch_id"].combine_chunks(), labels)
            return batch_member_payload(rows.append_column("action", actions.take(places)))

        def placed(rows: pa.Table) -> pa.Table:
            places = pc.index_in(rows["batch_id"].combine_chunks(), labels)
            return rows.append_column("log_index", pc.fill_null(entries.take(places), -1))

        seen = self._rows_of(batch_member, ("batch_id", "subject_id"), "batch", payloads, placed)
        self._compare_counts(batch_member, seen, {index: entry.members for index, entry in self._of("batch")})

    def _check_documents(self) -> None:
        since = {}
        for row in self._connection.execute(select(document)).mappings():
            since[row["kind"], row["digest"]] = row["log_index"]
            self._check_document(row)
        for kind in ("policy", "notice"):
            for index, entry in self._of(kind):  # a policy may come into force again: its first entry has the row
                if since.get((kind, entry.body.get("digest")), index + 1) > index:
                    self._findings.add(document, f"of entry {index}", "is missing")

    def _check_document(self, row: Any) -> None:  # noqa: ANN401 - a row of `document`
        key = (row["kind"], row["name"])
        entry = self._entry(row["log_index"], row["kind"])
        said = None if entry is None else (entry.body.get("digest"), entry.body.get("name"), entry.at)
        if said != (row["digest"], row["name"], row["recorded_at"]):
            self._findings.add(document, key, "is not what its log entry says")
        try:
            body = json.loads(row["body"])
            shown = {"notice": row["name"], **body} if row["kind"] == "notice" else {"policy": body}
            sound = canonical(body).decode() == row["body"] and _digest(shown) == row["digest"]
        except (ValueError, TypeError):
            sound = False
        if not sound:
            self._findings.add(document, key, "its text is not that of its digest")

    # --- rows with a member leaf

    def _rows_of(
        self,
        table: Table,
        key: Sequence[str],
        kind: str,
        payload: Payload,
        placed: Callable[[pa.Table], pa.Table] = lambda rows: rows,
    ) -> Seen:
        """Compare each row's leaf with the one in the log; say which leaves have a row."""
        seen: Seen = {}
        seal_key = self._store.seal_key
        for chunk in self._chunks(table, key):
            if seal_key is not None:
                self.sums[table.name] = self.sums.get(table.name, Seal()) + seal_key.of(table, chunk)
            rows = placed(chunk)
            keys = rows.select(list(key))
            index, position = rows["log_index"].to_numpy(), rows["position"].to_numpy()
            inside = self._inside(index, position, kind)
            for place in np.flatnonzero(~inside):
                self._findings.add(table, _key(keys, int(place)), "names a log entry that has no such member")
            chosen = np.flatnonzero(inside)
            self._compare(table, rows.take(pa.array(chosen)), payload, keys.take(pa.array(chosen)))
            self._mark(table, keys, index, position, inside, seen)
        return seen

    def _mark(
        self, table: Table, keys: pa.Table, index: Ints, position: Ints, inside: npt.NDArray[np.bool_], seen: Seen
    ) -> None:
        for at in np.unique(index[inside]).tolist():
            here = np.flatnonzero(inside & (index == at))
            taken = seen.setdefault(at, np.zeros(self._entries[at].members, np.bool_))
            places, first = np.unique(position[here], return_index=True)
            again = np.setdiff1d(np.arange(len(here)), first)
            for place in (*here[again], *here[first[taken[places]]]):
                self._findings.add(table, _key(keys, int(place)), "shares its member leaf with another row")
            taken[places] = True

    def _compare(self, table: Table, rows: pa.Table, payload: Payload, keys: pa.Table) -> None:
        people = rows["subject_id"].combine_chunks()
        audit_keys = self._audit_keys.of(people)
        index, position = rows["log_index"].to_numpy(), rows["position"].to_numpy()
        payloads = payload(rows)
        order = np.argsort(index, kind="stable")
        lost: list[int] = []
        for group in np.split(order, np.flatnonzero(np.diff(index[order])) + 1) if len(order) else []:
            entry = int(index[group[0]])
            label = str(self._entries[entry].body.get("label", ""))
            rows_here = group.tolist()
            mine = blind([audit_keys[at] for at in rows_here], label, [payloads[at] for at in rows_here])
            logged = self._leaves.at(entry, position[group])
            if mine == logged:
                continue
            for at, leaf, other in zip(rows_here, mine, logged, strict=True):
                if leaf is None:
                    lost.append(at)
                elif leaf != other:
                    self._findings.add(table, _key(keys, at), "is not what the log says")
        self._check_lost(table, people.take(pa.array(lost, pa.int64())), [_key(keys, at) for at in lost])

    def _check_lost(self, table: Table, people: pa.Array, keys: list[object]) -> None:
        """Only whom an erasure in the log names may have no audit key; what `subject` says counts for nothing."""
        if not keys:
            return
        for person, key in zip(people.to_pylist(), keys, strict=True):
            if person in self._named_erased:
                self.erased += 1
            else:
                self._findings.add(table, key, "its person has no audit key, and no erasure in the log names them")

    # --- inside

    def _chunks(self, table: Table, key: Sequence[str]) -> Iterator[pa.Table]:
        columns = [table.c[name] for name in key]
        last: tuple[Any, ...] | None = None
        while True:
            statement = select(table).order_by(*columns).limit(_ROWS)
            if last is not None:
                statement = statement.where(tuple_(*columns) > tuple_(*last))
            rows = self._store.table(self._connection, statement)
            if not rows.num_rows:
                return
            yield rows
            last = tuple(rows[name][-1].as_py() for name in key)

    def _of(self, kind: str) -> Iterator[tuple[int, Entry]]:
        return ((index, entry) for index, entry in enumerate(self._entries) if entry.kind == kind)

    def _entry(self, index: int, kind: str) -> Entry | None:
        found = self._entries[index] if 0 <= index < len(self._entries) else None
        return found if found is not None and found.kind == kind else None

    def _inside(self, index: Ints, position: Ints, kind: str) -> npt.NDArray[np.bool_]:
        members = np.array([entry.members if entry.kind == kind else 0 for entry in self._entries] or [0])
        there = (index >= 0) & (index < len(members))
        inside: npt.NDArray[np.bool_] = there & (position >= 0) & (position < members[np.where(there, index, 0)])
        return inside

    def _compare_counts(self, table: Table, seen: Seen, expected: "dict[int, int] | Counter[int]") -> None:
        gone = self._destroyed(table)
        for index, count in expected.items():
            rows = gone[index] + (int(seen[index].sum()) if index in seen else 0)
            if rows != count:
                self._findings.add(table, f"of entry {index}", f"has {rows} rows instead of {count}")

    def _destroyed(self, table: Table) -> Counter[int]:
        """How many rows that rested on which entries went with their erased people."""
        gone: Counter[int] = Counter()
        for _, entry in self._of("erasure"):
            said = entry.body.get("gone")
            of_table = said.get(table.name) if isinstance(said, dict) else None
            gone.update({int(index): count for index, count in of_table.items()} if isinstance(of_table, dict) else {})
        return gone


def _digest(shown: object) -> str:
    return hashlib.sha256(canonical(shown)).hexdigest()


def _key(keys: pa.Table, place: int) -> object:
    values = tuple(keys.column(name)[place].as_py() for name in keys.column_names)
    return values[0] if len(values) == 1 else values
