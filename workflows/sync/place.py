"""Sync one place, alone: removals first, then additions, then wait for what the platform left pending."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from passerelle.connectors.contract.destination import AudienceSpec, RemoteAudience
from passerelle.privacy.errors import HeldBack, PasserelleError, TryLater
from passerelle.privacy.ledger import Place, Remote
from passerelle.privacy.vocabulary import Purpose
from passerelle.workflows.plan.moves import NOBODY, Ids, Moves, union
from passerelle.workflows.sync.crew import Crew
from passerelle.workflows.sync.push import Target, add, remove, settle
from passerelle.workflows.sync.report import PlaceReport
from passerelle.workflows.verbs.contract import Outcome

_FIRST_WAIT = 0.2
_LONGEST_WAIT = 15.0
_AGAIN = "Run `passerelle sync` again: its people are sent again, or taken out again, which is harmless."
_ALARMING = "Nobody was added who should not be. Pass this on to whoever looks after Passerelle, with the run's id."


def reach(crew: Crew, place: Place, spec: AudienceSpec, purpose: Purpose) -> Target:
    """Find or make the audience at the platform, and remember it before anybody is sent.

    What the platform was told of it before is not told again: who renamed it there meant it.
    """
    destination = crew.workspace.destination(place.destination)
    with crew.store.read() as connection:
        known = crew.ledger.remote(connection, place)
    told = known.described if known else ""
    asked = AudienceSpec.unchanged(place.audience) if known and told == spec.digest else spec
    remote = destination.ensure(asked, RemoteAudience(known.remote_id, known.columns) if known else None)
    described = told if asked.changes_nothing else spec.digest
    held = Remote(remote.remote_id, remote.columns, destination.platform, purpose, described)
    if held != known:
        with crew.store.write() as connection:
            crew.ledger.remember(connection, place, held, now=crew.now())
    return Target(place, destination, remote, purpose)


def carry(crew: Crew, target: Target, moves: Moves, report: PlaceReport) -> None:
    """Make the moves, without waiting for the platform to settle them: `conclude` does.

    What went wrong stands in the report; nothing is raised for one place's troubles.
    """
    try:
        with crew.store.write() as connection:
            crew.ledger.supersede(connection, target.place, now=crew.now())
            if len(moves.forget):
                crew.ledger.forget_unsendable(connection, target.place, pa.array(moves.forget))
        unconfirmed = _take_out(crew, target, moves, report)
        adds = np.setdiff1d(moves.adds, unconfirmed, assume_unique=True)
        _put_in(crew, target, adds, report)
    except PasserelleError as problem:
        report.fail(problem)
        if isinstance(problem, TryLater):
            report.wait_seconds = problem.wait.seconds


def conclude(crew: Crew, carried: Sequence[tuple[Target, PlaceReport]]) -> None:
    """Wait for all platforms together, as long as patience lasts, and count who is where."""
    patience = crew.patience
    for target, report in carried:
        try:
            patience -= await_settled(crew, target, report, patience)
        except PasserelleError as problem:
            report.fail(problem)
        finish(crew, target.place, report)


def finish(crew: Crew, place: Place, report: PlaceReport) -> None:
    """Count who is there and what is owed, and say so if something is still pending."""
    with crew.store.read() as connection:
        report.members = crew.ledger.count(connection, place)
        report.debt = crew.ledger.owed(connection, place).num_rows
    if report.pending and report.outcome is Outcome.DONE:
        report.outcome = Outcome.PENDING
        report.advice = "The platform is still working on it. `passerelle status` asks again."


def await_settled(crew: Crew, target: Target, report: PlaceReport, patience: float) -> float:
    """Ask about pending batches, ever more rarely, until all are settled or patience ends; how long that took."""
    waited, pause = 0.0, _FIRST_WAIT
    while _pending(crew, target, report) and waited + pause <= patience and not crew.stopping.is_set():
        crew.sleep(pause)
        waited += pause
        pause = min(pause * 2, _LONGEST_WAIT)
    return waited


def _pending(crew: Crew, target: Target, report: PlaceReport) -> int:
    """Ask about each pending batch once; how many people are still pending."""
    with crew.store.read() as connection:
        waiting = crew.ledger.batches(connection, target.place, "accepted")
    still = 0
    for batch in waiting:
        receipt = settle(crew, target, batch)
        if receipt is not None and receipt.state == "pending":
            still += batch.rows
            continue
        if receipt is None:
            report.fail(TryLater(f"A batch for {target.place} has no trace at the platform any more.", advice=_AGAIN))
            continue
        if batch.run_id == crew.run_id:
            report.settle(batch.told, receipt)
        if receipt.alarm:
            report.fail(HeldBack(receipt.alarm, advice=_ALARMING))
    return still


def _take_out(crew: Crew, target: Target, moves: Moves, report: PlaceReport) -> Ids:
    """Take out; the people of whom the platform has not confirmed it, who must not be put in again before.

    Among them are those that a leaving one turned out to be: the late removal would take them out by a key they share.
    """
    size = target.destination.capabilities.rows_per_request
    chunks = _chunks(crew, moves.leaving, size, f"Taking out of {target.place}")
    confirmed = [remove(crew, target, chunk, report) for chunk in chunks]
    if all(confirmed):
        return NOBODY
    with crew.store.read() as connection:
        heirs = crew.gate.today(connection, pa.array(moves.leaving)).to_numpy()
    again = union([np.intersect1d(moves.leaving, moves.adds), heirs[heirs != moves.leaving]])
    if not len(again):
        return NOBODY
    await_settled(crew, target, report, crew.patience)
    with crew.store.read() as connection:
        people = crew.ledger.people(connection, target.place)
        return np.intersect1d(again, crew.gate.today(connection, people["subject_id"].combine_chunks()).to_numpy())


def _put_in(crew: Crew, target: Target, ids: Ids, report: PlaceReport) -> None:
    size = target.destination.capabilities.rows_per_request
    for chunk in _chunks(crew, ids, size, f"Adding to {target.place}"):
        add(crew, target, chunk, report)


def _chunks(crew: Crew, ids: Ids, size: int, label: str) -> Iterator[Ids]:
    if not len(ids):
        return
    with crew.progress.step(label, total=len(ids)) as step:
        for start in range(0, len(ids), size):
            if crew.stopping.is_set():
                raise TryLater("The run was stopped.", advice="Run it again: it goes on where it stopped.")
            chunk = ids[start : start + size]
            yield chunk
            step.advance(len(chunk))
