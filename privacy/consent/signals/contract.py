"""What every reader of a signal promises.

A reader is a pure function from what a vendor hands over to statements. It says what was said and no more: a flag
without a date is grade C, a signal about a browser or a mailbox carries its channel and can only veto, and what cannot
be decoded is a refusal. It never raises for what it is given.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from passerelle.privacy.vocabulary import (
    Channel,
    ConsentState,
    EvidenceGrade,
    Expression,
    Field,
    Precision,
    Purpose,
    Stop,
)


@dataclass(frozen=True, slots=True)
class Said:
    """One statement. Times are microseconds UTC; `scope` names the part of its source that it continues."""

    purpose: Purpose
    state: ConsentState
    event_time: int | None = None
    precision: Precision = Precision.UNKNOWN
    recorded_at: int | None = None
    valid_until: int | None = None
    notice: str | None = None
    recipients: tuple[str, ...] = ()
    grade: EvidenceGrade = EvidenceGrade.C
    channel: Channel | None = None
    stop: Stop | None = None
    expression: Expression | None = None
    method: str | None = None
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one record of a vendor comes to. `who` holds identifiers: its repr does not show them.

    `left_out` says why a record makes no statement (`test_receipt`, `pending`, `nobody`), as a code without a value.
    """

    who: Mapping[Field, str] = field(default_factory=dict, repr=False)
    said: Sequence[Said] = ()
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class TextSignal:
    """A signal that is one string (TC string, GPP string, GPC flag): decoded where it stands beside a person."""

    name: str
    version: int
    channel: Channel
    read: Callable[[str], Sequence[Said]]

    @property
    def adapter(self) -> str:
        """Name and version, as they are kept with every statement."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class RecordSignal:
    """A signal that is a record of a CRM or consent platform, as its API or its export gives it."""

    name: str
    version: int
    grade: EvidenceGrade
    """The best grade that a statement of it can have."""
    channel: Channel | None
    form: Literal["json", "csv"]
    read: Callable[[Mapping[str, Any]], Sequence[Heard]]
    """One vendor record to what it says of each person (most say it of one). Pure; never raises for bad content."""

    @property
    def adapter(self) -> str:
        """Name and version, as they are kept with every statement."""
        return f"{self.name}/{self.version}"
