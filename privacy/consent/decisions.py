"""Decisions as they are kept: the last one per person, audience and destination; every change is a leaf in the log."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Integer, and_, case, cast, select

from passerelle.privacy.log.journal import Journal
from passerelle.privacy.log.leaves import decision_payload, replaced
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, Purpose

_SCAN_FROM = 20_000
UNRECORDED = pa.array(["erased", "unknown_person"])
"""Reasons of people who have no key to blind a leaf with: there is nobody to keep the decision about."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """What decisions were about. `destination` is a name of the workspace, `platform` whose rules applied."""

    audience: str
    destination: str
    platform: Destination | None
    purpose: Purpose
    policy: str


def record(
    store: Store, log: Journal, connection: Connection, decisions: pa.Table, occasion: Occasion, *, now: int
) -> int | None:
    """Keep and log those of `decisions` (distinct people) that say something new; return the entry's index.

    Nothing new, nothing written. A decision is new when its answer, its reason, the event it rests on or the policy
    is another than the last time.
    """
    changed, before = _changed(store, connection, decisions, occasion)
    count = changed.num_rows
    if not count:
        return None
    size = log.size(connection)
    rows: dict[str, Any] = {
        "destination": pa.repeat(occasion.destination, count),
        "audience": pa.repeat(occasion.audience, count),
        "subject_id": changed["subject_id"].combine_chunks(),
        "allowed": changed["allowed"].combine_chunks().cast(pa.int64()),
        "reason": changed["reason"].combine_chunks(),
        "event_id": changed["event_id"].combine_chunks(),
        "policy": pa.repeat(occasion.policy, count),
        "decided_at": pa.array(np.full(count, now)),
    }
    label = f"decisions-{size}"
    leaves = log.member_leaves(connection, label, rows["subject_id"], decision_payload(pa.table(rows)))
    allowed = pc.sum(changed["allowed"], min_count=0).as_py() or 0
    body = {
        "label": label,
        "audience": occasion.audience,
        "destination": occasion.destination,
        "platform": occasion.platform.value if occasion.platform else None,
        "purpose": occasion.purpose.value,
        "policy": occasion.policy,
        "log_size": size,
        "allowed": allowed,
        "denied": count - allowed,
        "reasons": {item["values"]: item["counts"] for item in changed["reason"].value_counts().to_pylist()},
        "replaces": replaced(before),
    }
    index = log.append(connection, "decisions", body, now=now, members=leaves)
    rows["log_index"] = pa.array(np.full(count, index))
    rows["position"] = leaves.positions
    store.insert(connection, t.decision, rows, on_conflict="replace")
    return index


def _changed(
    store: Store, connection: Connection, decisions: pa.Table, occasion: Occasion
) -> tuple[pa.Table, pa.Array]:
    """The decisions that differ from what is kept, and the log indexes of those they take the place of."""
    decisions = decisions.filter(pc.invert(pc.is_in(decisions["reason"], UNRECORDED)))
    held = _held(store, connection, decisions["subject_id"].combine_chunks(), occasion)
    place = pc.index_in(decisions["subject_id"], held["subject_id"].combine_chunks())
    same = pc.equal(held["allowed"].take(place), decisions["allowed"].cast(pa.int64()))
    same = pc.and_(same, pc.equal(held["reason"].take(place), decisions["reason"]))
    same = pc.and_(same, pc.equal(held["same_policy"].take(place), 1))
    rests = pc.equal(pc.fill_null(held["event_id"].take(place), -1), pc.fill_null(decisions["event_id"], -1))
    new = pc.invert(pc.fill_null(pc.and_(same, rests), fill_value=False))
    return decisions.filter(new), held["log_index"].take(place).filter(new).combine_chunks()


def _held(store: Store, connection: Connection, subject_ids: pa.Array, occasion: Occasion) -> pa.Table:
    c = t.decision.c
    same_policy = cast(case((c.policy == occasion.policy, 1), else_=0), Integer).label("same_policy")  # it is long
    columns = select(c.subject_id, c.allowed, c.reason, c.event_id, same_policy, c.log_index)
    here = and_(c.destination == occasion.destination, c.audience == occasion.audience)
    ends = pc.min_max(subject_ids).as_py()
    between = columns.where(here, c.subject_id.between(ends["min"], ends["max"]))
    # Nobody of a first sync has one: a look at the span says so.
    if len(subject_ids) >= _SCAN_FROM or connection.execute(between.limit(1)).first() is None:
        return store.table(connection, between)
    with store.among(connection, subject_ids) as chosen:
        return store.table(connection, columns.where(here, c.subject_id.in_(select(chosen))))


def vouched(store: Store, connection: Connection, *, policy: str, purpose: Purpose, platform: Destination) -> pa.Array:
    """People who were allowed by this very policy for this purpose at this platform: their age was seen then."""
    c = t.decision.c
    entries = select(t.log_entry.c.log_index, t.log_entry.c.body).where(
        t.log_entry.c.log_index.in_(select(c.log_index).where(c.policy == policy).distinct())
    )
    right = [index for index, body in connection.execute(entries) if _about(json.loads(body), purpose, platform)]
    held = store.table(connection, select(c.subject_id, c.log_index).where(c.policy == policy, c.allowed == 1))
    return held.filter(pc.is_in(held["log_index"], pa.array(right, pa.int64())))["subject_id"].combine_chunks()


def _about(record: Any, purpose: Purpose, platform: Destination) -> bool:  # noqa: ANN401 - a log entry's JSON
    body = record["body"]
    return bool(body.get("purpose") == purpose.value and body.get("platform") == platform.value)
