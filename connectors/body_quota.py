"""A limit whose rest stands in the body of each answer, such as the tokens of a Google Analytics property."""

import math
from dataclasses import dataclass, field
from threading import Lock

from passerelle.connectors.exchange import Reply, Verdict, inside
from passerelle.connectors.quota import Quota


@dataclass(slots=True)
class BodyQuota(Quota):
    """Budgets by name within the object at `at`; each has its `remaining`. No more is asked once one has `keep` left.

    What was heard is believed for `seconds`: by then the shortest of the budgets is filled up again.
    """

    at: str
    keep: int = 0
    seconds: float = 3600.0
    _left: dict[str, int] = field(default_factory=dict, init=False, repr=False)
    _heard: float = field(default=-math.inf, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def reserve(self, now: float) -> float:
        """Nothing, or as long as what was heard is believed."""
        with self._lock:
            until = self._heard + self.seconds
            return until - now if now < until and any(left <= self.keep for left in self._left.values()) else 0.0

    def heard(self, reply: Reply, verdict: Verdict, now: float) -> None:  # noqa: ARG002 - of the protocol
        """What the body says."""
        found = reply.at(self.at) if self.at.encode() in reply.body else None
        if isinstance(found, dict):
            left = {str(name): inside(one, "remaining") for name, one in found.items()}
            with self._lock:
                self._left = {name: one for name, one in left.items() if isinstance(one, int)}
                self._heard = now

    def left(self) -> str:
        """As last heard."""
        return ", ".join(f"{left} {name}" for name, left in self._left.items())
