"""Every erasure as the log tells it: when it was asked for, what was destroyed, what is kept, until when."""

import json
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from passerelle.privacy.store import tables as t

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class Told:
    """One erasure. Times are microseconds UTC; `asked_at` is when the request came, `heard_at` when we were told."""

    erasure: str
    cause: str
    asked_at: int
    heard_at: int
    people: int
    """How many numbers the person had: merges make more than one."""
    done_at: int | None = None
    evidence: str | None = None
    """SHA-256 of what was sealed, in hex."""
    destroy_after: int | None = None
    evidence_gone_at: int | None = None

    @property
    def due_at(self) -> int:
        """A month after it came: GDPR art. 12(3)."""
        return a_month_after(self.asked_at)


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What went in one go: rows by table, of so many erasures."""

    at: int
    log_index: int
    erasures: int
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class Ended:
    """What was destroyed because its time was over."""

    at: int
    fingerprints: int
    evidence: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it, in the order of the log."""

    erasures: list[Told]
    destroyed: list[Destroyed]
    ended: list[Ended]
    fingerprints_until: int | None
    """When the last of the fingerprints will be destroyed; None where there are none."""


def overview(connection: Connection, *, log_size: int | None = None) -> Overview:
    """What the log says, or what its first `log_size` entries do."""
    told: dict[str, Told] = {}
    destroyed: list[Destroyed] = []
    ended: list[Ended] = []
    until: int | None = None
    for index, at, body in _entries(connection, log_size):
        if body["step"] == "requested":
            told.update(_asked(at, body))
            until = max(until or 0, body["until"])
        elif body["step"] == "done":
            destroyed.append(Destroyed(at, index, len(body["erasures"]), body["destroyed"]))
            for one in body["erasures"]:
                mine = told[one["erasure"]]
                mine.done_at, mine.evidence, mine.destroy_after = at, one["evidence"], one["destroy_after"]
        else:
            ended.append(Ended(at, body["fingerprints"], len(body["erasures"])))
            for one in body["erasures"]:
                told[one["erasure"]].evidence_gone_at = at
    return Overview(list(told.values()), destroyed, ended, until)


def a_month_after(at: int) -> int:
    """The same day of the next month, or its last day."""
    day = _EPOCH + timedelta(microseconds=at)
    year, month = day.year + day.month // 12, day.month % 12 + 1
    later = day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))
    return (later - _EPOCH) // _MICROSECOND


def _asked(at: int, body: dict[str, Any]) -> dict[str, Told]:
    asked_at = at if body["received"] is None else min(body["received"], at)
    return {
        one["erasure"]: Told(one["erasure"], body["cause"], asked_at, at, len(one["subject_ids"]))
        for one in body["erasures"]
    }


def _entries(connection: Connection, log_size: int | None) -> Iterator[tuple[int, int, dict[str, Any]]]:
    c = t.log_entry.c
    statement = select(c.log_index, c.body).where(c.kind == "erasure").order_by(c.log_index)
    if log_size is not None:
        statement = statement.where(c.log_index < log_size)
    for index, body in connection.execute(statement):
        entry = json.loads(body)
        yield int(index), int(entry["at"]), entry["body"]
