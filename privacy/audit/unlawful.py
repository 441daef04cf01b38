"""`audit unlawful`: people who are in an audience and may not be. There must be none."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Column, ColumnElement, and_, select

from passerelle.privacy.audit.known import Known, Target
from passerelle.privacy.store import tables as t


@dataclass(frozen=True, slots=True)
class Finding:
    """One audience at one destination. `unlawful` of `members` have no valid decision; removal is owed to `owed`.

    `undecided` of them have no recorded decision that allowed them in, whatever the answer is.
    """

    destination: str
    audience: str
    purpose: str
    members: int
    unlawful: int
    owed: int
    undecided: int
    reasons: dict[str, int]


def unlawful(known: Known) -> list[Finding]:
    """Every audience that anybody was in, judged by what was known and by the policy of then. Reads only."""
    return [finding for finding in (_judged(known, target) for target in known.targets()) if finding.members]


def _judged(known: Known, target: Target) -> Finding:
    place, d, r = target.place, t.decision.c, t.removal.c
    there = known.members(place)
    decisions = known.decide(there, target.purpose, target.platform)
    here = and_(d.destination == place.destination, d.audience == place.audience, d.log_index < known.log_size)
    # Of decisions only the last is kept: who was decided upon again since cannot be said to have had none before.
    since = and_(d.destination == place.destination, d.audience == place.audience, d.log_index >= known.log_size)
    vouched = pa.concat_arrays(
        [_ids(known, d.subject_id, and_(here, d.allowed == 1)), _ids(known, d.subject_id, since)]
    )
    owed = _ids(known, r.subject_id, and_(r.destination == place.destination, r.audience == place.audience))
    denied = decisions.filter(pc.invert(decisions["allowed"]))
    recorded = pc.is_in(pa.array(known.today(there), pa.int64()), vouched)
    reasons = denied["reason"].value_counts().to_pylist()
    return Finding(
        destination=place.destination,
        audience=place.audience,
        purpose=target.purpose.value,
        members=len(there),
        unlawful=denied.num_rows,
        owed=pc.sum(pc.is_in(denied["subject_id"], owed), min_count=0).as_py() or 0,
        undecided=pc.sum(pc.and_(pc.invert(recorded), decisions["allowed"].combine_chunks()), min_count=0).as_py() or 0,
        reasons={item["values"]: item["counts"] for item in reasons},
    )


def _ids(known: Known, column: Column[int], wanted: ColumnElement[bool]) -> pa.Array:
    table = known.store.table(known.connection, select(column).where(wanted))
    return table["subject_id"].combine_chunks()
