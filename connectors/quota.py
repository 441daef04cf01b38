"""Limits as values. Each resource names the one it counts against; several may share one, others have their own.

| value | for |
| --- | --- |
| `Pace(190, 10)` | a rate that is known beforehand |
| `HeaderQuota(remaining=…, reset=…)` | vendors that say in headers how much is left, and until when |
| `ShareQuota("sforce-limit-info", …)` | a daily budget that others live on, too: so much of it and no more |
| `CostQuota()` | GraphQL with a bucket of points, told in the body (Shopify) |
| `AdaptivePace()` | vendors that say nothing: faster while all is well, half as fast when it was too much |
| `Together(…)` | several at once |

Waiting a little beforehand costs less than being refused. All are safe among threads, and none reads a clock.
"""

import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal, Protocol

from passerelle.connectors.exchange import Reply, Verdict, inside

Unit = Literal["seconds", "milliseconds", "epoch"]


class Quota(Protocol):
    """A limit. `now` is in seconds since 1970."""

    def reserve(self, now: float) -> float:
        """Take a turn, and say how many seconds to wait for it; infinite where there is none to be had today."""
        ...

    def heard(self, reply: Reply, verdict: Verdict, now: float) -> None:
        """Learn from an answer."""
        ...

    def left(self) -> str:
        """What is left, in words; empty where that is not known."""
        ...


