"""What a pull did, source by source: counts, names and reasons; nothing of any person."""

from collections import Counter
from dataclasses import dataclass, field

from passerelle.privacy.errors import PasserelleError

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

    @property
    def error(self) -> PasserelleError | None:
        """The gravest failure; None where every source came through."""
        failed = [report.error for report in self.sources if report.error is not None]
        return min(failed, key=lambda error: _GRAVITY.index(error.outcome), default=None)
