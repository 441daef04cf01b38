"""Owed removals: age, deadline and cause in `status`, and an outcome that somebody is told of when they are late."""

import pytest

from passerelle.workflows.status import look
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.verbs.status import Debt, outcome_of
from tests.end_to_end.conftest import Cli
from tests.end_to_end.rooms import MICROSECONDS, Rooms
from tests.end_to_end.shop import member

HOUR = 3600 * MICROSECONDS


def debt(rooms: Rooms) -> tuple[Debt, Outcome]:
    """What `status` says of Google's debt, and how it ends."""
    with rooms.opened() as workspace:
        told = look(rooms.crew(workspace, patience=0), offline=True)
    found = next(line.debt for line in told.audiences if line.destination == "google")
    assert found is not None
    return found, outcome_of(told)


def test_a_debt_turns_into_an_alarm_and_then_a_breach(rooms: Rooms, cli: Cli) -> None:
    rooms.sync()
    ref = member(rooms.shop, whatever_state=True)
    assert cli(rooms.shop, "consent", "withdraw", "--subject-ref", ref)[0] == 0
    rooms.shop.twins.fault(call="data_manager.remove", times=0, grpc={"code": "PERMISSION_DENIED"})
    assert rooms.removals()["google"].outcome == "refused"
    seen = []
    for hours in (0, 23, 2, 46, 2):
        rooms.clock.slept += hours * HOUR
        told, outcome = debt(rooms)
        seen.append((told.state, outcome.value))
        assert (told.people, told.causes, told.refusals) == (1, {"consent_withdrawn": 1}, {"Refused": 1})
    assert seen == [("ok", "done")] * 2 + [("alarm", "held_back")] * 2 + [("breach", "held_back")]
    assert told.oldest_hours == pytest.approx(73, abs=0.1)
    rooms.shop.twins.clear_faults()
    assert rooms.removals()["google"].debt == 0
