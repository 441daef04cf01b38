"""People who are probably one person, tied together by something other than an equal identifier.

A no of one is a no of both; a yes is not. So a link only ever takes people out. Somebody who judges a pair may let it
go: then each is again what they said themselves.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, or_, select

from passerelle.privacy.consent.groups import FOREVER, Ints
from passerelle.privacy.consent.kin import survivors
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t

JUDGED = "judged"
"""The source of pairs that somebody looked at."""
_SURE = 1000


def tie(store: Store, connection: Connection, found: pa.Table, *, source: str, now: int) -> None:
    """Keep pairs that are probably one person: `subject_id`, `other_id` and `score` (per mille).

    The same pair again changes nothing; nor does one that somebody let go.
    """
    rows = _pairs(found)
    count = len(rows["subject_id"])
    rows |= {"source": pa.repeat(source, count), "found_at": _all(now, count)}
    store.insert(connection, t.probable_link, rows, on_conflict="ignore")


def judge(store: Store, connection: Connection, judged: pa.Table, *, now: int) -> tuple[int, int]:
    """Keep what somebody said of pairs: `subject_id`, `other_id` and `same`. How many are tied and let go since.

    `same` ties a pair, whatever its score was; `different` lets it go, and no later comparison ties it again. The last
    word counts, from `now` on; the same again changes nothing.
    """
    pairs = _pairs(judged)
    same = np.asarray(pairs.pop("same").to_numpy(zero_copy_only=False), bool)
    stands = _standing(store, connection, pairs["subject_id"], pairs["other_id"])
    confirmed = {name: column.filter(pa.array(same & (stands == _TIED))) for name, column in pairs.items()}
    store.update(connection, t.probable_link, confirmed | {"source": pa.repeat(JUDGED, len(confirmed["subject_id"]))})
    tied, let_go = same & (stands != _TIED), ~same & (stands != _LET_GO)
    for these, score, since in ((tied, _SURE, None), (let_go, 0, now)):
        rows = {name: column.filter(pa.array(these)) for name, column in pairs.items()}
        count = int(these.sum())
        rows |= {"source": pa.repeat(JUDGED, count), "let_go_at": pa.array([since] * count, pa.int64())}
        begun = {"score": _all(score, count), "found_at": _all(now, count)}
        store.insert(connection, t.probable_link, rows | begun, on_conflict="ignore")
        store.update(connection, t.probable_link, rows | (begun if since is None else {}))
    return int(tied.sum()), int(let_go.sum())


def ties(store: Store, connection: Connection, kin_of: pa.Table, *, until: int = FOREVER) -> pa.Table:
    """`subject_id` and `other_id` of every pair that holds then, both ways round, as the people they are today."""
    c = t.probable_link.c
    holds = or_(c.let_go_at.is_(None), c.let_go_at > until)
    held = store.table(connection, select(c.subject_id, c.other_id).where(c.found_at <= until, holds))
    one, other = (survivors(np.asarray(held[name].to_numpy()), kin_of) for name in ("subject_id", "other_id"))
    both = np.unique(np.column_stack([np.append(one, other), np.append(other, one)]), axis=0)
    both = both[both[:, 0] != both[:, 1]]
    return pa.table({"subject_id": pa.array(both[:, 0], pa.int64()), "other_id": pa.array(both[:, 1], pa.int64())})


def tied_to(ids: Ints, ties_of: pa.Table) -> Ints:
    """Who is probably one of `ids`."""
    return np.asarray(ties_of.filter(pc.is_in(ties_of["subject_id"], pa.array(ids)))["other_id"].to_numpy())


_NEW, _TIED, _LET_GO = 0, 1, 2


def _pairs(found: pa.Table) -> dict[str, pa.Array]:
    """Each pair once, the smaller id first, with what stands beside it; of equal pairs the last."""
    one, other = (np.asarray(found[name].to_numpy()) for name in ("subject_id", "other_id"))
    low, high = np.minimum(one, other), np.maximum(one, other)
    apart = np.flatnonzero(low != high)[::-1]
    pairs, last = np.unique(np.column_stack([low, high])[apart], axis=0, return_index=True)
    rest = found.drop(["subject_id", "other_id"]).take(pa.array(apart[last]))
    kept = {name: rest[name].combine_chunks() for name in rest.column_names}
    return {"subject_id": pa.array(pairs[:, 0], pa.int64()), "other_id": pa.array(pairs[:, 1], pa.int64()), **kept}


def _standing(store: Store, connection: Connection, one: pa.Array, other: pa.Array) -> Ints:
    """How each pair stands today."""
    c = t.probable_link.c
    with store.among(connection, one) as value:
        wanted = select(c.subject_id, c.other_id, c.let_go_at).where(c.subject_id.in_(select(value)))
        held = store.table(connection, wanted)
    stands = {
        (low, high): _TIED if let_go is None else _LET_GO
        for low, high, let_go in zip(*(column.to_pylist() for column in held.columns), strict=True)
    }
    pairs = zip(one.to_pylist(), other.to_pylist(), strict=True)
    return np.array([stands.get(pair, _NEW) for pair in pairs], np.int64)


def _all(value: int, count: int) -> pa.Array:
    return pa.array(np.full(count, value, np.int64))
