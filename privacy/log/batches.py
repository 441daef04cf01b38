"""Rows of `batch`, compared with their log entry and their last receipt."""

import json
from typing import Any

from sqlalchemy import Connection, select

from passerelle.privacy.log.canonical import canonical
from passerelle.privacy.log.entries import Entry, Findings
from passerelle.privacy.log.leaves import named_digest
from passerelle.privacy.store.tables import batch, batch_member

_OPENED = {"batch_id": "label", "run_id": "run", "destination": "destination", "audience": "audience"} | {
    "action": "action",
    "rows": "rows",
    "replacement": "replacement",
}
"""Columns of a batch, and where its entry says the same."""

_TOLD = ("state", "accepted", "rejected", "pending")
_ENDED = ("settled", "superseded")


class Batches:
    """One comparison of all batches with the log's entries."""

    def __init__(self, connection: Connection, entries: list[Entry], findings: Findings) -> None:
        self._connection = connection
        self._entries = entries
        self._findings = findings
        self._receipts: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.kind == "receipt" and "batch" in entry.body:
                self._receipts.setdefault(entry.body["batch"], []).append(entry)

    def check(self) -> None:
        """Each batch has its entry, each entry its batch, and both say the same."""
        found = set()
        for row in self._connection.execute(select(batch)).mappings():
            found.add(row["log_index"])
            self._check(dict(row))
        for index, entry in enumerate(self._entries):
            if entry.kind == "batch" and index not in found:
                self._findings.add(batch, f"of entry {index}", "is missing")

    def _check(self, row: dict[str, Any]) -> None:
        index, key = row["log_index"], row["batch_id"]
        entry = self._entries[index] if 0 <= index < len(self._entries) else None
        if entry is None or entry.kind != "batch" or not self._opened_so(row, entry):
            self._findings.add(batch, key, "is not what its log entry says")
        receipts = self._receipts.get(key, [])
        if not self._told_so(row, receipts):
            self._findings.add(batch, key, "is not what its receipts say")
        if not self._named_so(key, receipts[-1].body if receipts else {}):
            self._findings.add(batch_member, key, "other members are rejected than its last receipt says")

    def _opened_so(self, row: dict[str, Any], entry: Entry) -> bool:
        same = all(entry.body.get(said) == row[column] for column, said in _OPENED.items())
        return same and entry.at == row["intended_at"] and entry.members == row["rows"]

    def _told_so(self, row: dict[str, Any], receipts: list[Entry]) -> bool:
        """Whether the row is what it opened as, changed by each receipt in turn."""
        stands = {"state": "intended", "accepted": 0, "rejected": 0, "pending": row["rows"], "settled_at": None}
        said: dict[str, Any] = {}
        for entry in receipts:
            stands |= {name: entry.body[name] for name in _TOLD if name in entry.body}
            stands["settled_at"] = entry.at if stands["state"] in _ENDED else None
            said |= {name: entry.body[name] for name in ("request", "reasons") if name in entry.body}
        try:
            told = json.loads(row["receipt"] or "{}")
            written = not row["receipt"] or row["receipt"] in {json.dumps(told), canonical(told).decode()}
        except (ValueError, TypeError):
            return False
        return written and told == said and all(row[name] == value for name, value in stands.items())

    def _named_so(self, batch_id: str, body: dict[str, Any]) -> bool:
        """Whether those rejected by name are who the receipt says, or at least no more than it counts."""
        columns = (batch_member.c.position, batch_member.c.rejected)
        where = (batch_member.c.batch_id == batch_id, batch_member.c.rejected.is_not(None))
        rows = self._connection.execute(select(*columns).where(*where)).all()
        if "named" not in body:
            return len(rows) <= (body.get("rejected") or 0)
        return bool(named_digest([(position, reason) for position, reason in rows]) == body["named"])
