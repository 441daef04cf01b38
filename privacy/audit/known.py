"""What was known at a size of the log: people, places, who was there, and what the gate says of them.

Every question that can be asked about the past asks it here, so that "as of then" means the same everywhere: consent
events and batches whose log entry is below the size, merges and erasures until that instant, the policy then on file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, and_, or_, select

from passerelle.privacy.consent import Gate, Policy
from passerelle.privacy.consent.gate import PastGate
from passerelle.privacy.consent.history import EVERYTHING, Horizon
from passerelle.privacy.consent.kin import kin, survivors
from passerelle.privacy.ledger import Place
from passerelle.privacy.ledger.words import PRESENT
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import Action, Destination, Purpose

Ints = npt.NDArray[np.int64]

PEOPLE = 500_000
"""How many people are judged at once: bounds memory."""


@dataclass(frozen=True, slots=True)
class Target:
    """An audience at a destination that was ever made or adopted, by its present purpose."""

    place: Place
    platform: Destination
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Known:
    """The store as it was known at `log_size` entries, at the instant `at` (microseconds UTC).

    `then` judges by the policy, the notices and the merges of then; None where that is simply now.
    """

    store: Store
    connection: Connection
    gate: Gate
    log_size: int
    at: int
    then: PastGate | None = None

    @property
    def past(self) -> bool:
        """Whether this is not simply now."""
        return self.then is not None

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.gate.policy if self.then is None else self.then.policy

    @property
    def horizon(self) -> Horizon:
        """What was known of consent."""
        return Horizon(self.at, self.log_size) if self.past else EVERYTHING

    def decide(self, ids: pa.Array, purpose: Purpose, platform: Destination, *, when: int | None = None) -> pa.Table:
        """The gate's answers, aligned with `ids`, by what was known; at another instant than `at` with `when`."""
        judge = self.gate if self.then is None else self.then
        at = self.at if when is None else when
        return judge.decide(self.connection, ids, purpose=purpose, destination=platform, at=at)

    def earlier(self, log_size: int, at: int) -> "Known":
        """What was known at an earlier size of the log, which is at least 1."""
        return Known(self.store, self.connection, self.gate, log_size, at, self.gate.as_of(self.connection, log_size))

    def people(self) -> Iterator[pa.Array]:
        """Everybody who was known and not erased, each once, as the person they were taken for; in parts."""
        c, last = t.subject.c, None
        there = and_(
            c.created_at <= self.at,
            or_(c.erased_at.is_(None), c.erased_at > self.at),
            or_(c.merged_into.is_(None), c.merged_at > self.at),
        )
        while True:
            after = there if last is None else and_(there, c.subject_id > last)
            wanted = select(c.subject_id).where(after).order_by(c.subject_id).limit(PEOPLE)
            ids = self.store.table(self.connection, wanted)["subject_id"].combine_chunks()
            if not len(ids):
                return
            yield ids
            last = ids[-1].as_py()

    def targets(self) -> list[Target]:
        """Every audience that had been made or adopted."""
        r = t.remote_audience.c
        wanted = select(t.remote_audience).where(r.created_at <= self.at).order_by(r.destination, r.audience)
        return [
            Target(Place(row["destination"], row["audience"]), Destination(row["platform"]), Purpose(row["purpose"]))
            for row in self.connection.execute(wanted).mappings()
        ]

    def members(self, place: Place) -> pa.Array:
        """Who was there, by our receipts: int64, ascending. Who may be there counts as there."""
        if not self.past:
            m = t.membership.c
            here = and_(m.destination == place.destination, m.audience == place.audience, m.state.in_(PRESENT))
            return self._ids(here)
        moves = moves_at(self, place)
        _, back = np.unique(moves.person[::-1], return_index=True)
        last = len(moves.person) - 1 - back
        return pa.array(np.sort(moves.person[last[moves.present[last]]]), pa.int64())

    def today(self, ids: pa.Array) -> Ints:
        """Who these people were taken for, merges followed as far as they were known."""
        kin_of = kin(self.store, self.connection, until=self.horizon.heard_until)
        return np.asarray(survivors(np.asarray(ids.to_numpy()), kin_of))

    def names(self, ids: Iterable[int]) -> dict[int, str]:
        """The pseudonyms of a few people, by their number."""
        c = t.subject.c
        wanted = select(c.subject_id, c.subject_ref).where(c.subject_id.in_(sorted(set(ids))))
        return {row.subject_id: row.subject_ref for row in self.connection.execute(wanted)}

    def present(self, target: Target) -> Ints:
        """Who was there, as the people they are today: distinct, ascending."""
        return np.unique(self.today(self.members(target.place)))

    def purposes(self) -> list[tuple[Purpose, Destination]]:
        """What the policy has rules about, in a fixed order."""
        return sorted({(rule.purpose, platform) for rule in self.policy.rules for platform in rule.destinations})

    def _ids(self, where: ColumnElement[bool]) -> pa.Array:
        m = t.membership.c
        wanted = select(m.subject_id).where(where).order_by(m.subject_id)
        return self.store.table(self.connection, wanted)["subject_id"].combine_chunks()


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """Who was moved at one place, in the order of the log; columns are aligned.

    `confirmed` is when a removal was confirmed, 0 where it was not (yet). `present`: whether this move leaves the
    person there, or maybe there.
    """

    person: Ints
    log_index: Ints
    adds: npt.NDArray[np.bool_]
    asked: Ints
    confirmed: Ints
    present: npt.NDArray[np.bool_]


def moves_at(known: Known, place: Place) -> Moves:
    """Every move at one place as it was known, by `batch_member` and the batches' receipts until then."""
    b, m = t.batch.c, t.batch_member.c
    wanted = (
        select(m.subject_id, b.log_index, b.action, b.state, b.accepted, b.rejected, b.intended_at, b.settled_at)
        .add_columns(m.rejected.label("refusal"))
        .join_from(t.batch_member, t.batch, m.batch_id == b.batch_id)
        .where(b.destination == place.destination, b.audience == place.audience, b.log_index < known.log_size)
        .order_by(b.log_index, m.position)
    )
    rows = known.store.table(known.connection, wanted)
    adds = _equal(rows["action"], Action.ADD.value)
    settled_at = np.asarray(rows["settled_at"].fill_null(np.iinfo(np.int64).max).to_numpy())
    settled = _equal(rows["state"], "settled") & (settled_at <= known.at)
    refused = np.asarray(rows["rejected"].to_numpy()) > 0
    nobody_in = settled & refused & (np.asarray(rows["accepted"].to_numpy()) == 0)
    by_name = np.asarray(rows["refusal"].is_valid().to_numpy())
    out = ~adds & settled & ~refused
    return Moves(
        person=np.asarray(rows["subject_id"].to_numpy()),
        log_index=np.asarray(rows["log_index"].to_numpy()),
        adds=adds,
        asked=np.asarray(rows["intended_at"].to_numpy()),
        confirmed=np.where(out, settled_at, 0),
        present=np.where(adds, ~(nobody_in | (settled & by_name)), ~out),
    )


def _equal(column: pa.ChunkedArray, word: str) -> npt.NDArray[np.bool_]:
    return np.asarray(pc.equal(column, word).to_numpy(), bool)
