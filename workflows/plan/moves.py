"""Who goes in and who comes out of one audience at one destination: pure arithmetic on sorted 64-bit integers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]

NOBODY: Ids = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What the ledger says of one place. All arrays are aligned; `subject_id` is sorted and distinct.

    `kind` is 0 for people who are there, 1 where a push has no receipt, 2 where a removal is under way or refused,
    3 for people of whom nothing could be sent. `owed` lists whose removal is queued. `mark` is that of the value which
    was sent with them, where the audience has values.
    """

    subject_id: Ids
    kind: npt.NDArray[np.int8]
    revision: npt.NDArray[np.int32]
    owed: Ids = field(default_factory=lambda: NOBODY)
    mark: Ids | None = None


THERE, UNCERTAIN, LEAVING, UNSENDABLE = 0, 1, 2, 3


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """Who should be there, and who was considered and is kept out, by cause. Sorted and distinct.

    `revision` (aligned with `allowed`) is that of the person's identifiers; `mark`, too, is that of their value, where
    the audience has values.
    """

    allowed: Ids
    revision: npt.NDArray[np.int32]
    withheld: Mapping[str, Ids]
    mark: Ids | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """What to do.

    Who stands in both goes out first and then in again: by new identifiers, or after a removal whose answer never came.
    """

    adds: Ids
    removes: Mapping[str, Ids]
    forget: Ids
    unsendable: Ids
    current: int
    fresh: int
    """How many of `adds` are not there yet, as far as we know."""
    revalued: int = 0
    """How many of `adds` are there, and are sent again for their value alone."""

    @property
    def none(self) -> bool:
        """Whether there is nothing to do."""
        return not (len(self.adds) or self.removes or len(self.forget))

    @property
    def leaving(self) -> Ids:
        """Everybody who is to be taken out, whatever the cause."""
        return union(self.removes.values())


def diff(wish: Wish, standing: Standing) -> Moves:
    """The moves from `standing` to `wish`. Removals that are owed are made whatever the wish."""
    there = standing.kind != UNSENDABLE
    wanted, places = sought(standing.subject_id, wish.allowed)
    owed = np.isin(standing.subject_id, standing.owed, assume_unique=True)
    renewed = _differs(wish.revision, standing.revision, wanted, places)
    revalued = np.zeros(len(wanted), np.bool_)
    if wish.mark is not None and standing.mark is not None:
        revalued = _differs(wish.mark, standing.mark, wanted, places)
    kept = there & wanted & ~owed
    there_again = kept & (standing.kind == THERE) & ~renewed & revalued
    settled = kept & (standing.kind == THERE) & ~renewed & ~there_again
    again = kept & (standing.kind == UNCERTAIN) & ~renewed
    changed = kept & (standing.kind != LEAVING) & renewed
    out = there & ~settled & ~there_again & ~again & ~changed
    vain = ~there & wanted & ~renewed
    back = kept & (standing.kind == LEAVING)
    blocked = (out & wanted & ~back) | settled | vain
    adds = np.setdiff1d(wish.allowed, standing.subject_id[blocked], assume_unique=True)
    removes = _causes(standing.subject_id[out], standing, wish)
    if changed.any():
        removes["identifiers_changed"] = standing.subject_id[changed]
    present = there & (standing.kind != LEAVING)
    return Moves(
        adds=adds,
        removes=removes,
        forget=standing.subject_id[~there & ~wanted],
        unsendable=standing.subject_id[vain],
        current=int(present.sum()),
        fresh=len(adds) - int(changed.sum()) - int(again.sum()) - int(there_again.sum()),
        revalued=int(there_again.sum()),
    )


def union(parts: Iterable[Ids]) -> Ids:
    """The sorted union of some arrays of ids."""
    arrays = list(parts)
    return np.unique(np.concatenate(arrays)) if arrays else NOBODY


def sought(ids: Ids, among: Ids) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Who of `ids` is in `among`, which is sorted and distinct; and where, for those who are."""
    if not len(among):
        return np.zeros(len(ids), np.bool_), np.zeros(len(ids), np.intp)
    places = np.minimum(np.searchsorted(among, ids), len(among) - 1)
    return among[places] == ids, places


def _differs(
    new: npt.NDArray[np.integer],
    old: npt.NDArray[np.integer],
    wanted: npt.NDArray[np.bool_],
    places: npt.NDArray[np.intp],
) -> npt.NDArray[np.bool_]:
    """Who of those who are wanted has something `new` at their place in the wish, and something else of `old`."""
    other = wanted.copy()
    other[wanted] = new[places[wanted]] != old[wanted]
    return other


def _causes(out: Ids, standing: Standing, wish: Wish) -> dict[str, Ids]:
    """Why each of `out` goes: queued, then kept out by its cause, then a removal under way, then the segment."""
    removes: dict[str, Ids] = {}
    rest = out
    leaving = standing.subject_id[standing.kind == LEAVING]
    for cause, ids in (("queued", standing.owed), *wish.withheld.items(), ("under_way", leaving)):
        here = np.intersect1d(rest, ids, assume_unique=True)
        if len(here):
            removes[cause] = here
            rest = np.setdiff1d(rest, here, assume_unique=True)
    if len(rest):
        removes["left_segment"] = rest
    return removes
