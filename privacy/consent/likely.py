"""People who are probably one person, tied together by something other than an equal identifier.

A no of one is a no of both; a yes is not. So a link only ever takes people out. Somebody who judges a pair may let it
go: then each is again what they said themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, or_, select

from passerelle.privacy.consent.groups import FOREVER, Ints
from passerelle.privacy.consent.kin import kin, survivors
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
    """Keep what somebody said of pairs of people of today: `subject_id`, `other_id` and `same`.

    `same` ties a pair, whatever its score was; `different` lets it go, also where it was found between people who were
    merged into them since, and no later comparison of these two ties it again. The last word counts, from `now` on; the
    same again changes nothing. How many are tied and let go since.
    """
    pairs = _pairs(judged)
    kept = _kept(store, connection)
    stands = kept.stands(pairs)
    same = np.asarray(pairs.pop("same").to_numpy(zero_copy_only=False), bool)
    confirmed, tied, let_go = same & (stands == _TIED), same & (stands != _TIED), ~same & (stands != _LET_GO)
    _judged(store, connection, kept.rows_of(pairs, confirmed), {})
    own = {name: column.filter(pa.array(tied)) for name, column in pairs.items()}
    begun: dict[str, int | None] = {"score": _SURE, "found_at": now, "let_go_at": None}
    _judged(store, connection, own, begun, new=begun)
    _judged(store, connection, kept.rows_of(pairs, let_go), {"let_go_at": now})
    own = {name: column.filter(pa.array(let_go)) for name, column in pairs.items()}
    _judged(store, connection, own, {"let_go_at": now}, new={"score": 0, "found_at": now, "let_go_at": now})
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


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """Every pair that is kept: as it was found, as the people they are today, and whether it holds."""

    found: Ints
    today: dict[tuple[int, int], list[int]]
    """Leads from a pair of today to rows of `found`."""
    holds: npt.NDArray[np.bool_]

    def stands(self, pairs: dict[str, pa.Array]) -> Ints:
        """How each pair stands."""
        rows = [self.today.get(pair, []) for pair in _told(pairs)]
        return np.array([_NEW if not each else _TIED if self.holds[each].any() else _LET_GO for each in rows], np.int64)

    def rows_of(self, pairs: dict[str, pa.Array], wanted: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
        """The rows of these pairs that hold."""
        asked = [pair for pair, there in zip(_told(pairs), wanted.tolist(), strict=True) if there]
        rows = np.array([row for pair in asked for row in self.today.get(pair, []) if self.holds[row]], np.int64)
        return {"subject_id": pa.array(self.found[rows, 0]), "other_id": pa.array(self.found[rows, 1])}


def _kept(store: Store, connection: Connection) -> _Kept:
    c = t.probable_link.c
    held = store.table(connection, select(c.subject_id, c.other_id, c.let_go_at))
    kin_of = kin(store, connection)
    found = np.column_stack([np.asarray(held[name].to_numpy(), np.int64) for name in ("subject_id", "other_id")])
    now = np.sort(np.column_stack([survivors(found[:, side], kin_of) for side in (0, 1)]), axis=1)
    today: dict[tuple[int, int], list[int]] = {}
    for row, (low, high) in enumerate(now.tolist()):
        today.setdefault((low, high), []).append(row)
    return _Kept(found, today, held["let_go_at"].is_null().to_numpy())


def _judged(
    store: Store,
    connection: Connection,
    rows: dict[str, pa.Array],
    changes: Mapping[str, int | None],
    *,
    new: Mapping[str, int | None] | None = None,
) -> None:
    """Rows that somebody judged, with these changes; `new`: what stands in those that are not there yet."""
    count = len(rows["subject_id"])
    named = rows | {"source": pa.repeat(JUDGED, count)}
    if new is not None:
        told = {name: pa.array([value] * count, pa.int64()) for name, value in new.items()}
        store.insert(connection, t.probable_link, named | told, on_conflict="ignore")
    store.update(
        connection,
        t.probable_link,
        named | {name: pa.array([value] * count, pa.int64()) for name, value in changes.items()},
    )


def _told(pairs: dict[str, pa.Array]) -> list[tuple[int, int]]:
    return list(zip(pairs["subject_id"].to_pylist(), pairs["other_id"].to_pylist(), strict=True))


def _all(value: int, count: int) -> pa.Array:
    return pa.array(np.full(count, value, np.int64))
