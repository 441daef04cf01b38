"""Thresholds as they were in earlier runs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ThresholdValue:
    """One threshold, in one run, for one group (empty: everybody). Values are in stored units: money in cents."""

    name: str
    group: str
    as_of: int
    value: Decimal | None
    definition: str
    """Digest of what was asked. A value of another definition says nothing about this one."""
    kept: bool = False
    """The guard kept the previous value."""
    accepted: bool = False
    """A person took this value, although it jumped: it stands, and the next run is held against it."""


class History(Protocol):
    """Where threshold values are remembered. Saving the same (name, group, as_of) again replaces it."""

    def last(self, name: str, group: str, *, before: int) -> ThresholdValue | None:
        """The latest value of a run earlier than `before` (µs), or one that was accepted as of `before`."""

    def series(self, name: str) -> list[ThresholdValue]:
        """All values of a threshold, by group and then by time."""

    def save(self, values: Sequence[ThresholdValue]) -> None:
        """Remember the values of a run."""


@dataclass(slots=True)
class MemoryHistory:
    """A history that lasts as long as the process."""

    values: dict[tuple[str, str, int], ThresholdValue] = field(default_factory=dict)

    def last(self, name: str, group: str, *, before: int) -> ThresholdValue | None:
        """See `History`."""
        found = [
            v
            for (n, g, at), v in self.values.items()
            if n == name and g == group and (at < before or (at == before and v.accepted))
        ]
        return max(found, key=lambda value: value.as_of, default=None)

    def series(self, name: str) -> list[ThresholdValue]:
        """See `History`."""
        return sorted((v for v in self.values.values() if v.name == name), key=lambda each: (each.group, each.as_of))

    def save(self, values: Sequence[ThresholdValue]) -> None:
        """See `History`."""
        for value in values:
            self.values[value.name, value.group, value.as_of] = value
