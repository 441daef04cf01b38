"""Rows of `batch`, compared with their log entry and their last receipt."""

import json
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select

from passerelle.privacy.log.entries import Entry, Findings
from passerelle.privacy.log.leaves import named_digest
from passerelle.privacy.store.tables import batch, batch_member

_OPENED = {"batch_id": "label", "run_id": "run", "destination": "destination", "audience": "audience"} | {
    "action": "action",
    "rows": "rows",
}
"""Columns of a batch, and where its entry says the same."""

_TOLD = ("state", "accepted", "rejected", "pending")


class Batches:
    """One comparison of all batches with the log's entries."""

    def __init__(self, connection: Connection, entries: list[Entry], findings: Findings) -> None:
        self._connection = connection
        self._entries = entries
        self._findings = findings
        self._receipts = {
            entry.body.get("batch"): entry for entry in entries if entry.kind == "receipt" and "batch" in entry.body
        }

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
        receipt = self._receipts.get(key)
        if not (self._untold(row) if receipt is None else self._told_so(row, receipt)):
            self._findings.add(batch, key, "is not what its last receipt says")
        if receipt is not None and "named" in receipt.body and receipt.body["named"] != self._named(key):
            self._findings.add(batch_member, key, "other members are rejected than its last receipt says")

    def _opened_so(self, row: dict[str, Any], entry: Entry) -> bool:
        same = all(entry.body.get(said) == row[column] for column, said in _OPENED.items())
        return same and entry.at == row["intended_at"] and entry.members == row["rows"]

    def _untold(self, row: dict[str, Any]) -> bool:
        counts = (row["accepted"], row["rejected"], row["pending"])
        return row["state"] == "intended" and counts == (0, 0, row["rows"]) and not row["receipt"]

    def _told_so(self, row: dict[str, Any], receipt: Entry) -> bool:
        if any(receipt.body[name] != row[name] for name in _TOLD if name in receipt.body):
            return False
        settled = row["settled_at"] if row["state"] in {"settled", "superseded"} else None
        if row["settled_at"] != settled or (settled is not None and settled != receipt.at):
            return False
        told = json.loads(row["receipt"] or "{}")
        return all(receipt.body.get(name) == told.get(name) for name in ("request", "reasons") if name in receipt.body)

    def _named(self, batch_id: str) -> str:
        columns = (batch_member.c.position, batch_member.c.rejected)
        where = (batch_member.c.batch_id == batch_id, batch_member.c.rejected.is_not(None))
        rows = self._connection.execute(select(*columns).where(*where)).all()
        return named_digest(pa.array([row[0] for row in rows]), pa.array([row[1] for row in rows]))
