"""The accounts: Parquet tables of batches, audiences, rejections and removals, for the user's own BI tools.

They say how every row that was sent is accounted for, in counts and times; nobody's number, name or key is in them.
Each file is replaced whole, so that a reader never sees half of one.
"""

import os
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import BigInteger, Connection, Select, cast, func, select

from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace

ALARM_HOURS, BREACH_HOURS = 24, 72
"""After so long an owed removal is an alarm, and then a breach."""

_HOUR = 3_600_000_000
MOST = 100_000
"""Batches that are written, the newest: some ten megabytes. Older ones count in the sums of their audience."""

_TIME = pa.timestamp("us", tz="UTC")
_PLACE = ["destination", "audience"]


def write_accounts(workspace: "Workspace", *, now: int, most: int = MOST) -> None:
    """Write `batches`, `audiences`, `rejections` and `removals` into the folder that the settings name.

    At most `most` batches, the newest, and their rejections.
    """
    store, folder = workspace.store(), workspace.path(workspace.settings.accounts)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with store.read() as connection:
        made = {
            "batches": _batches(store, connection, most),
            "audiences": _audiences(store, connection, now),
            "rejections": _rejections(store, connection, most),
            "removals": _removals(store, connection, now),
        }
    for name, table in made.items():
        fresh = folder / f".{name}.parquet.new"
        pq.write_table(table, fresh)
        with fresh.open("rb") as written:
            os.fsync(written.fileno())
        fresh.replace(folder / f"{name}.parquet")
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def sums(store: Store, connection: Connection) -> pa.Table:
    """What became of every row ever sent to an audience at a destination: sent = accepted + rejected + pending.

    Superseded batches do not count: the next run sent their people again.
    """
    b = t.batch.c
    columns = [("sent", b.rows), ("accepted", b.accepted), ("rejected", b.rejected), ("pending", b.pending)]
    totals = (cast(func.sum(column), BigInteger).label(name) for name, column in columns)
    statement = select(b.destination, b.audience, *totals).where(b.state != "superseded")
    return store.table(connection, statement.group_by(b.destination, b.audience))


def _newest(most: int) -> Select[tuple[str]]:
    b = t.batch.c
    return select(b.batch_id).order_by(b.intended_at.desc(), b.batch_id.desc()).limit(most)


def _batches(store: Store, connection: Connection, most: int) -> pa.Table:
    """The newest batches: rows = accepted + rejected + pending, but for `superseded` ones, which were sent again."""
    b = t.batch.c
    wanted = (
        *(b.batch_id, b.run_id, b.destination, b.audience, b.action, b.state),
        *(b.rows, b.accepted, b.rejected, b.pending, b.intended_at, b.settled_at),
    )
    statement = select(*wanted).where(b.batch_id.in_(_newest(most)))
    found = store.table(connection, statement.order_by(b.intended_at, b.batch_id))
    return _timed(found, "intended_at", "settled_at")


def _audiences(store: Store, connection: Connection, now: int) -> pa.Table:
    """A line per audience and destination: who is there by our receipts, and what became of every row ever sent."""
    r, m, d = t.remote_audience.c, t.membership.c, t.removal.c
    there = select(m.destination, m.audience, func.count().label("members")).where(m.state == "member")
    owed = select(d.destination, d.audience, func.count().label("removals_owed"))
    found = store.table(connection, select(r.destination, r.audience, r.platform, r.purpose))
    for part in (
        store.table(connection, there.group_by(m.destination, m.audience)),
        store.table(connection, owed.group_by(d.destination, d.audience)),
        sums(store, connection),
    ):
        found = found.join(part, _PLACE)
    for name in ("members", "removals_owed", "sent", "accepted", "rejected", "pending"):
        found = found.set_column(found.schema.get_field_index(name), name, pc.fill_null(found[name], 0))
    moment = pa.scalar(now, pa.int64()).cast(_TIME)
    return found.sort_by([(name, "ascending") for name in _PLACE]).append_column(
        "as_of", pa.repeat(moment, found.num_rows)
    )


def _rejections(store: Store, connection: Connection, most: int) -> pa.Table:
    """How many rows of each batch the platform refused by name, by its reason.

    Members are looked at of batches that have rejections: of a million people, hardly any.
    """
    b, m = t.batch.c, t.batch_member.c
    refused = select(b.batch_id).where(b.rejected > 0)
    statement = (
        select(m.batch_id, b.destination, b.audience, b.action, m.rejected.label("reason"), func.count().label("rows"))
        .join_from(t.batch_member, t.batch, m.batch_id == b.batch_id)
        .where(m.batch_id.in_(refused), m.batch_id.in_(_newest(most)), m.rejected.is_not(None))
        .group_by(m.batch_id, b.destination, b.audience, b.action, m.rejected)
        .order_by(m.batch_id, m.rejected)
    )
    return store.table(connection, statement)


def _removals(store: Store, connection: Connection, now: int) -> pa.Table:
    """Removals that are owed: a line per place, cause, hour and refusal, with age and deadline."""
    d = t.removal.c
    since = (d.queued_at - d.queued_at % _HOUR).label("queued_at")
    statement = (
        select(d.destination, d.audience, d.cause, d.refusal, since, func.count().label("people"))
        .group_by(d.destination, d.audience, d.cause, d.refusal, since)
        .order_by(d.destination, d.audience, since, d.cause)
    )
    found = store.table(connection, statement)
    age = pc.divide(pc.subtract(pa.scalar(now), found["queued_at"]), _HOUR)
    breach = pc.greater(age, BREACH_HOURS)
    state = pc.if_else(breach, "breach", pc.if_else(pc.greater(age, ALARM_HOURS), "alarm", "ok"))
    deadline = pc.add(found["queued_at"], BREACH_HOURS * _HOUR)
    owed = found.append_column("age_hours", age).append_column("deadline", deadline).append_column("state", state)
    return _timed(owed, "queued_at", "deadline")


def _timed(table: pa.Table, *names: str) -> pa.Table:
    for name in names:
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(_TIME))
    return table
