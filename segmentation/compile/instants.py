"""The run's instant T and what is counted back from it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ibis

from passerelle.segmentation.compile.portable import Expr

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class AsOf:
    """One instant per run, in µs since 1970 UTC. Windows are half-open: [T - w, T)."""

    microseconds: int

    def ago(self, seconds: int) -> int:
        """µs of `seconds` before T."""
        return self.microseconds - seconds * _SECOND

    def moment(self, seconds_ago: int = 0) -> Expr:
        """A timestamp literal of `seconds` before T."""
        return timestamp(self.ago(seconds_ago))


def timestamp(microseconds: int) -> Expr:
    """A UTC timestamp literal."""
    try:
        moment = _EPOCH + timedelta(microseconds=microseconds)
    except OverflowError:
        moment = _EARLIEST
    return ibis.literal(moment, type="timestamp('UTC')")
