"""People who are probably one person, tied together by something other than an equal identifier.

A no of one is a no of both; a yes is not. So a link only ever takes people out.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from passerelle.privacy.consent.groups import FOREVER, Ints
from passerelle.privacy.consent.kin import survivors
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t


def tie(store: Store, connection: Connection, found: pa.Table, *, source: str, now: int) -> None:
    """Keep pairs that are probably one person: `subject_id`, `other_id` and `score` (per mille). Never undone.

    The same pair again changes nothing.
    """
    one, other = (np.asarray(found[name].to_numpy()) for name in ("subject_id", "other_id"))
    low, high = np.minimum(one, other), np.maximum(one, other)
    apart = low != high
    pairs, first = np.unique(np.column_stack([low, high])[apart], axis=0, return_index=True)
    rows = {
        "subject_id": pa.array(pairs[:, 0], pa.int64()),
        "other_id": pa.array(pairs[:, 1], pa.int64()),
        "score": pa.array(np.asarray(found["score"].to_numpy())[apart][first], pa.int64()),
        "source": pa.repeat(source, len(pairs)),
        "found_at": pa.array(np.full(len(pairs), now)),
    }
    store.insert(connection, t.probable_link, rows, on_conflict="ignore")


def ties(store: Store, connection: Connection, kin_of: pa.Table, *, until: int = FOREVER) -> pa.Table:
    """`subject_id` and `other_id` of every pair found until then, both ways round, as the people they are today."""
    c = t.probable_link.c
    held = store.table(connection, select(c.subject_id, c.other_id).where(c.found_at <= until))
    one, other = (survivors(np.asarray(held[name].to_numpy()), kin_of) for name in ("subject_id", "other_id"))
    both = np.unique(np.column_stack([np.append(one, other), np.append(other, one)]), axis=0)
    both = both[both[:, 0] != both[:, 1]]
    return pa.table({"subject_id": pa.array(both[:, 0], pa.int64()), "other_id": pa.array(both[:, 1], pa.int64())})


def tied_to(ids: Ints, ties_of: pa.Table) -> Ints:
    """Who is probably one of `ids`."""
    return np.asarray(ties_of.filter(pc.is_in(ties_of["subject_id"], pa.array(ids)))["other_id"].to_numpy())
