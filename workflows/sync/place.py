"""Sync one place, alone: removals first, then additions, then wait for what the platform left pending."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from passerelle.connectors.contract.destination import AudienceSpec, NotNow, RemoteAudience, Replacement
from passerelle.connectors.errors import ReplacementOver
from passerelle.privacy.errors import HeldBack, PasserelleError, TryLater
from passerelle.privacy.ledger import Doubt, Place, Remote, Replacements
from passerelle.privacy.vocabulary import Action, Purpose
from passerelle.workflows.plan.moves import NOBODY, Ids, Moves, Wish, diff, union
from passerelle.workflows.plan.replace import whole
from passerelle.workflows.plan.standing import standing
from passerelle.workflows.sync import replace as replacing
from passerelle.workflows.sync.crew import Crew
from passerelle.workflows.sync.push import Target, add, remove, settle, unconfirmed
from passerelle.workflows.sync.replace import Replacing
from passerelle.workflows.sync.report import PlaceReport, count
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
    doubt = known.doubt if known else Doubt("adopted", crew.now()) if remote.adopted else None
    held = Remote(remote.remote_id, remote.columns, destination.platform, purpose, described, doubt)
    if held != known:
        with crew.store.write() as connection:
            crew.ledger.remember(connection, place, held, now=crew.now())
    return Target(place, destination, remote, purpose)


def carry(crew: Crew, target: Target, moves: Moves, report: PlaceReport) -> None:
    """Make the moves, without waiting for the platform to settle them: `conclude` does.

    What went wrong stands in the report; nothing is raised for one place's troubles.
    """
    try:
        _tidy(crew, target, moves)
        unconfirmed = _take_out(crew, target, moves, report)
        adds = np.setdiff1d(moves.adds, unconfirmed, assume_unique=True)
        _put_in(crew, target, adds, report)
    except PasserelleError as problem:
        _failed(report, problem)


def carry_whole(crew: Crew, target: Target, wish: Wish, moves: Moves, report: PlaceReport) -> None:
    """Replace all members; where the platform does not let it, or ends it early, make the moves that are left."""
    try:
        _tidy(crew, target, moves)
        ids = whole(wish, moves)
        begun = replacing.begin(crew, target, report, len(ids))
        if not isinstance(begun, NotNow):
            ended = _replace(crew, target, moves, ids, begun, report)
            if not ended:
                return
            with crew.store.read() as connection:
                moves = diff(wish, standing(connection, crew.ledger, target.place, values=target.values is not None))
            begun = NotNow(ended)
        report.how, report.why = "diff", begun.reason
    except PasserelleError as problem:
        _failed(report, problem)
        return
    carry(crew, target, moves, report)


def _replace(
    crew: Crew, target: Target, moves: Moves, ids: Ids, begun: tuple[Replacing, Replacement], report: PlaceReport
) -> str:
    """Send everybody anew; why it ended early, where it did."""
    work, replacement = begun
    unconfirmed = _take_out(crew, target, replacing.first_by_keys(crew, target, moves, replacement), report)
    ids = np.setdiff1d(ids, unconfirmed, assume_unique=True)
    work.begin()
    size = target.destination.capabilities.rows_per_request
    try:
        for chunk in _chunks(crew, target.place, ids, size, f"Replacing {target.place}"):
            work.take(chunk)
        return "" if work.end() else "Nobody of them may be sent any more."
    except ReplacementOver as over:
        work.give_up()
        return over.message


def _tidy(crew: Crew, target: Target, moves: Moves) -> None:
    """Close what was left without a receipt, and forget marks of people who are not wanted any more."""
    with crew.store.write() as connection:
        crew.ledger.supersede(connection, target.place, now=crew.now())
        if len(moves.forget):
            crew.ledger.forget_unsendable(connection, target.place, pa.array(moves.forget))


def _failed(report: PlaceReport, problem: PasserelleError) -> None:
    report.fail(problem)
    if isinstance(problem, TryLater):
        report.wait_seconds = problem.wait.seconds


def conclude(crew: Crew, carried: Sequence[tuple[Target, PlaceReport]]) -> None:
    """Wait for all platforms together, as long as patience lasts, and count who is where."""
    patience = crew.patience
    for target, report in carried:
        try:
            patience -= await_settled(crew, target, report, patience, concludes=True)
        except PasserelleError as problem:
            report.fail(problem)
        finish(crew, target.place, report)


def finish(crew: Crew, place: Place, report: PlaceReport) -> None:
    """Count who is there and what is owed, and say so if something is still pending."""
    with crew.store.read() as connection:
        report.members = crew.ledger.count(connection, place)
        report.debt = crew.ledger.owed(connection, place).num_rows
        under_way = Replacements(crew.store, crew.ledger).under_way(connection, place)
    if (report.pending or under_way) and report.outcome is Outcome.DONE:
        report.outcome = Outcome.PENDING
        report.advice = "The platform is still working on it. `passerelle status` asks again."


def await_settled(
    crew: Crew, target: Target, report: PlaceReport, patience: float, *, concludes: bool = False
) -> float:
    """Ask about pending batches, ever more rarely, until all are settled or patience ends; how long that took.

    `concludes`: a replacement whose parts are settled is concluded, too. Only who holds the place's lock may.
    """
    waited, pause = 0.0, _FIRST_WAIT
    while (
        _pending(crew, target, report, concludes=concludes)
        and waited + pause <= patience
        and not crew.stopping.is_set()
    ):
        crew.sleep(pause)
        waited += pause
        pause = min(pause * 2, _LONGEST_WAIT)
    return waited


def _pending(crew: Crew, target: Target, report: PlaceReport, *, concludes: bool) -> int:
    """Ask about each pending batch once; whether something is still pending, as a number above 0."""
    with crew.store.read() as connection:
        accepted = crew.ledger.batches(connection, target.place, "accepted")
    waiting = [batch for batch in accepted if batch.action is not Action.REPLACE]
    still = 0
    for batch in waiting:
        receipt = settle(crew, target, batch)
        if receipt is not None and receipt.state == "pending":
            still += max(1, batch.rows)
            continue
        if receipt is None:
            report.fail(TryLater(f"A batch for {target.place} has no trace at the platform any more.", advice=_AGAIN))
            continue
        if batch.run_id == crew.run_id:
            report.settle(batch.told, receipt)
        if batch.action is Action.REMOVE:
            unconfirmed(report, receipt)
        count(report.warnings, receipt.warnings)
        if receipt.alarm:
            report.fail(HeldBack(receipt.alarm, advice=_ALARMING))
    if concludes and len(waiting) < len(accepted) and not crew.stopping.is_set():
        still += replacing.resume(crew, target, report)
    return still


def _take_out(crew: Crew, target: Target, moves: Moves, report: PlaceReport) -> Ids:
    """Take out; the people of whom the platform has not confirmed it, who must not be put in again before.

    Among them are those that a leaving one turned out to be: the late removal would take them out by a key they share.
    """
    size = target.destination.capabilities.rows_per_request
    chunks = _chunks(crew, target.place, moves.leaving, size, f"Taking out of {target.place}")
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
    for chunk in _chunks(crew, target.place, ids, size, f"Adding to {target.place}"):
        add(crew, target, chunk, report)


def _chunks(crew: Crew, place: Place, ids: Ids, size: int, label: str) -> Iterator[Ids]:
    if not len(ids):
        return
    with crew.progress.step(label, total=len(ids)) as step:
        for start in range(0, len(ids), size):
            crew.may_go_on(place)
            chunk = ids[start : start + size]
            yield chunk
            step.advance(len(chunk))
