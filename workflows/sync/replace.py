"""Replace all members of one place, alone.

| moment | what is durable | if the process dies here |
| --- | --- | --- |
| begun, nothing sent | the replacement's intent: everybody who is there is uncertain | the next plan sends them again, or takes them out |
| parts are sent | each part's intent, then its receipt: its people are certain again | the rest is still uncertain |
| the last part goes out (`SWITCH`), or all are settled (`SWEEP`) | a removal that names who was not sent again | their removal is owed |
| concluded | its receipt, and later that it was confirmed: they are out | it is settled by whoever asks next |

Parts are prepared one ahead, so that the last that has anybody in it is known to be the last.
"""  # noqa: E501 - a table

import json

import numpy as np

from passerelle.connectors.contract.destination import ForgetsEverywhere, Intent, NotNow, Part, Replacement, Replaces
from passerelle.connectors.errors import Refused
from passerelle.privacy.ledger import Batch, Opening, Replacements
from passerelle.workflows.plan.moves import NOBODY, Ids, Moves
from passerelle.workflows.sync.crew import Crew
from passerelle.workflows.sync.push import Prepared, Target, account, prepare, send, told, unconfirmed
from passerelle.workflows.sync.report import PlaceReport


class Replacing:
    """One replacement on its way, from its intent to its last part."""

    def __init__(self, crew: Crew, target: Target, report: PlaceReport, opening: Opening, begun: Replacement) -> None:
        self._crew = crew
        self._target = target
        self._report = report
        self._opening = opening
        self._begun = begun
        self._ledger = Replacements(crew.store, crew.ledger)
        self._held: Prepared | None = None
        self._number = 0
        self._received = 0

    def begin(self) -> None:
        """Make the intent durable: from now on nobody is certain to be there."""
        with self._crew.store.write() as connection:
            self._ledger.begin(connection, self._opening, total=self._begun.total)

    def take(self, ids: Ids) -> None:
        """Prepare these people, and send those before them."""
        prepared = prepare(self._crew, self._target, ids, self._report, replacement=self._opening.batch_id)
        if prepared is not None:
            self._send_held(last=False)
            self._held = prepared

    def end(self) -> bool:
        """Send the last part, and conclude where that follows at once. False: there was nobody to send."""
        if self._held is None:
            self.give_up()
            return False
        switches = self._target.destination.capabilities.replaces is Replaces.SWITCH
        left = leave(self._crew, self._target, self._opening, self._begun) if switches else None
        self._send_held(last=True)
        if left is not None:
            conclude(self._crew, self._target, self._opening, self._begun, left, self._report)
            return True
        with self._crew.store.write() as connection:
            request = _as_json(self._begun)
            self._ledger.sent(connection, self._opening.batch_id, request, now=self._crew.now())
        return True

    def give_up(self) -> None:
        """Leave it: whoever was not sent again stays uncertain."""
        with self._crew.store.write() as connection:
            self._crew.ledger.give_up(connection, self._opening.batch_id, now=self._crew.now())
            self._crew.ledger.supersede(connection, self._target.place, now=self._crew.now())

    def _send_held(self, *, last: bool) -> None:
        if self._held is None:
            return
        self._number += 1
        part = Part(self._begun, self._number, self._received, last)
        receipt = send(self._crew, self._target, self._held, self._report, part=part)
        self._received = int(receipt.request.get("received", 0)) if receipt is not None else 0
        self._held = None


def begin(crew: Crew, target: Target, report: PlaceReport, total: int) -> tuple[Replacing, Replacement] | NotNow:
    """Ask whether the platform takes a replacement now. Nothing is changed yet, here or there."""
    if not total:
        return NotNow("An audience is never replaced by nobody.")
    opening = Opening(crew.new_batch_id(), crew.run_id, target.place, crew.now())
    begun = target.destination.begin_replace(target.remote, total, Intent(opening.batch_id, 1), opening.now)
    if isinstance(begun, NotNow):
        return begun
    return Replacing(crew, target, report, opening, begun), begun


