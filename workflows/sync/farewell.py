"""Whoever withdrew, or is to be erased, is dropped from every audience of the account, where a platform can do that.

So are copies that somebody made by hand, and lists of before Passerelle. It is owed from the moment that their removal
from one of our audiences is begun, and until the platform confirmed it: a failure is removal debt as any other. People
who merely left a segment are not told of; neither are people who were in none of our audiences, since the asking alone
would hand over their keys.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from passerelle.connectors.contract.destination import ForgetsEverywhere, Intent
from passerelle.privacy.errors import PasserelleError, TryLater
from passerelle.privacy.ledger import Opening, Place
from passerelle.workflows.plan.moves import Ids
from passerelle.workflows.plan.standing import owed
from passerelle.workflows.sync.crew import Crew
from passerelle.workflows.sync.push import receive, refuse_removal, unconfirmed
from passerelle.workflows.sync.report import PlaceReport


def bid_farewell(crew: Crew, name: str) -> PlaceReport | None:
    """Ask for everybody of whom it is owed at a destination; None where there is nobody, or another run is asking.

    Who may be shared there again, for whatever purpose, is not asked for.
    """
    place = Place.everywhere(name)
    with crew.store.read() as connection:
        if not len(owed(connection, crew.ledger, place)):
            return None
    report = PlaceReport(place)
    try:
        with crew.alone_at(place, f"farewell-{name}"):
            _ask(crew, place, report)
    except TryLater as busy:
        report.fail(busy)
        report.wait_seconds = busy.wait.seconds
    except PasserelleError as problem:
        report.fail(problem)
    with crew.store.read() as connection:
        report.debt = len(owed(connection, crew.ledger, place))
    return report


def _ask(crew: Crew, place: Place, report: PlaceReport) -> None:
    destination = crew.workspace.destination(place.destination)
    if not isinstance(destination, ForgetsEverywhere):
        return
    with crew.store.write() as connection:
        crew.ledger.supersede(connection, place, now=crew.now())
        everybody = owed(connection, crew.ledger, place)
        welcome = _welcome(crew, connection, place.destination, everybody)
        crew.ledger.waive(connection, place, pa.array(welcome))
    leaving, size = np.setdiff1d(everybody, welcome), destination.capabilities.rows_per_request
    for start in range(0, len(leaving), size):
        crew.may_go_on(place)
        opening = Opening(crew.new_batch_id(), crew.run_id, place, crew.now())
        with crew.store.write() as connection:
            ids = pa.array(leaving[start : start + size])
            batch = crew.ledger.farewell(connection, opening, destination.platform, ids)
        report.removed += len(ids)
        with refuse_removal(crew, opening.batch_id, len(ids), report):
            receipt = destination.forget_everywhere(batch, Intent(opening.batch_id, 1))
            receive(crew, opening.batch_id, receipt, report)
            unconfirmed(report, receipt)


def _welcome(crew: Crew, connection: Connection, name: str, ids: Ids) -> Ids:
    """Those of `ids` who may be shared at the destination for the purpose of any of its audiences."""
    found: set[int] = set()
    for place in crew.ledger.places(connection):
        remote = crew.ledger.remote(connection, place) if place.destination == name else None
        if remote is None:
            continue
        decisions = crew.gate.decide(
            connection, pa.array(ids), purpose=remote.purpose, destination=remote.platform, at=crew.now()
        )
        found.update(decisions.filter(pc.equal(decisions["allowed"], True))["subject_id"].to_pylist())
    return np.array(sorted(found), np.int64)
