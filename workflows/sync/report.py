"""What became of each place: counts of people that add up, and a word for how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from passerelle.connectors.contract.destination import Receipt
from passerelle.privacy.errors import PasserelleError
from passerelle.privacy.ledger import Place, Told
from passerelle.workflows.verbs.contract import EXIT_CODES, Outcome

# From the one that must be seen first to the one that may wait.
_GRAVITY = (
    Outcome.INTEGRITY_FAILURE,
    Outcome.FAILED,
    Outcome.INVALID,
    Outcome.REFUSED,
    Outcome.TRY_LATER,
    Outcome.CONSENT_STALE,
    Outcome.HELD_BACK,
    Outcome.PENDING,
    Outcome.DONE,
)


@dataclass(slots=True)
class PlaceReport:
    """One audience at one destination. sent = accepted + rejected + pending, in people, of this run's batches."""

    place: Place
    withheld: dict[str, int] = field(default_factory=dict)
    held_by: tuple[str, ...] = ()
    how: Literal["diff", "replace"] = "diff"
    why: str = ""
    """Why all members were replaced, or why not although that would have been better."""
    added: int = 0
    removed: int = 0
    unsendable: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    accepted: int = 0
    rejected: int = 0
    pending: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    warnings: dict[str, int] = field(default_factory=dict)
    members: int = 0
    debt: int = 0
    outcome: Outcome = Outcome.DONE
    advice: str = ""
    problem: str = ""
    wait_seconds: float | None = None

    def fail(self, problem: PasserelleError) -> None:
        """End with this problem, unless a graver one stands already."""
        outcome = Outcome(problem.outcome)
        if gravest([self.outcome, outcome]) is outcome:
            self.outcome, self.problem, self.advice = outcome, problem.message, problem.advice

    def settle(self, before: Told, now: Receipt) -> None:
        """Count a batch of this run, of which `before` is counted, by its final receipt."""
        self.accepted += now.accepted - before.accepted
        self.rejected += now.rejected_count - before.rejected
        self.pending += now.pending - before.pending
        count(self.reasons, {reason: number - before.reasons.get(reason, 0) for reason, number in now.reasons.items()})


def gravest(outcomes: list[Outcome]) -> Outcome:
    """The outcome that a person must see first; done where there is none."""
    return min(outcomes, key=_GRAVITY.index, default=Outcome.DONE)


def exit_code(outcome: Outcome) -> int:
    """The documented exit code of an outcome."""
    return EXIT_CODES[outcome]


def count(into: dict[str, int], more: Mapping[str, int]) -> None:
    """Add counts by key."""
    for key, number in more.items():
        if number:
            into[key] = into.get(key, 0) + number
