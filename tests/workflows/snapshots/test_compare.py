"""Whoever moved, moved at the last step that changed whether they are in."""

import pytest

from passerelle.workflows.snapshots.compare import counted
from passerelle.workflows.snapshots.manifest import Ids
from tests.workflows.snapshots.scene import people

STATES = [people(1, 2, 6), people(1, 2, 3, 5), people(1, 3, 4, 6), people(1, 3, 4, 5)]
"""The earlier members, and those after each of three steps."""


@pytest.mark.parametrize(
    ("moved", "told"),
    [
        (people(3), {"data": 1}),
        (people(4), {"time": 1}),
        (people(5), {"rule": 1}),  # came, went, and came again
        (people(2), {"time": 1}),
        (people(6), {"rule": 1}),  # went, came, and went again
        (people(2, 3, 4, 5, 6), {"data": 1, "time": 2, "rule": 2}),
        (people(), {}),
    ],
)
def test_each_is_counted_once_at_the_last_step(moved: Ids, told: dict[str, int]) -> None:
    assert counted(["data", "time", "rule"], STATES, moved) == told
