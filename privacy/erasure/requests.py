"""Asked for: from then on nobody finds the person, and platforms owe their removal."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from passerelle.privacy.erasure.desk import DAY, DONE, REMOVING, REQUESTED, Desk, Open, pieces
from passerelle.privacy.ledger import PRESENT, queue_removals
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import SubjectRef

_REF = re.compile(r"\bs[1-9][0-9]{0,3}?[0-9a-f]{32}\b")


@dataclass(frozen=True, slots=True)
class Requested:
    """`erasures` are new, one a person; `queued` removals are newly owed."""

    erasures: tuple[str, ...] = ()
    queued: int = 0


def request(
    desk: Desk,
    connection: Connection,
    ids: pa.Array,
    *,
    cause: str,
    suppression_days: int,
    now: int,
    received: int | None = None,
) -> Requested:
    """Ask for the erasure of these people and of whoever turned out to be one of them, in the caller's transaction.

    From then on they count as erased, no identifier leads to them, and a source that still has them makes a new
    person, of whom only a consent of a later day counts. Who was asked for before is left out. `received` is when the
    request came, where that was earlier: the month that the law gives counts from it.
    """
    family = desk.subjects.family(connection, ids)
    family = family.filter(pc.is_null(family["erased_at"]))
    survivors = sorted(set(family["survivor"].to_pylist()))
    if not survivors:
        return Requested()
    everybody = pa.array(survivors, pa.int64())
    queued = queue_removals(connection, everybody, cause="erasure", now=now)
    # A whole day: the exact time would tie a fingerprint to the one erasure that was asked for at that microsecond.
    counts_from = now - now % DAY + DAY
    until = counts_from + suppression_days * DAY
    refs = set(family["subject_ref"].to_pylist())
    kept = desk.subjects.hide(connection, everybody, now=now, counts_from=counts_from, until=until)
    blot_out(desk, connection, refs)
    names = {survivor: desk.new_id(now) for survivor in survivors}
    numbers = _numbers(family)
    body = {
        "step": "requested",
        "subject_ids": sorted(family["subject_id"].to_pylist()),
        "erasures": [{"erasure": names[one], "subject_ids": numbers[one]} for one in survivors],
        "cause": cause,
        "received": received,
        "queued": queued,
        "fingerprints": kept,
        "until": until,
    }
    index = desk.log.append(connection, "erasure", body, now=now)
    count = len(survivors)
    rows: dict[str, pa.Array | list[object]] = {
        "erasure_id": list(names.values()),
        "subject_id": everybody,
        "cause": [cause] * count,
        "state": [REQUESTED] * count,
        "requested_at": [now if received is None else min(received, now)] * count,
        "log_index": [index] * count,
    }
    desk.store.insert(connection, t.erasure, rows)
    return Requested(tuple(names.values()), queued)


def open_erasures(desk: Desk, connection: Connection) -> list[Open]:
    """Every erasure that is not done, oldest first."""
    rows = connection.execute(select(t.erasure).where(t.erasure.c.state != DONE).order_by(t.erasure.c.erasure_id))
    held = rows.mappings().all()
    family = desk.subjects.family(connection, pa.array([row["subject_id"] for row in held], pa.int64()))
    numbers = _numbers(family)
    return [
        Open(
            row["erasure_id"],
            row["subject_id"],
            row["state"],
            row["requested_at"],
            tuple(numbers.get(row["subject_id"], [row["subject_id"]])),
        )
        for row in held
    ]


def ready(connection: Connection, asked: Sequence[Open]) -> list[Open]:
    """Those whose people are nowhere any more, by our receipts, and of whom no removal is owed."""
    there = set(places_of(connection, [number for one in asked for number in one.subject_ids]))
    return [one for one in asked if not there.intersection(one.subject_ids)]


def places_of(connection: Connection, subject_ids: Sequence[int]) -> dict[int, set[tuple[str, str]]]:
    """Where these people are, may be, or are owed a removal from: (destination, audience) by number."""
    found: dict[int, set[tuple[str, str]]] = {}
    m, r = t.membership.c, t.removal.c
    for few in pieces(subject_ids):
        there = select(m.subject_id, m.destination, m.audience).where(m.subject_id.in_(few), m.state.in_(PRESENT))
        owed = select(r.subject_id, r.destination, r.audience).where(r.subject_id.in_(few))
        for subject_id, destination, audience in (*connection.execute(there), *connection.execute(owed)):
            found.setdefault(subject_id, set()).add((destination, audience))
    return found


def pushed(desk: Desk, connection: Connection, asked: Sequence[Open]) -> None:
    """Remember that the platforms were asked to remove these people."""
    names = [one.erasure for one in asked if one.state == REQUESTED]
    if names:
        states: list[object] = [REMOVING] * len(names)
        desk.store.update(connection, t.erasure, {"erasure_id": list(names), "state": states})


def blot_out(desk: Desk, connection: Connection, refs: set[str]) -> int:
    """Take pseudonyms, of any time, out of the results of earlier commands; how many results held one."""
    held = connection.execute(select(t.run.c.run_id, t.run.c.result).where(t.run.c.result.like('%"s%'))).all()
    told = sorted({SubjectRef(found) for _, result in held for found in _REF.findall(result)})
    mine = set(desk.subjects.refs_now(connection, [SubjectRef(ref) for ref in sorted(refs)]))
    today = desk.subjects.refs_now(connection, told)
    gone = {ref for ref, now in zip(told, today, strict=True) if now in mine}
    changed: dict[str, str] = {}
    for run_id, result in held:
        clean = _REF.sub(lambda found: "erased" if found[0] in gone else found[0], result)
        if clean != result:
            changed[run_id] = clean
    if changed:
        desk.store.update(connection, t.run, {"run_id": list(changed), "result": list(changed.values())})
    return len(changed)


def _numbers(family: pa.Table) -> dict[int, list[int]]:
    """Who turned out to be each survivor."""
    numbers: dict[int, list[int]] = {}
    pairs = zip(family["survivor"].to_pylist(), family["subject_id"].to_pylist(), strict=True)
    for survivor, subject_id in pairs:
        numbers.setdefault(survivor, []).append(subject_id)
    return numbers
