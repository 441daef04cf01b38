"""Push one batch: its intent is durable before the platform hears of it, its receipt before the next batch.

Dies the process between the two, the batch stays `intended`: its people are uncertain, and the next run's plan
sends them again or takes them out. Both are harmless, since a platform's members are a set.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.destination import (
    Destination,
    ForgetsEverywhere,
    Intent,
    MatchKeys,
    Part,
    Receipt,
    RemoteAudience,
)
from passerelle.connectors.errors import Forgotten, Outdated, Refused, TryLater
from passerelle.privacy.consent import Foreseen
from passerelle.privacy.consent.cleared import ClearedBatch
from passerelle.privacy.ledger import Batch, Opening, Place, Told
from passerelle.privacy.vocabulary import Action, Purpose
from passerelle.workflows.plan.moves import Ids
from passerelle.workflows.plan.values import Values
from passerelle.workflows.sync.crew import Crew
from passerelle.workflows.sync.report import PlaceReport, count


@dataclass(frozen=True, slots=True)
class Target:
    """Where batches go."""

    place: Place
    destination: Destination
    remote: RemoteAudience
    purpose: Purpose
    values: Values | None = None
    """What is sent of each person as their value, where the audience has values."""
    foreseen: Foreseen | None = None
    """What the plan's decisions were; the gate takes them where they still hold."""
    split: str | None = None
    """The one of the segment's splits that is sent."""


DECISION_LASTS = 180_000_000
"""Microseconds after which a batch that was not sent yet is decided anew."""