@dataclass(slots=True)
class Pace:
    """At most so many requests in so many seconds, evenly spread."""

    requests: int
    seconds: float
    _next: float = field(default=0.0, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def reserve(self, now: float) -> float:
        """Until the next slot."""
        with self._lock:
            slot = max(self._next, now)
            self._next = slot + self.seconds / self.requests
            return slot - now

    def heard(self, reply: Reply, verdict: Verdict, now: float) -> None:
        """Nothing to learn."""

    def left(self) -> str:
        """The rate itself."""
        return f"{self.requests} requests in {self.seconds:g} s"


@dataclass(slots=True)
class HeaderQuota:
    """Headers say how much remains, and when it is filled up again.

    `reset` is read in `unit`; where the vendor sends none, `window` seconds after the answer are taken for it. `keep`
    requests are left to others.
    """

    remaining: str
    reset: str | None = None
    unit: Unit = "seconds"
    window: float = 1.0
    keep: int = 0
    _left: int | None = field(default=None, init=False, repr=False)
    _until: float = field(default=0.0, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def reserve(self, now: float) -> float:
        """Nothing while some remain; then until they are filled up."""
        with self._lock:
            if self._left is None or now >= self._until:
                self._left = None
                return 0.0
            if self._left > self.keep:
                self._left -= 1
                return 0.0
            return self._until - now

    def heard(self, reply: Reply, verdict: Verdict, now: float) -> None:  # noqa: ARG002 - of the protocol
        """What the headers say."""
        left, reset = _number(reply.headers, self.remaining), _number(reply.headers, self.reset)
        if left is None:
            return
        with self._lock:
            self._left = int(left)
            self._until = now + self.window if reset is None else _moment(reset, self.unit, now)

    def left(self) -> str:
        """As last heard."""
        return "" if self._left is None else f"{self._left} requests left"


@dataclass(slots=True)
class ShareQuota:
    """A budget for the day that is shared with others: no more is asked once `share` of it is used by anybody.

    `pattern` finds the numbers used and allowed in the header: `api-usage=([0-9]+)/([0-9]+)`.
    """

    header: str
    pattern: str
    share: float = 0.9
    _used: tuple[int, int] | None = field(default=None, init=False, repr=False)

    def reserve(self, now: float) -> float:  # noqa: ARG002 - of the protocol
        """Nothing, or today no more."""
        used = self._used
        return math.inf if used is not None and used[0] >= used[1] * self.share else 0.0

    def heard(self, reply: Reply, verdict: Verdict, now: float) -> None:  # noqa: ARG002 - of the protocol
        """What the header says."""
        found = re.search(self.pattern, reply.headers.get(self.header, ""))
        if found is not None:
            self._used = int(found.group(1)), int(found.group(2))

    def left(self) -> str:
        """As last heard."""
        return "" if self._used is None else f"{self._used[0]} of {self._used[1]} used today"


@dataclass(slots=True)
class CostQuota:
    """A bucket of points that leaks: what a request cost and what is there stand at `at` in the body."""

    at: str = "extensions.cost"
    _cost: float = field(default=0.0, init=False, repr=False)
    _there: float = field(default=math.inf, init=False, repr=False)
    _most: float = field(default=math.inf, init=False, repr=False)
    _rate: float = field(default=1.0, init=False, repr=False)
    _seen: float = field(default=0.0, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def reserve(self, now: float) -> float:
        """Until as many points are there as the last request asked for."""
        with self._lock:
            if math.isinf(self._there):
                return 0.0
            there = min(self._most, self._there + (now - self._seen) * self._rate)
            wait = max(0.0, (min(self._cost, self._most) - there) / self._rate)
            self._there, self._seen = there + wait * self._rate - self._cost, now + wait
            return wait

    def heard(self, reply: Reply, verdict: Verdict, now: float) -> None:  # noqa: ARG002 - of the protocol
        """What the body says of cost and bucket."""
        if b"throttleStatus" not in reply.body:
            return
        cost = reply.at(self.at)
        with suppress(TypeError, ValueError), self._lock:
            status = inside(cost, "throttleStatus")
            self._there, self._most = float(status["currentlyAvailable"]), float(status["maximumAvailable"])
            self._rate, self._seen = max(0.001, float(status["restoreRate"])), now
            self._cost = float(inside(cost, "requestedQueryCost") or 0)

    def left(self) -> str:
        """As last heard."""
        return "" if math.isinf(self._there) else f"{self._there:.0f} of {self._most:.0f} points"


@dataclass(slots=True)
class AdaptivePace:
    """So many requests a second: `step` more after each that went well, half as many after one that was too much."""

    start: float = 4.0
    step: float = 0.1
    least: float = 0.1
    most: float = 50.0
    _rate: float = field(default=0.0, init=False, repr=False)
    _next: float = field(default=0.0, init=False, repr=False)
    _halved: float = field(default=-math.inf, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._rate = self.start

    def reserve(self, now: float) -> float:
        """Until the next slot at the present pace."""
        with self._lock:
            slot = max(self._next, now)
            self._next = slot + 1 / self._rate
            return slot - now

    def heard(self, reply: Reply, verdict: Verdict, now: float) -> None:  # noqa: ARG002 - of the protocol
        """Whether it was too much. Refusals of requests that went out together count once."""
        with self._lock:
            if verdict is not Verdict.THROTTLED:
                self._rate = min(self.most, self._rate + self.step)
            elif now - self._halved > 1 / self._rate:
                self._rate, self._halved = max(self.least, self._rate / 2), now

    def left(self) -> str:
        """The present pace."""
        return f"about {self._rate:.1f} requests a second"


class Together:
    """Several limits at once: the strictest decides."""

    def __init__(self, *quotas: Quota) -> None:
        self._quotas = quotas

    def reserve(self, now: float) -> float:
        """The longest wait."""
        return max((quota.reserve(now) for quota in self._quotas), default=0.0)

    def heard(self, reply: Reply, verdict: Verdict, now: float) -> None:
        """For each of them."""
        for quota in self._quotas:
            quota.heard(reply, verdict, now)

    def left(self) -> str:
        """Of each of them."""
        return ", ".join(said for said in (quota.left() for quota in self._quotas) if said)


def _number(headers: Mapping[str, str], name: str | None) -> float | None:
    if name is None or name not in headers:
        return None
    with suppress(ValueError):
        return float(headers[name])
    return None


def _moment(value: float, unit: Unit, now: float) -> float:
    if unit == "epoch":
        return value
    return now + (value / 1000 if unit == "milliseconds" else value)
