"""Who was ever sent to an audience and who was ever held out of it, each from their own first day: read from the store.

Everybody stays in the group into which they were drawn first, whatever became of them (intention to treat): rejected,
withdrawn, not found by the platform, or drawn anew by another salt.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, Select, func, select, union_all

from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Action
from passerelle.segmentation.measurement.outcomes import GROUPS

SENT, HELD_OUT = "sent", "held_out"


@dataclass(frozen=True, slots=True)
class Groups:
    """`people`: see `outcomes.GROUPS`; the groups are the two names given.

    `since` is the first day of the comparison (µs UTC). `before` counts people who were sent before it, when nobody was
    drawn; they are in no group. `crossed` counts people who were in both groups, one after the other.
    """

    people: pa.Table
    names: tuple[str, str]
    since: int
    before: int
    crossed: int

    def sizes(self) -> dict[str, int]:
        """How many are in each group."""
        return dict(zip(self.names, (_count(self.people, name) for name in self.names), strict=True))

    def until(self, moment: int) -> "Groups":
        """Only those who were drawn until then (µs UTC)."""
        kept = self.people.filter(pa.array(self.people["since"].to_numpy() <= moment))
        return Groups(kept, self.names, self.since, self.before, self.crossed)


def sent_and_held_out(
    store: Store, connection: Connection, merges: pa.Table, audience: str, *, since: int | None
) -> Groups | None:
    """Who was sent, and who was held out, from the day on which the first person was; None where nobody ever was.

    Who was sent before that day was not drawn. With `since` (µs UTC) the comparison begins later. `merges`: who turned
    out to be whom, see `Subjects.merges`.
    """
    h = t.holdout.c
    held = select(h.subject_id, h.since).where(h.audience == audience)
    began = connection.execute(select(func.min(h.since)).where(h.audience == audience)).scalar()
    if began is None:
        return None
    begins = began if since is None else max(began, since)
    read = (_read(store, connection, merges, statement) for statement in (_sent(audience), held))
    return _drawn(read, (SENT, HELD_OUT), begins)


def two_audiences(
    store: Store, connection: Connection, merges: pa.Table, audiences: tuple[str, str], *, since: int | None
) -> Groups | None:
    """Who was sent to one audience, and who to the other (two splits of a segment); None where one has nobody."""
    read = [_read(store, connection, merges, _sent(audience)) for audience in audiences]
    if not all(len(ids) for ids, _ in read):
        return None
    begins = min(int(at.min()) for _, at in read)
    return _drawn(read, audiences, begins if since is None else max(begins, since))


Times = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""People (sorted, each once) and the first instant of each."""


def _sent(audience: str) -> Select[tuple[int, int]]:
    """Who was sent, and who would have been, had one of their identifiers been one that can be sent."""
    b, m, u = t.batch.c, t.batch_member.c, t.membership.c
    pushed = select(m.subject_id, b.intended_at.label("since")).join_from(
        t.batch, t.batch_member, b.batch_id == m.batch_id
    )
    pushed = pushed.where(b.audience == audience, b.action == Action.ADD.value)
    tried = select(u.subject_id, u.since).where(u.audience == audience, u.state == "unsendable")
    every = union_all(pushed, tried).subquery()
    return select(every.c.subject_id, every.c.since)


def _read(store: Store, connection: Connection, merges: pa.Table, statement: Select[tuple[int, int]]) -> Times:
    """People as they are known today: who was merged is one person, drawn when the first of them was."""
    rows = store.table(connection, statement)
    ids, since = (rows[name].to_numpy().astype(np.int64) for name in ("subject_id", "since"))
    old, new = (merges[name].to_numpy().astype(np.int64) for name in ("subject_id", "merged_into"))
    if len(old):
        place = np.minimum(np.searchsorted(old, ids), len(old) - 1)
        ids = np.where(old[place] == ids, new[place], ids)
    order = np.lexsort((since, ids))
    ids, since = ids[order], since[order]
    first = np.concatenate([[True], ids[1:] != ids[:-1]])[: len(ids)]
    return ids[first], since[first]


def _drawn(read: Iterable[Times], names: tuple[str, str], begins: int) -> Groups:
    """Everybody in the group of their first instant; the second group where both are at one."""
    (one, one_at), (other, other_at) = read
    ids, at = np.concatenate([one, other]), np.concatenate([one_at, other_at])
    arm = np.repeat(np.arange(2), (len(one), len(other)))
    order = np.lexsort((-arm, at, ids))
    ids, at, arm = ids[order], at[order], arm[order]
    again = np.concatenate([ids[1:] == ids[:-1], [False]]) if len(ids) else np.zeros(0, bool)
    first = np.concatenate([[True], ~again[:-1]])[: len(ids)]
    within = first & (at >= begins)
    rows = {"subject_id": ids[within], "arm": pa.array(names).take(pa.array(arm[within])), "since": at[within]}
    return Groups(
        pa.table(rows, GROUPS), names, begins, int((first & (at < begins)).sum()), int((within & again).sum())
    )


def _count(people: pa.Table, name: str) -> int:
    return int(pc.sum(pc.equal(people["arm"], name)).as_py() or 0)
