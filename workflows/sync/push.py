"""Push one batch: its intent is durable before the platform hears of it, its receipt before the next batch.

Dies the process between the two, the batch stays `intended`: its people are uncertain, and the next run's plan
sends them again or takes them out. Both are harmless, since a platform's members are a set.
"""

import json
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.destination import Destination, Intent, MatchKeys, Receipt, RemoteAudience
from passerelle.connectors.errors import Refused
from passerelle.privacy.consent.cleared import ClearedBatch
from passerelle.privacy.ledger import Batch, Opening, Place, Told
from passerelle.privacy.vocabulary import Purpose
from passerelle.workflows.plan.moves import Ids
from passerelle.workflows.sync.crew import Crew
from passerelle.workflows.sync.report import PlaceReport, count


@dataclass(frozen=True, slots=True)
class Target:
    """Where batches go."""

    place: Place
    destination: Destination
    remote: RemoteAudience
    purpose: Purpose


def add(crew: Crew, target: Target, ids: Ids, report: PlaceReport) -> None:
    """Clear, encode and send these people: at most as many as one request takes."""
    opening = Opening(crew.new_batch_id(), crew.run_id, target.place, crew.now())
    with crew.store.write() as connection:
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
    _count_out(report, keys)
    if len(keys.subject_ids):
        _send_add(crew, target, batch, keys, opening, report)


def remove(crew: Crew, target: Target, ids: Ids, report: PlaceReport) -> bool:
    """Take these people out, by what was sent of them; whether the platform has confirmed it already."""
    opening = Opening(crew.new_batch_id(), crew.run_id, target.place, crew.now())
    with crew.store.write() as connection:
        batch = crew.ledger.removal_batch(connection, target.place, target.destination.platform, pa.array(ids))
        if not len(batch.subject_ids):
            return True
        crew.ledger.intend_removal(connection, opening, batch)
    report.removed += len(batch.subject_ids)
    try:
        receipt = target.destination.remove(target.remote, batch, Intent(opening.batch_id, 1))
    except Refused as refusal:
        with crew.store.write() as connection:
            crew.ledger.refuse_removal(connection, opening.batch_id, type(refusal).__name__, now=crew.now())
        report.rejected += len(batch.subject_ids)
        report.fail(refusal)
        return False
    _receive(crew, opening.batch_id, receipt, report)
    return receipt.state == "settled"


def settle(crew: Crew, target: Target, batch: Batch) -> Receipt:
    """Ask once how a pending batch stands, and record the answer when it is final."""
    request = batch.receipt.get("request")
    pending = Receipt("pending", 0, 0, batch.rows, request if isinstance(request, dict) else {})
    receipt = target.destination.settle(target.remote, pending)
    if receipt.state == "settled":
        with crew.store.write() as connection:
            crew.ledger.receive(connection, batch.batch_id, _told(receipt), now=crew.now())
    return receipt


def _send_add(
    crew: Crew, target: Target, batch: ClearedBatch, keys: MatchKeys, opening: Opening, report: PlaceReport
) -> None:
    report.added += len(keys.subject_ids)
    try:
        receipt = target.destination.add(target.remote, batch, keys, Intent(opening.batch_id, 1))
    except Refused as refusal:
        with crew.store.write() as connection:
            crew.ledger.refuse_addition(connection, opening.batch_id, type(refusal).__name__, now=crew.now())
        report.rejected += len(keys.subject_ids)
        raise
    _receive(crew, opening.batch_id, receipt, report)


def _receive(crew: Crew, batch_id: str, receipt: Receipt, report: PlaceReport) -> None:
    with crew.store.write() as connection:
        crew.ledger.receive(connection, batch_id, _told(receipt), now=crew.now())
    report.accepted += receipt.accepted
    report.rejected += receipt.rejected_count
    report.pending += receipt.pending
    count(report.reasons, dict(receipt.reasons))


def _count_out(report: PlaceReport, keys: MatchKeys) -> None:
    count(report.dropped, dict(keys.dropped))
    for entry in pc.value_counts(keys.refused["reason"]).to_pylist():
        count(report.unsendable, {entry["values"]: entry["counts"]})


def _told(receipt: Receipt) -> Told:
    return Told(
        settled=receipt.state == "settled",
        accepted=receipt.accepted,
        rejected=receipt.rejected_count,
        pending=receipt.pending,
        request=json.loads(json.dumps(dict(receipt.request))),
        reasons=dict(receipt.reasons),
        named=receipt.rejected,
    )
