"""A person's history, read back from the consent log for one purpose."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, Select, and_, select

from passerelle.privacy.consent.groups import FOREVER
from passerelle.privacy.consent.heard import HISTORY
from passerelle.privacy.consent.kin import kin, survivors, with_kin
from passerelle.privacy.consent.likely import tied_to, ties
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Purpose

_FETCH = 100_000
_SCAN_FROM = 20_000
"""From so many people on, reading all of a purpose is cheaper than looking each one up."""

_MADE = {"origin", "linked"}


@dataclass(frozen=True, slots=True)
class Horizon:
    """How much is known: what was heard until an instant, in the first entries of the log. By default everything."""

    heard_until: int = FOREVER
    log_size: int = FOREVER

    def covers(self) -> list[ColumnElement[bool]]:
        """What a row of `consent_event` must fulfil to have been known."""
        c = t.consent_event.c
        heard = [c.ingested_at <= self.heard_until] if self.heard_until < FOREVER else []
        return heard + ([c.log_index < self.log_size] if self.log_size < FOREVER else [])


EVERYTHING = Horizon()


def history(
    store: Store,
    connection: Connection,
    subject_ids: pa.Array,
    purpose: Purpose,
    *,
    horizon: Horizon = EVERYTHING,
) -> pa.Table:
    """What was heard of these people (survivors, distinct) about `purpose`, in the shape of `HISTORY`.

    Events of people merged into them count as theirs; what was heard of a person after the merge continues both
    histories. Events of people who are probably one of them are `linked`. Merges and links found after the horizon
    don't count. Other people's events may be among the rows.
    """
    kin_of = kin(store, connection, until=horizon.heard_until)
    ties_of = ties(store, connection, kin_of, until=horizon.heard_until)
    ids = np.asarray(subject_ids.to_numpy())
    c = t.consent_event.c
    wanted = [c[name] for name in HISTORY.names if name not in _MADE]
    about = and_(c.purpose == purpose.value, *horizon.covers())
    if len(ids) >= _SCAN_FROM:
        events = _fetched(connection, select(*wanted).where(about))
    else:
        everybody = with_kin(np.union1d(ids, tied_to(ids, ties_of)), kin_of)
        with store.among(connection, pa.array(everybody)) as chosen:
            statement = select(*wanted).join_from(chosen.table, t.consent_event, c.subject_id == chosen).where(about)
            events = _fetched(connection, statement)
    return _with_ties(_joined_by_kin(events, kin_of), ties_of)


def _joined_by_kin(events: pa.Table, kin_of: pa.Table) -> pa.Table:
    origin = events["subject_id"]
    place = events.schema.get_field_index("subject_id")
    today = pa.array(survivors(origin.to_numpy(), kin_of))
    own = events.set_column(place, "subject_id", today).append_column("origin", origin)
    if not kin_of.num_rows:
        return own
    places = pa.table({"row": np.arange(own.num_rows), "survivor": origin, "heard": events["ingested_at"]})
    later = places.join(kin_of, "survivor", join_type="inner")
    later = later.filter(pc.greater_equal(later["heard"], later["since"]))
    continued = own.take(later["row"]).drop(["origin"]).append_column("origin", later["subject_id"])
    return pa.concat_tables([own, continued])


def _with_ties(events: pa.Table, ties_of: pa.Table) -> pa.Table:
    """The events, and those of probably-same people once more under the person they are held against."""
    own = events.append_column("linked", pa.repeat(pa.scalar(False), events.num_rows))
    if not ties_of.num_rows:
        return own.select(HISTORY.names)
    rows = pa.table({"row": np.arange(own.num_rows), "other_id": events["subject_id"]})
    held = rows.join(ties_of, "other_id", join_type="inner")
    theirs = events.take(held["row"])
    theirs = theirs.set_column(theirs.schema.get_field_index("subject_id"), "subject_id", held["subject_id"])
    linked = theirs.append_column("linked", pa.repeat(pa.scalar(True), theirs.num_rows))
    return pa.concat_tables([own, linked]).select(HISTORY.names)


def _fetched(connection: Connection, statement: Select[Any]) -> pa.Table:
    """Rows as Arrow, a bounded number at a time; texts as dictionaries, since they repeat."""
    fields = [HISTORY.field(column.name) for column in statement.selected_columns]
    kinds = [pa.dictionary(pa.int32(), pa.string()) if field.type == pa.string() else field.type for field in fields]
    schema = pa.schema([(field.name, kind) for field, kind in zip(fields, kinds, strict=True)])
    cursor = connection.execute(statement).cursor
    batches = []
    while rows := cursor.fetchmany(_FETCH):
        columns = [
            pa.array(values, field.type).cast(kind)
            for values, field, kind in zip(zip(*rows, strict=True), fields, kinds, strict=True)
        ]
        batches.append(pa.RecordBatch.from_arrays(columns, schema=schema))
    return pa.Table.from_batches(batches, schema)
