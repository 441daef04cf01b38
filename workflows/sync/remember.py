"""After a sync: where nothing is left to do, remember so, that the next run need not look at everybody again.

Who may be sent was decided when the plan was made, and holds as long as nothing was written since that it follows from.
Who is there is read again, and held against it: only where that leaves nothing to do is it remembered. Somebody else's
write in between makes another basis, which the next run does not find.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from passerelle.privacy.ledger import Ledger, Place
from passerelle.workflows.plan.make import PlacePlan, Plan, held_against
from passerelle.workflows.plan.replace import How
from passerelle.workflows.plan.standstill import Basis, Unmoved, asked, keep
from passerelle.workflows.sync.crew import Crew
from passerelle.workflows.sync.report import PlaceReport
from passerelle.workflows.verbs.contract import Outcome


def remember(crew: Crew, plan: Plan, reports: Sequence[PlaceReport]) -> None:
    """Remember the places of `plan` that ended well and have nothing left to do."""
    well = {report.place for report in reports if report.outcome is Outcome.DONE and not report.pending}
    places = [place for place in plan.places if place.aim.place in well]
    if plan.basis is None or crew.stopping.is_set():
        return
    now = max(crew.now(), plan.made_at)  # nobody remembers from before what was decided
    with crew.store.read() as connection:
        basis = Basis.of(crew.workspace, connection)
        if basis is None or (basis == plan.basis and not places) or basis.consents != plan.basis.consents:
            return
        made = [_left(crew, connection, place, now) for place in places]
    # What this run did elsewhere makes another basis, and changed nothing at places where it did nothing.
    still = plan.unmoved if basis.others == plan.basis.others else ()
    if kept := [*still, *(one for one in made if one is not None)]:
        keep(crew.store, basis, kept, now=now)


def _left(crew: Crew, connection: Connection, place: PlacePlan, now: int) -> Unmoved | None:
    """What to remember of a place; None where something is left to do, or will be before long."""
    choice, aim = place.choice, place.aim
    again = held_against(crew.workspace, connection, crew.ledger, choice, now=now, approved=frozenset())
    moves = again.guarded.moves
    if not moves.none or again.guarded.held or again.how != How():
        return None
    known = again.known
    if known is not None and (known.described, known.purpose) != (aim.spec.digest, aim.purpose):
        return None
    if now >= choice.foreseen.holds_until or _awaited(connection, crew.ledger, aim.place):
        return None
    said = asked(crew.workspace, aim, choice.drawn, choice.stale, choice.worth)
    return Unmoved(aim.place, moves.current, again.withheld, said, choice.foreseen.holds_until)


def _awaited(connection: Connection, ledger: Ledger, place: Place) -> bool:
    """Whether a push waits for its receipt, a receipt for its end, or a removal for its confirmation."""
    return ledger.waits(connection, place) or ledger.owed(connection, place).num_rows > 0
