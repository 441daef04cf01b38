"""People who turned out to be one person: whose history counts for whom, and since when."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t

_NOT_KNOWN = np.iinfo(np.int64).max


def kin(store: Store, connection: Connection, *, until: int = _NOT_KNOWN) -> pa.Table:
    """Everybody who was merged: `subject_id` (ascending), `survivor` (the end of the chain), and `since`.

    `since` is when the last merge into that survivor was found: from then on, what is said of one is said of all.
    The largest int64 where that is not known.

    Merges found after `until` are left out. Of a family that has merges from before and after it, all count: of whom
    somebody was a part in between is not held, and a merge never widens anything.
    """
    found = store.table(
        connection,
        select(t.subject.c.subject_id, t.subject.c.merged_into, t.subject.c.merged_at).where(
            t.subject.c.merged_into.is_not(None)
        ),
    ).sort_by("subject_id")  # sorted by the store, everybody's row would be read for the few that are merged
    ids, ends = found["subject_id"].to_numpy(), found["merged_into"].to_numpy()
    into = ends
    for _ in range(len(ids) + 1):
        place, merged = _places(ids, ends)
        if not merged.any():
            break
        ends = np.where(merged, into[place], ends)
    else:
        raise IntegrityError("Some people are merged into each other in a circle.")
    survivor, family = np.unique(ends, return_inverse=True)
    merged_at = pc.fill_null(found["merged_at"], _NOT_KNOWN).to_numpy()
    last = np.zeros(len(survivor), np.int64)
    np.maximum.at(last, family, merged_at)
    known = np.zeros(len(survivor), bool)
    known[family[(merged_at <= until) | (merged_at == _NOT_KNOWN)]] = True
    kin_of = pa.table({"subject_id": ids, "survivor": ends, "since": last[family]})
    return kin_of if known.all() else kin_of.filter(pa.array(known[family]))


def survivors(ids: npt.NDArray[np.int64], kin_of: pa.Table) -> npt.NDArray[np.int64]:
    """Who each id is today."""
    place, merged = _places(kin_of["subject_id"].to_numpy(), ids)
    return np.where(merged, kin_of["survivor"].to_numpy()[place], ids) if merged.any() else ids


def with_kin(ids: npt.NDArray[np.int64], kin_of: pa.Table) -> npt.NDArray[np.int64]:
    """`ids` (survivors) and everybody who was merged into one of them; ascending and distinct."""
    merged = kin_of.filter(pc.is_in(kin_of["survivor"], pa.array(ids)))["subject_id"]
    return np.unique(np.concatenate([ids, merged.to_numpy()]))


def _places(
    known: npt.NDArray[np.int64], ids: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Where each id stands among the sorted `known`, and whether it does."""
    if not len(known):
        return np.zeros(len(ids), np.int64), np.zeros(len(ids), bool)
    place = np.minimum(np.searchsorted(known, ids), len(known) - 1)
    return place, known[place] == ids
