"""What became of a file's lines, counted; of each reason only the first lines are named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from passerelle.workflows.intake.columns import REASONS
from passerelle.workflows.intake.record import Recorded
from passerelle.workflows.intake.statement import MOST_NAMED

LEFT_OUT: dict[str, str] = {
    "deleted": "the vendor marks the record as deleted",
    "left_out_by_mapping": "the mapping says that such records do not count",
    "nobody": "the record names nobody by an e-mail address, a phone number or an id",
    "not_an_event": "the message is not about a consent event",
    "not_confirmed": "the event is not confirmed",
    "pending": "the event still waits for approval",
    "says_nothing": "the record says nothing about consent",
    "test_receipt": "the receipt is a test",
    "unmapped_purpose": "the record speaks only of purposes that no mapping explains",
}
"""Why a record makes no statement. That is no fault of the record."""


@dataclass(slots=True)
class _Lines:
    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        self.count += 1
        if len(self.first) < MOST_NAMED:
            self.first.append(line)


@dataclass(slots=True)
class Imported:
    """What became of a file's lines. Of statements: new + known + refused, and every line is read or left out."""

    lines: int = 0
    new: int = 0
    known: int = 0
    withdrawals: int = 0
    queued: int = 0
    _refused: dict[str, _Lines] = field(default_factory=dict)
    _left_out: dict[str, _Lines] = field(default_factory=dict)

    @property
    def refused(self) -> int:
        """How many statements were not taken, and how many lines could not be read."""
        return sum(lines.count for lines in self._refused.values())

    def refuse(self, reason: str, line: int) -> None:
        """Count something that should be taken and was not."""
        self._refused.setdefault(reason, _Lines()).add(line)

    def leave_out(self, reason: str, line: int) -> None:
        """Count a record that makes no statement."""
        self._left_out.setdefault(reason, _Lines()).add(line)

    def add(self, recorded: Recorded, lines: Sequence[int]) -> None:
        """Count a piece in, whose rows stand on `lines`."""
        self.new += recorded.new
        self.known += recorded.known
        self.withdrawals += recorded.withdrawals
        self.queued += recorded.queued
        for place, reason in recorded.refused:
            self.refuse(reason, lines[place])

    def by_reason(self) -> dict[str, dict[str, Any]]:
        """For each reason to refuse: its meaning, how many, and the first lines."""
        return _told(self._refused, REASONS)

    def left_out(self) -> dict[str, dict[str, Any]]:
        """The same, of records that make no statement."""
        return _told(self._left_out, LEFT_OUT)


def _told(found: Mapping[str, _Lines], meanings: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {
        reason: {"meaning": meanings.get(reason, reason), "count": lines.count, "lines": lines.first}
        for reason, lines in sorted(found.items())
    }
