"""How much of its limits Meta says is used, and how long it asks us to wait: headers that come with every answer.

https://developers.facebook.com/docs/graph-api/overview/rate-limiting
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

NEARLY = 95.0
"""From this share on (per cent) we wait before the next change: a refused call counts against the limit, too."""
FULL = 100.0
SHORT_WAIT, LONG_WAIT = 30.0, 300.0
"""Seconds, where Meta does not say: its limits count the last hour, of which each minute frees a little."""

_SHARES = {"call_count", "total_cputime", "total_time", "acc_id_util_pct"}
_HEADERS = ("X-Business-Use-Case-Usage", "X-App-Usage", "X-Ad-Account-Usage")


@dataclass(frozen=True, slots=True)
class Usage:
    """The highest share of a limit, per cent, and the longest wait until access comes back, in seconds."""

    share: float = 0.0
    wait_seconds: float | None = None

    @property
    def pause(self) -> float:
        """How long to wait before the next change."""
        if self.wait_seconds is not None:
            return self.wait_seconds
        if self.share < NEARLY:
            return 0.0
        return SHORT_WAIT if self.share < FULL else LONG_WAIT


def read(headers: Mapping[str, str]) -> Usage:
    """What an answer's headers say; what cannot be read says nothing."""
    found = [entry for name in _HEADERS for entry in _entries(headers.get(name, ""))]
    shares = [number for entry in found for key in _SHARES if (number := _number(entry.get(key))) is not None]
    waits = [
        seconds
        for entry in found
        for key, unit in (("estimated_time_to_regain_access", 60.0), ("reset_time_duration", 1.0))
        if (seconds := unit * (_number(entry.get(key)) or 0.0)) and (unit > 1 or _full(entry))
    ]
    return Usage(max(shares, default=0.0), max(waits, default=None))


def _full(entry: Mapping[str, object]) -> bool:
    """Whether a limit that says when it is reset is used up."""
    return any((_number(entry.get(key)) or 0.0) >= NEARLY for key in _SHARES)


def _entries(text: str) -> Iterator[Mapping[str, object]]:
    """The objects of a header: it is one, or holds lists of them by id."""
    try:
        told = json.loads(text)
    except ValueError:
        return
    if not isinstance(told, Mapping):
        return
    yield told
    for inner in told.values():
        if isinstance(inner, list):
            yield from (entry for entry in inner if isinstance(entry, Mapping))


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