DECISIONS = 3
"""Times that one batch is decided in a run: who waits longer than that has a platform that answers too slowly."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """An addition whose intent is durable: all it takes to send it."""

    opening: Opening
    batch: ClearedBatch
    keys: MatchKeys

    @property
    def ids(self) -> Ids:
        """Who is sent."""
        return np.asarray(self.keys.subject_ids.to_numpy(), np.int64)


def add(crew: Crew, target: Target, ids: Ids, report: PlaceReport) -> None:
    """Clear, encode and send these people: at most as many as one request takes.

    Where waiting for the platform takes so long that their consent may have changed, they are cleared again.
    """
    prepared = prepare(crew, target, ids, report)
    if prepared is not None:
        send(crew, target, prepared, report)


def prepare(
    crew: Crew, target: Target, ids: Ids, report: PlaceReport, *, replacement: str | None = None
) -> Prepared | None:
    """Clear and encode these people, and record that they are about to be sent; None where nobody may or can be."""
    with crew.store.write() as connection:
        opening = Opening(crew.new_batch_id(), crew.run_id, target.place, crew.now(), replacement, target.split)
        # Who was merged since the plan waits for the next one: the other self may be there by other keys.
        people = pa.array(ids)
        cleared = crew.gate.clear(
            connection,
            people.filter(pc.equal(people, crew.gate.today(connection, people))),
            audience=target.place.audience,
            destination=target.destination.platform,
            destination_name=target.place.destination,
            purpose=target.purpose,
            now=opening.now,
            values=None if target.values is None else target.values.personal(ids),
            foreseen=target.foreseen,
        )
        batch = cleared.batch
        keys = target.destination.match_keys(batch, target.remote)
        if keys.refused.num_rows:
            refused = keys.refused["subject_id"].combine_chunks()
            revisions = pc.take(batch.revision, pc.index_in(refused, batch.subject_ids))
            crew.ledger.mark_unsendable(connection, target.place, refused, revisions, now=opening.now)
        if len(keys.subject_ids):
            crew.ledger.intend_add(
                connection, opening, batch, keys.rows, keys.subject_ids, columns=target.remote.columns
            )
    _count_out(report, keys, cleared.withheld)
    return Prepared(opening, batch, keys) if len(keys.subject_ids) else None


def remove(crew: Crew, target: Target, ids: Ids, report: PlaceReport) -> bool:
    """Take these people out, by what was sent of them; whether the platform has confirmed it already."""
    opening = Opening(crew.new_batch_id(), crew.run_id, target.place, crew.now())
    with crew.store.write() as connection:
        batch = crew.ledger.removal_batch(connection, target.place, target.destination.platform, pa.array(ids))
        if not len(batch.subject_ids):
            return True
        crew.ledger.intend_removal(connection, opening, batch)
        if isinstance(target.destination, ForgetsEverywhere):
            crew.ledger.owe_everywhere(connection, target.place, batch.subject_ids, now=opening.now)
    report.removed += len(batch.subject_ids)
    with refuse_removal(crew, opening.batch_id, len(batch.subject_ids), report):
        crew.still_alone(target.place)
        receipt = target.destination.remove(target.remote, batch, Intent(opening.batch_id, 1))
        receive(crew, opening.batch_id, receipt, report)
        unconfirmed(report, receipt)
        return receipt.state == "settled"
    return False


@contextmanager
def refuse_removal(crew: Crew, batch_id: str, people: int, report: PlaceReport) -> Iterator[None]:
    """Keep it owed where the platform refuses a removal for good, and go on."""
    try:
        yield
    except Refused as refusal:
        with crew.store.write() as connection:
            crew.ledger.refuse_removal(connection, batch_id, type(refusal).__name__, now=crew.now())
        report.rejected += people
        report.fail(refusal)
    except TryLater:
        report.pending += people
        raise


def settle(crew: Crew, target: Target, batch: Batch) -> Receipt | None:
    """Ask once how a pending batch stands, and record the answer when it is final.

    None where the platform has forgotten the push: its people are uncertain from now on, as after a crash, and the
    next plan sends them again or takes them out.
    """
    last = batch.told
    request = json.loads(json.dumps(dict(last.request)))
    pending = Receipt("pending", last.accepted, last.rejected, last.pending, request, last.reasons)
    try:
        receipt = target.destination.settle(target.remote, pending)
    except Forgotten:
        with crew.store.write() as connection:
            crew.ledger.give_up(connection, batch.batch_id, now=crew.now())
        return None
    if receipt.state == "settled":
        with crew.store.write() as connection:
            crew.ledger.receive(connection, batch.batch_id, told(receipt), now=crew.now())
    elif _lost(crew, target, batch):
        with crew.store.write() as connection:
            crew.ledger.give_up(connection, batch.batch_id, now=crew.now())
        return Receipt("settled", last.accepted, last.rejected, last.pending, request, last.reasons)
    return receipt


def _lost(crew: Crew, target: Target, batch: Batch) -> bool:
    """Whether the platform will never say how it ended: its people are uncertain then, as after a lost answer."""
    limit = target.destination.capabilities.settles_within
    alone = batch.replacement is None and batch.action is not Action.REPLACE
    return limit is not None and alone and crew.now() - batch.intended_at > limit * 1_000_000


def send(
    crew: Crew, target: Target, prepared: Prepared, report: PlaceReport, *, part: Part | None = None
) -> Receipt | None:
    """Send a prepared addition and record its receipt. Decided too long ago when its turn comes, it is decided anew.

    None where nobody of it may be sent any more. A replacement can't do without a part: then it is left as it is.
    """
    for _ in range(DECISIONS):
        try:
            return _send_once(crew, target, prepared, report, part=part)
        except Outdated:
            again = prepare(crew, target, prepared.ids, report, replacement=prepared.opening.replacement)
            if again is None and part is None:
                return None
        if again is None:
            break
        prepared = again
    raise TryLater(
        f"{target.place}: the platform keeps us waiting for longer than a decision on consent lasts.",
        advice="Run it again later: it goes on where it stopped.",
    )


def _send_once(
    crew: Crew, target: Target, prepared: Prepared, report: PlaceReport, *, part: Part | None = None
) -> Receipt:
    """Send a prepared addition, as a part of a replacement where `part` says so, and record its receipt.

    Raises `Outdated` where it was decided too long ago; its intent is closed, and nothing was sent.
    """
    opening, batch, keys = prepared.opening, prepared.batch, prepared.keys

    def still_good() -> None:
        crew.still_alone(opening.place)
        if crew.now() - batch.decided_at > DECISION_LASTS:
            raise Outdated("Consent was decided too long ago.", advice="Run it again: it is decided anew.")

    sent = len(keys.subject_ids)
    try:
        receipt = target.destination.add(target.remote, batch, keys, Intent(opening.batch_id, 1, still_good), part)
    except Outdated:
        with crew.store.write() as connection:
            crew.ledger.give_up(connection, opening.batch_id, now=crew.now())
        raise
    except TryLater:
        report.added += sent
        report.pending += sent
        raise
    except Refused as refusal:
        with crew.store.write() as connection:
            crew.ledger.refuse_addition(connection, opening.batch_id, type(refusal).__name__, now=crew.now())
        report.added += sent
        report.rejected += sent
        raise
    report.added += sent
    receive(crew, opening.batch_id, receipt, report)
    return receipt


def receive(crew: Crew, batch_id: str, receipt: Receipt, report: PlaceReport) -> None:
    """Record what the platform said, and count it."""
    with crew.store.write() as connection:
        crew.ledger.receive(connection, batch_id, told(receipt), now=crew.now())
    account(report, receipt)


def account(report: PlaceReport, receipt: Receipt) -> None:
    """Count a receipt."""
    report.accepted += receipt.accepted
    report.rejected += receipt.rejected_count
    report.pending += receipt.pending
    count(report.reasons, dict(receipt.reasons))


def unconfirmed(report: PlaceReport, removal: Receipt) -> None:
    """Say so where a platform came to an end with a removal, and did not take everybody out: they stay owed."""
    if removal.state == "settled" and (removal.rejected_count or removal.reasons):
        why = ", ".join(f"{reason} {number:,}" for reason, number in sorted(removal.reasons.items()))
        message = f"The platform did not take out everybody of {report.place} ({why or removal.rejected_count})."
        report.fail(TryLater(message, advice="They stay owed, and the next run tries again. `status` shows their age."))


def _count_out(report: PlaceReport, keys: MatchKeys, withheld: pa.Table) -> None:
    """Count who is not sent after all: of whom no key can be, and who may not be any more since the plan was made."""
    count(report.dropped, dict(keys.dropped))
    for told, into in ((keys.refused, report.unsendable), (withheld, report.withheld)):
        for entry in pc.value_counts(told["reason"]).to_pylist():
            count(into, {entry["values"]: entry["counts"]})


def told(receipt: Receipt) -> Told:
    """A receipt, as the ledger takes it."""
    return Told(
        settled=receipt.state == "settled",
        accepted=receipt.accepted,
        rejected=receipt.rejected_count,
        pending=receipt.pending,
        request=json.loads(json.dumps(dict(receipt.request))),
        reasons=dict(receipt.reasons),
        named=receipt.rejected,
    )
