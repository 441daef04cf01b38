"""What an erasure works with, and its words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from passerelle.privacy.erasure.sealing import Recipient
from passerelle.privacy.log import Log
from passerelle.privacy.store import Store
from passerelle.privacy.subjects import Subjects

DAY = 86_400_000_000
FEW = 500
"""People of whom one statement speaks, or one transaction destroys what there is."""

REQUESTED, REMOVING, DONE = "requested", "removing", "done"
"""States of an erasure. `removing`: the platforms were asked at least once."""

CAUSES = {
    "asked": "the person asked for it (GDPR art. 17)",
    "withdrawn": "the person withdrew the consent that everything rested on",
    "objected": "the person objected to the processing",
    "no_longer_needed": "the data are no longer needed for what they were collected for",
    "unlawful": "the data were processed unlawfully",
}
"""Why somebody is erased, and what that means."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The rooms that an erasure needs. `random` gives unpredictable bytes."""

    store: Store
    log: Log
    subjects: Subjects
    random: Callable[[int], bytes]

    def new_id(self, now: int) -> str:
        """A name for an erasure: sorts by time, and says nothing of the person."""
        return f"er{now:x}{self.random(5).hex()}"


@dataclass(frozen=True, slots=True)
class Kept:
    """For whom evidence is sealed, and for how long it is kept."""

    recipient: Recipient
    days: int


@dataclass(frozen=True, slots=True)
class Open:
    """An erasure that is not done: whose, and everybody who turned out to be them."""

    erasure: str
    subject_id: int
    state: str
    requested_at: int
    subject_ids: tuple[int, ...]


def pieces(ids: Sequence[int]) -> list[list[int]]:
    """`ids` in runs of at most `FEW`."""
    return [list(ids[start : start + FEW]) for start in range(0, len(ids), FEW)]
