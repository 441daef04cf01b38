"""Rows for Meta's `usersofanyaudience`: all that may be known of a person there, in several rows if needed.

The first row of a person is as in `/users`; each further e-mail, phone or device has a row of its own. A row that holds
our own id alone is none: Meta forgets it after 90 days.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.destinations.meta_rows import SCHEMA
from passerelle.connectors.destinations.wire_columns import Keyed, keyed, newest
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Destination

MANY = ("EMAIL", "PHONE", "MADID")
"""Of these a person may have several."""


def farewell_rows(identifiers: Personal) -> tuple[Personal, int]:
    """The rows in wire form, and how many people have one."""
    table = identifiers.reveal()
    people = table.num_rows
    keys = {wire: keyed(table, field, Destination.META) for wire, field in SCHEMA.items()}
    first = pa.table({wire: newest(key, people) for wire, key in keys.items()})
    has = {wire: np.asarray(pc.is_valid(first[wire]).combine_chunks()) for wire in SCHEMA}
    named = has["FN"] & has["LN"] & (has["ZIP"] | has["CT"] | (has["DOBY"] & has["DOBM"] & has["DOBD"]))
    known = has["EMAIL"] | has["PHONE"] | has["MADID"] | named
    more = [_further(wire, keys[wire]) for wire in MANY]
    rows = pa.concat_tables([first.filter(pa.array(known)), *more], promote_options="default")
    filled = {wire: pc.fill_null(rows[wire], "") for wire in SCHEMA}
    return Personal(pa.table(filled)), int(known.sum())


def _further(wire: str, key: Keyed | None) -> pa.Table:
    """A row for each value of one field but each person's newest."""
    if key is None:
        return pa.table({wire: pa.array([], pa.string())})
    _, newest_places = np.unique(key.rows, return_index=True)
    later = np.setdiff1d(np.arange(len(key.rows)), newest_places)
    return pa.table({wire: key.values.take(pa.array(later)).cast(pa.string())})
