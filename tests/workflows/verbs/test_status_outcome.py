"""How `status` ends, by what it saw."""

import pytest

from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.verbs.status import Debt, PlaceLine, StatusResult, outcome_of


def line(*, pending: int = 0, working: bool = False, debt: str = "") -> PlaceLine:
    owed = Debt(people=1, oldest_hours=1, deadline="", state=debt, causes={}, refusals={}) if debt else None
    return PlaceLine(
        audience="everybody",
        destination="meta",
        members=3,
        pending=pending,
        unsendable=0,
        platform_status="normal",
        size_low=None,
        size_high=None,
        match_rate=None,
        problems=[],
        working=working,
        debt=owed,
    )


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (line(), Outcome.DONE),
        (line(debt="ok"), Outcome.DONE),
        (line(pending=1), Outcome.PENDING),
        (line(working=True), Outcome.PENDING),
        (line(working=True, debt="alarm"), Outcome.HELD_BACK),
        (line(debt="breach"), Outcome.HELD_BACK),
    ],
)
def test_what_is_late_comes_before_what_is_under_way(seen: PlaceLine, outcome: Outcome) -> None:
    assert outcome_of(StatusResult(audiences=[line(), seen])) is outcome
