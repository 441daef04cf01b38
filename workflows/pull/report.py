"""What a pull did, source by source: counts, names and reasons; nothing of any person."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from passerelle.privacy.errors import HeldBack, PasserelleError

if TYPE_CHECKING:
    from passerelle.workflows.quality.gate import Checked

_GRAVITY = ("integrity_failure", "failed", "invalid", "refused", "held_back", "consent_stale", "try_later")
"""Where several sources failed: the outcome that needs a person comes before the one that needs time."""


@dataclass(slots=True)
class SourceReport:
    """One resource of one source. `error` is set where it failed; what was kept before that stays."""

    source: str
    resource: str
    table: str = ""
    rows: int = 0
    new_people: int = 0
    events: int = 0
    consents: int = 0
    removals: int = 0
    deleted: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    error: PasserelleError | None = None


@dataclass(slots=True)
class PullReport:
    """Every resource that was asked for, in order."""

    sources: list[SourceReport] = field(default_factory=list)
    checked: list["Checked"] = field(default_factory=list)
    """What was found in the tables of quality.yaml."""
    unchecked: PasserelleError | None = None
    """Why they could not be looked at; what came then waits, unseen."""

    @property
    def error(self) -> PasserelleError | None:
        """The gravest failure; None where every source came through."""
        failed = [report.error for report in self.sources if report.error is not None]
        failed += [self.unchecked] if self.unchecked is not None else []
        failed += [held_back(self.checked)] if any(table.held for table in self.checked) else []
        return min(failed, key=lambda error: _GRAVITY.index(error.outcome), default=None)


def held_back(checked: "Iterable[Checked]") -> HeldBack:
    """The error that says which tables segments don't see as they came."""
    names = ", ".join(f"`{table.table}`" for table in checked if table.held)
    return HeldBack(
        f"What was pulled of {names} is not what quality.yaml expects: segments read what they read before.",
        advice="Look at `passerelle quality report`, then mend the source and pull, or change quality.yaml and run"
        " `passerelle quality check`.",
    )
