"""Full replacements: everybody is sent anew, and whoever is not sent again leaves.

A replacement is a batch without people of its own. From its intent on, everybody who is there hangs on it and counts
as uncertain; each part that is sent takes its people over. The removal that concludes it names who is left: they are
out when the platform confirms the conclusion, and until then their removal is owed as ever. A process that dies in
between leaves uncertain people behind, and the next plan sends them again or takes them out by their keys.
"""

import numpy as np
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from passerelle.privacy.ledger.book import Ledger
from passerelle.privacy.ledger.words import OPEN, PRESENT, Batch, Doubt, Opening, Place, Told, at
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Action

_NOBODY = pa.array([], pa.int64())


class Replacements:
    """Replacements in the ledger. Every method works in the caller's transaction."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger

    def begin(self, connection: Connection, opening: Opening, *, total: int) -> None:
        """Record that all members are about to be replaced by `total` people: whoever is there is uncertain now."""
        self._ledger.open_batch(connection, opening, Action.REPLACE, _NOBODY, {"total": total})
        values = {"batch_id": opening.batch_id}
        here = and_(_present(opening.place), t.membership.c.state != "removing")  # who leaves is not certain anyway
        self._store.update_where(connection, t.membership, values, here)

    def sent(self, connection: Connection, batch_id: str, request: dict[str, object], *, now: int) -> None:
        """Record that all parts were sent; `request` is enough to conclude it in another process."""
        self._ledger.receive(connection, batch_id, Told(False, 0, 0, 0, request, {}), now=now)

    def leave(self, connection: Connection, opening: Opening, *, clears: int) -> pa.Array:
        """Record that the conclusion of `opening.replacement` is about to take out who was not sent again.

        Those are people who were last added until `clears` (µs). Returns who they are. A doubt that is as old ends with
        it; a younger one stays, since whoever else is there may have been added later.
        """
        parts = select(t.batch.c.batch_id).where(
            t.batch.c.replacement == opening.replacement, t.batch.c.action == Action.ADD.value
        )
        m = t.membership.c
        left = and_(_present(opening.place), m.since <= clears, m.batch_id.not_in(parts))
        ids = self._store.table(connection, select(m.subject_id).where(left))["subject_id"].combine_chunks()
        self._store.update_where(connection, t.membership, {"state": "removing", "batch_id": opening.batch_id}, left)
        r = t.remote_audience.c
        others = and_(at(t.remote_audience, opening.place), r.doubt.is_not(None), r.doubted_at <= clears)
        self._store.update_where(connection, t.remote_audience, {"doubt_ends": opening.batch_id}, others)
        self._ledger.open_batch(connection, opening, Action.REMOVE, ids, {})
        return ids

    def conclude(self, connection: Connection, removal: str, replacement: str, told: Told, *, now: int) -> None:
        """Record what the platform said of the conclusion; what follows concerns the removal alone."""
        self._ledger.receive(connection, removal, told, now=now)
        self._ledger.receive(connection, replacement, Told(True, 0, 0, 0, told.request, {}), now=now)

    def waiting(self, connection: Connection, place: Place) -> Batch | None:
        """The replacement whose parts were all sent and whose conclusion was not."""
        accepted = self._ledger.batches(connection, place, "accepted")
        return next((batch for batch in reversed(accepted) if batch.action is Action.REPLACE), None)

    def parts(self, connection: Connection, batch_id: str) -> tuple[int, int]:
        """How many of its parts the platform has not settled, and how many it took nobody of."""
        b = t.batch.c
        mine = and_(b.replacement == batch_id, b.action == Action.ADD.value)
        open_ones = select(func.count()).where(mine, b.state.in_(OPEN))
        # Of a part that was decided anew, and sent in another, nobody is left.
        left = select(t.membership.c.batch_id).where(t.membership.c.batch_id == b.batch_id).exists()
        lost = and_(b.state == "superseded", left)
        vain = select(func.count()).where(mine, or_(lost, and_(b.state == "settled", b.accepted == 0)))
        return int(connection.execute(open_ones).scalar_one()), int(connection.execute(vain).scalar_one())

    def under_way(self, connection: Connection, place: Place) -> bool:
        """Whether a replacement waits for its conclusion, or its conclusion for the platform."""
        b = t.batch.c
        concluding = and_(b.action == Action.REMOVE.value, b.replacement.is_not(None))
        wanted = select(func.count()).where(
            at(t.batch, place), b.state == "accepted", or_(b.action == Action.REPLACE.value, concluding)
        )
        return int(connection.execute(wanted).scalar_one()) > 0

    def added_after(self, connection: Connection, place: Place, instant: int) -> np.ndarray:
        """Who is there, or may be, and was last added after an instant (µs): int64, ascending."""
        m = t.membership.c
        wanted = select(m.subject_id).where(_present(place), m.since > instant).order_by(m.subject_id)
        return np.asarray(self._store.table(connection, wanted)["subject_id"].to_numpy())

    def refused(self, connection: Connection, place: Place, *, tries: int) -> int:
        """How many removals the platform has refused so many times or more."""
        r = t.removal.c
        wanted = select(func.count()).where(at(t.removal, place), r.refusal.is_not(None), r.tries >= tries)
        return int(connection.execute(wanted).scalar_one())


def doubt_everywhere(connection: Connection, store: Store, doubt: Doubt) -> None:
    """Nobody knows who else is in any audience, until it is replaced."""
    values = {"doubt": doubt.why, "doubted_at": doubt.since, "doubt_ends": None}
    store.update_where(connection, t.remote_audience, values, t.remote_audience.c.audience.is_not(None))


def _present(place: Place) -> ColumnElement[bool]:
    return and_(at(t.membership, place), t.membership.c.state.in_(PRESENT))