def first_by_keys(crew: Crew, target: Target, moves: Moves, begun: Replacement) -> Moves:
    """Whom a sweep would not surely take out, or would keep under old identifiers: they go by their keys before."""
    if target.destination.capabilities.replaces is Replaces.SWITCH:
        return Moves(NOBODY, {}, NOBODY, NOBODY, moves.current, 0)
    with crew.store.read() as connection:
        late = Replacements(crew.store, crew.ledger).added_after(connection, target.place, begun.clears)
    removes = {
        cause: ids if cause == "identifiers_changed" else np.intersect1d(ids, late, assume_unique=True)
        for cause, ids in moves.removes.items()
    }
    few = {cause: ids for cause, ids in removes.items() if len(ids)}
    return Moves(NOBODY, few, NOBODY, NOBODY, moves.current, 0)


def leave(crew: Crew, target: Target, replacement: Opening, begun: Replacement) -> tuple[Opening, int]:
    """Make durable who is about to leave by the conclusion."""
    removal = Opening(crew.new_batch_id(), replacement.run_id, target.place, crew.now(), replacement.batch_id)
    with crew.store.write() as connection:
        left = Replacements(crew.store, crew.ledger).leave(connection, removal, clears=begun.clears)
        if isinstance(target.destination, ForgetsEverywhere):
            crew.ledger.owe_everywhere(connection, target.place, left, now=removal.now)
    return removal, len(left)


def conclude(
    crew: Crew,
    target: Target,
    replacement: Opening,
    begun: Replacement,
    left: tuple[Opening, int],
    report: PlaceReport,
) -> None:
    """Conclude, and record what the platform said. Refused, those who should leave stay owed, and go by their keys."""
    removal, count = left
    report.removed += count
    try:
        crew.still_alone(target.place)
        receipt = target.destination.conclude_replace(target.remote, begun, count)
    except Refused as refusal:
        with crew.store.write() as connection:
            crew.ledger.refuse_removal(connection, removal.batch_id, type(refusal).__name__, now=crew.now())
            crew.ledger.give_up(connection, replacement.batch_id, now=crew.now())
        report.rejected += count
        raise
    with crew.store.write() as connection:
        Replacements(crew.store, crew.ledger).conclude(
            connection, removal.batch_id, replacement.batch_id, told(receipt), now=crew.now()
        )
    account(report, receipt)
    unconfirmed(report, receipt)


def resume(crew: Crew, target: Target, report: PlaceReport) -> bool:
    """Conclude the replacement that waits for its parts to be settled, if they are; whether it was concluded.

    Where the platform took nobody of a part, who is there is not what the conclusion would rest on: it is given up.
    """
    ledger = Replacements(crew.store, crew.ledger)
    with crew.store.read() as connection:
        waiting = ledger.waiting(connection, target.place)
        unsettled, vain = (0, 0) if waiting is None else ledger.parts(connection, waiting.batch_id)
    if waiting is None or unsettled:
        return False
    if vain:
        with crew.store.write() as connection:
            crew.ledger.give_up(connection, waiting.batch_id, now=crew.now())
        return False
    replacement = Opening(waiting.batch_id, waiting.run_id, target.place, waiting.intended_at)
    begun = _from_json(waiting)
    mine = report if waiting.run_id == crew.run_id else PlaceReport(target.place)
    conclude(crew, target, replacement, begun, leave(crew, target, replacement, begun), mine)
    return True


def _as_json(begun: Replacement) -> dict[str, object]:
    plain = {"total": begun.total, "began_at": begun.began_at, "clears": begun.clears}
    return {**plain, "token": json.loads(json.dumps(dict(begun.token)))}


def _from_json(batch: Batch) -> Replacement:
    request = json.loads(json.dumps(dict(batch.told.request)))
    return Replacement(request["total"], request["began_at"], request["clears"], request["token"])
