"""A person's history, read back from the consent log for one purpose."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Select, and_, select

from passerelle.privacy.consent.kin import kin, survivors, with_kin
from passerelle.privacy.consent.resolve import HISTORY
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Purpose

_FETCH = 100_000
_SCAN_FROM = 20_000
"""From so many people on, reading all of a purpose is cheaper than looking each one up."""


def history(
    store: Store, connection: Connection, subject_ids: pa.Array, purpose: Purpose, *, heard_until: int | None = None
) -> pa.Table:
    """What was heard of these people (survivors, distinct) about `purpose`, in the shape of `HISTORY`.

    Events of people merged into them count as theirs; what was heard of a person after the merge continues both
    histories. `heard_until` leaves out what was heard later. Other people's events may be among the rows.
    """
    kin_of = kin(store, connection)
    ids = np.asarray(subject_ids.to_numpy())
    c = t.consent_event.c
    wanted = [c[name] for name in HISTORY.names if name != "origin"]
    about = c.purpose == purpose.value
    if heard_until is not None:
        about = and_(about, c.ingested_at <= heard_until)
    if len(ids) >= _SCAN_FROM:
        events = _fetched(connection, select(*wanted).where(about))
    else:
        with store.among(connection, pa.array(with_kin(ids, kin_of))) as chosen:
            statement = select(*wanted).join_from(chosen.table, t.consent_event, c.subject_id == chosen).where(about)
            events = _fetched(connection, statement)
    return _joined_by_kin(events, kin_of)


def _joined_by_kin(events: pa.Table, kin_of: pa.Table) -> pa.Table:
    origin = events["subject_id"]
    place = events.schema.get_field_index("subject_id")
    today = pa.array(survivors(origin.to_numpy(), kin_of))
    own = events.set_column(place, "subject_id", today).append_column("origin", origin)
    if not kin_of.num_rows:
        return own.select(HISTORY.names)
    places = pa.table({"row": np.arange(own.num_rows), "survivor": origin, "heard": events["ingested_at"]})
    later = places.join(kin_of, "survivor", join_type="inner")
    later = later.filter(pc.greater_equal(later["heard"], later["since"]))
    continued = own.take(later["row"]).drop(["origin"]).append_column("origin", later["subject_id"])
    return pa.concat_tables([own, continued]).select(HISTORY.names)


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
