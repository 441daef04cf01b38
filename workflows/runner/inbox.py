"""POST /v1/inbox/NAME: what other systems send of people, signed, kept before it is answered.

Deliveries that come while others are being kept are kept together, so a burst of them costs a few transactions. One
that was answered 200 is in the store and the lake; one that was not may be sent again, and changes nothing twice.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from passerelle.connectors.sources.webhooks import Delivery, Receiver
from passerelle.privacy.errors import PasserelleError
from passerelle.workflows.runner.answers import Answer, Asked, done, refusal
from passerelle.workflows.runner.memory import Memory
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.verbs.failure import failure_of

PATH = "/v1/inbox/"
_MOST_AT_ONCE = 500

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Entry(Generic[T]):
    item: T
    done: bool = False
    problem: PasserelleError | None = None


class GroupCommit(Generic[T]):
    """Has many threads' things done by few calls of `work`: whoever is at work takes along all that wait by then."""

    def __init__(self, work: Callable[[Sequence[T]], None]) -> None:
        self._work = work
        self._turn = threading.Lock()
        self._waiting: list[_Entry[T]] = []
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait for the one who is at work."""
        with self._lock:
            return len(self._waiting)

    def do(self, item: T) -> None:
        """Return once it is done. Raises the `PasserelleError` of the call that it was part of."""
        entry = _Entry(item)
        with self._lock:
            self._waiting.append(entry)
        while not entry.done:
            with self._turn:
                if not entry.done:
                    self._next()
        if entry.problem is not None:
            raise entry.problem

    def _next(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
        problem: PasserelleError | None = PasserelleError("The work was not done.")
        try:
            self._work([entry.item for entry in batch])
            problem = None
        except PasserelleError as error:
            problem = error
        finally:
            for entry in batch:
                entry.problem, entry.done = problem, True


@dataclass(frozen=True, slots=True)
class Inbox:
    """One source's door. `keep` stores deliveries, and says whether anybody has to leave; then `ping` is called."""

    name: str
    receiver: Receiver
    keep: Callable[[Sequence[Delivery]], bool]
    ping: Callable[[], None]
    seconds: Callable[[], float]
    memory: Memory
    _commit: GroupCommit[Delivery] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_commit", GroupCommit(self._keep))

    def answer(self, asked: Asked) -> Answer:
        """Keep the delivery; the same one again gets the same answer."""
        try:
            delivery = self.receiver.signed(asked.headers, asked.body, self.seconds())
        except PasserelleError as problem:
            return _failed(problem)
        if delivery is None:
            advice = f"See `signature:` of the source {self.name}, and the secret at both ends."
            return refusal(401, Outcome.REFUSED, "The signature does not fit, or its time is too far off.", advice)
        return self.memory.once(
            delivery.identity,
            hashlib.sha256(asked.body).digest(),
            lambda: self._kept(delivery),
            lasts=Answer.is_done,
            running=refusal(409, Outcome.TRY_LATER, "This delivery is being kept.", "Send it again in a moment."),
            other=refusal(422, Outcome.INVALID, "A delivery of this id came with another body before."),
        )

    def _kept(self, delivery: Delivery) -> Answer:
        try:
            self._commit.do(delivery)
        except PasserelleError as problem:
            return _failed(problem)
        return done()

    def _keep(self, deliveries: Sequence[Delivery]) -> None:
        if self.keep(deliveries):
            self.ping()


def _failed(problem: PasserelleError) -> Answer:
    """A server's fault, whatever it is: whoever sent it did nothing wrong, and should send it again."""
    failure = failure_of(problem)
    return Answer(503 if failure.retryable else 500, failure.model_dump_json().encode(), failure.outcome.value)
