"""`audit unlawful`: people who are in an audience now and may not be. There must be none."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Column, ColumnElement, Connection, and_, select

from passerelle.privacy.consent import Gate
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Destination, Purpose

PRESENT = ("adding", "member", "removing")


@dataclass(frozen=True, slots=True)
class Finding:
    """One audience at one destination. `unlawful` of `members` have no valid decision; removal is owed to `owed`.

    `undecided` of them have no recorded decision that allowed them in, whatever the answer is today.
    """

    destination: str
    audience: str
    purpose: str
    members: int
    unlawful: int
    owed: int
    undecided: int
    reasons: dict[str, int]


def unlawful(store: Store, gate: Gate, connection: Connection, *, now: int) -> list[Finding]:
    """Every audience that anybody is in, judged by what is known and by the policy today. Reads only."""
    places = connection.execute(select(t.remote_audience).order_by("destination", "audience")).mappings().all()
    found = (
        _judged(
            store,
            gate,
            connection,
            (place["destination"], place["audience"]),
            Purpose(place["purpose"]),
            Destination(place["platform"]),
            now,
        )
        for place in places
    )
    return [finding for finding in found if finding.members]


def _judged(
    store: Store,
    gate: Gate,
    connection: Connection,
    place: tuple[str, str],
    purpose: Purpose,
    platform: Destination,
    now: int,
) -> Finding:
    m, d, r = t.membership.c, t.decision.c, t.removal.c
    there = _ids(
        store, connection, m.subject_id, and_(m.destination == place[0], m.audience == place[1], m.state.in_(PRESENT))
    )
    decisions = gate.decide(connection, there, purpose=purpose, destination=platform, at=now)
    allowed_in = _ids(
        store, connection, d.subject_id, and_(d.destination == place[0], d.audience == place[1], d.allowed == 1)
    )
    owed = _ids(store, connection, r.subject_id, and_(r.destination == place[0], r.audience == place[1]))
    denied = decisions.filter(pc.invert(decisions["allowed"]))
    recorded = pc.is_in(gate.today(connection, there), allowed_in)
    reasons = denied["reason"].value_counts().to_pylist()
    return Finding(
        destination=place[0],
        audience=place[1],
        purpose=purpose.value,
        members=len(there),
        unlawful=denied.num_rows,
        owed=pc.sum(pc.is_in(denied["subject_id"], owed), min_count=0).as_py() or 0,
        undecided=pc.sum(pc.and_(pc.invert(recorded), decisions["allowed"].combine_chunks()), min_count=0).as_py() or 0,
        reasons={item["values"]: item["counts"] for item in reasons},
    )


def _ids(store: Store, connection: Connection, column: Column[int], wanted: ColumnElement[bool]) -> pa.Array:
    table = store.table(connection, select(column).where(wanted))
    return table["subject_id"].combine_chunks()
