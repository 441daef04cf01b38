"""Done: evidence sealed, keys and rows destroyed, in one transaction; and what is destroyed later, by its date."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from sqlalchemy import Connection, func, or_, select

from passerelle.privacy.erasure.desk import DAY, DONE, Desk, Kept, Open, pieces
from passerelle.privacy.erasure.evidence import gather
from passerelle.privacy.erasure.fates import ON_THE_LOG, ROWS
from passerelle.privacy.erasure.requests import ready
from passerelle.privacy.errors import HeldBack
from passerelle.privacy.store import tables as t


@dataclass(frozen=True, slots=True)
class Finished:
    """What was destroyed, in rows by table, and of how many people evidence was sealed."""

    destroyed: dict[str, int] = field(default_factory=dict)
    sealed: int = 0


@dataclass(frozen=True, slots=True)
class Expired:
    """What was destroyed because its time was over."""

    fingerprints: int = 0
    evidence: int = 0


def finish(desk: Desk, connection: Connection, asked: Sequence[Open], *, keep: Kept | None, now: int) -> Finished:
    """End these erasures, in the caller's transaction: at most `FEW` at a time.

    With `keep`, what must be kept of each person is sealed first. Raises `HeldBack` where a removal is not confirmed:
    without the keys nobody could ever take that person out.
    """
    if len(ready(connection, asked)) != len(asked):
        raise HeldBack("A removal is not confirmed yet.", advice="Run `passerelle erase --open` again later.")
    if not asked:
        return Finished()
    sealed = {one.erasure: _sealed(desk, connection, one, keep, now) for one in asked}
    numbers = sorted({number for one in asked for number in one.subject_ids})
    gone = {name: _resting(connection, name, numbers) for name in ON_THE_LOG}
    destroyed = _destroy(desk, connection, numbers, now)
    until = None if keep is None else now + keep.days * DAY
    body = {
        "step": "done",
        "subject_ids": numbers,
        "gone": gone,
        "destroyed": destroyed,
        "erasures": [_told(one, sealed[one.erasure], until) for one in asked],
    }
    desk.log.append(connection, "erasure", body, now=now)
    count = len(asked)
    rows: dict[str, pa.Array | list[object]] = {
        "erasure_id": [one.erasure for one in asked],
        "state": [DONE] * count,
        "done_at": [now] * count,
        "evidence": [sealed[one.erasure] for one in asked],
        "evidence_until": [until] * count,
    }
    desk.store.update(connection, t.erasure, rows)
    return Finished(destroyed, 0 if keep is None else count)


def expire(desk: Desk, connection: Connection, *, now: int) -> Expired:
    """Destroy fingerprints and evidence whose time is over, and say so in the log."""
    fingerprints = desk.subjects.suppression.expire(connection, now=now)
    c = t.erasure.c
    over = select(c.erasure_id, c.evidence).where(c.evidence.is_not(None), c.evidence_until <= now)
    told = [{"erasure": name, "evidence": _digest(blob)} for name, blob in connection.execute(over)]
    if not told and not fingerprints:
        return Expired()
    names: list[object] = [each["erasure"] for each in told]
    desk.store.update(connection, t.erasure, {"erasure_id": names, "evidence": [None] * len(names)})
    body = {"step": "expired", "fingerprints": fingerprints, "erasures": told}
    desk.log.append(connection, "erasure", body, now=now)
    return Expired(fingerprints, len(told))


def _sealed(desk: Desk, connection: Connection, one: Open, keep: Kept | None, now: int) -> bytes | None:
    if keep is None:
        return None
    return keep.recipient.seal(one.erasure, gather(desk, connection, one, now=now))


def _told(one: Open, sealed: bytes | None, until: int | None) -> dict[str, object]:
    return {
        "erasure": one.erasure,
        "subject_ids": sorted(one.subject_ids),
        "evidence": None if sealed is None else _digest(sealed),
        "destroy_after": until,
    }


def _digest(sealed: bytes) -> str:
    return hashlib.sha256(sealed).hexdigest()


def _resting(connection: Connection, name: str, numbers: Sequence[int]) -> dict[str, int]:
    """How many rows of these people rest on each log entry."""
    table = t.metadata.tables[name]
    counts: Counter[int] = Counter()
    for few in pieces(numbers):
        statement = select(table.c.log_index, func.count()).where(table.c.subject_id.in_(few))
        for index, count in connection.execute(statement.group_by(table.c.log_index)):
            counts[index] += count
    return {str(index): count for index, count in sorted(counts.items())}


def _destroy(desk: Desk, connection: Connection, numbers: Sequence[int], now: int) -> dict[str, int]:
    """Rows destroyed, by table."""
    counts: Counter[str] = Counter()
    store, link = desk.store, t.probable_link
    for few in pieces(numbers):
        for name in ROWS:
            table = t.metadata.tables[name]
            counts[name] += store.delete(connection, table, table.c.subject_id.in_(few))
        tied = or_(link.c.subject_id.in_(few), link.c.other_id.in_(few))
        counts["probable_link"] += store.delete(connection, link, tied)
        counts["vault"] += len(few)
    desk.subjects.forget(connection, pa.array(numbers, pa.int64()), now=now)
    return {name: count for name, count in sorted(counts.items()) if count}
