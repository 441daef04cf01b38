"""POST /v1/consent: consent events from a website or a CRM, signed, so that no workflow engine ever sees them.

The signature is that of Standard Webhooks: the headers `webhook-id`, `webhook-timestamp` (seconds) and
`webhook-signature`, which is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. Several signatures may
stand there, separated by spaces, while a key is changed.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from passerelle.connectors.signatures import StandardWebhooks
from passerelle.privacy.errors import PasserelleError
from passerelle.workflows.runner.answers import Answer, Asked, done, refusal
from passerelle.workflows.runner.memory import Memory
from passerelle.workflows.runner.secret import Secret
from passerelle.workflows.verbs.contract import Outcome
from passerelle.workflows.verbs.failure import failure_of

_MOST_EVENTS = 1_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of the events: new ones, ones known already, and whether somebody withdrew."""

    new: int
    known: int
    withdrawals: int


@dataclass(frozen=True, slots=True)
class ConsentDoor:
    """Checks and records consent events. `record` stores them; `ping` is called after a withdrawal."""

    key: Secret
    record: Callable[[list[dict[str, Any]]], Recorded]
    ping: Callable[[], None]
    seconds: Callable[[], float]
    memory: Memory

    def answer(self, asked: Asked) -> Answer:
        """Record the events once; the same id again gets the same answer."""
        name = self.key.sent(StandardWebhooks(), asked.headers, asked.body, self.seconds())
        if name is None:
            advice = "Sign `id.timestamp.body` with the key of --consent-key-file; see Standard Webhooks."
            return refusal(401, Outcome.REFUSED, "The signature does not fit, or its time is too far off.", advice)
        events = _events(asked.body)
        if events is None:
            message = f"The body must be an object with `events`, a list of 1 to {_MOST_EVENTS} objects."
            return refusal(422, Outcome.INVALID, message)
        return self.memory.once(
            name,
            hashlib.sha256(asked.body).digest(),
            lambda: self._recorded(events),
            lasts=Answer.is_done,
            running=refusal(409, Outcome.TRY_LATER, "These events are being recorded.", "Send them again in a moment."),
            other=refusal(422, Outcome.INVALID, "This webhook-id came with another body before."),
        )

    def _recorded(self, events: list[dict[str, Any]]) -> Answer:
        try:
            recorded = self.record(events)
        except PasserelleError as problem:
            failure = failure_of(problem)
            status = 503 if failure.retryable else 422
            return Answer(status, failure.model_dump_json().encode(), failure.outcome.value)
        if recorded.withdrawals:
            self.ping()
        return done(new=recorded.new, known=recorded.known, withdrawals=recorded.withdrawals)


def _events(body: bytes) -> list[dict[str, Any]] | None:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return None
    events = given.get("events") if isinstance(given, dict) and set(given) == {"events"} else None
    if not isinstance(events, list) or not 1 <= len(events) <= _MOST_EVENTS:
        return None
    return events if all(isinstance(event, dict) for event in events) else None
