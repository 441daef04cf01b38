"""A person's history, read back from the consent log for one purpose."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, select

from passerelle.privacy.consent import scan
from passerelle.privacy.consent.groups import FOREVER, Ints
from passerelle.privacy.consent.heard import HISTORY
from passerelle.privacy.consent.kin import kin, survivors, with_kin
from passerelle.privacy.consent.likely import tied_to, ties
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Purpose

_SCAN_FROM = 20_000
"""From so many people on, reading all of a purpose is cheaper than looking each one up."""


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
    part: bool = False,
) -> pa.Table:
    """What was heard of these people (survivors, distinct) about `purpose`, in the shape of `HISTORY`.

    Events of people merged into them count as theirs; what was heard of a person after the merge continues both
    histories. Events of people who are probably one of them are `linked`. Merges and links found after the horizon
    don't count. Other people's events may be among the rows; with `part`, of many people only those between the first
    and the last of `subject_ids`.
    """
    kin_of = kin(store, connection, until=horizon.heard_until)
    ties_of = ties(store, connection, kin_of, until=horizon.heard_until)
    ids = np.asarray(subject_ids.to_numpy())
    wanted = with_kin(np.union1d(ids, tied_to(ids, ties_of)), kin_of)
    if len(ids) < _SCAN_FROM:
        events = _of(store, connection, wanted, purpose, horizon)
    elif not part:
        events = scan.everybody(store, connection, purpose.value, horizon.covers(), None)
    else:
        low, high = int(ids[0]), int(ids[-1])
        events = scan.everybody(store, connection, purpose.value, horizon.covers(), (low, high))
        beyond = wanted[(wanted < low) | (wanted > high)]
        events = pa.concat_tables([events, _of(store, connection, beyond, purpose, horizon)])
    return _with_ties(_joined_by_kin(events, kin_of), ties_of)


def _of(store: Store, connection: Connection, ids: Ints, purpose: Purpose, horizon: Horizon) -> pa.Table:
    """What was heard of these very ids."""
    c = t.consent_event.c
    with store.among(connection, pa.array(ids, pa.int64())) as chosen:
        wanted = select(*(c[name] for name in scan.COLUMNS)).where(c.subject_id.in_(select(chosen)))
        return scan.chosen(connection, wanted.where(c.purpose == purpose.value, *horizon.covers()))


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
