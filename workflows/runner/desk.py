"""Decides what a call gets: who may ask, what may be asked, whose turn it is, what was answered before."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.runner.allowed import Allowed, allowed
from passerelle.workflows.runner.answers import Answer, Asked, refusal
from passerelle.workflows.runner.child import Children
from passerelle.workflows.runner.consent import ConsentDoor
from passerelle.workflows.runner.inbox import PATH, Inbox
from passerelle.workflows.runner.memory import Memory
from passerelle.workflows.runner.secret import Secret
from passerelle.workflows.runner.turns import Busy, Turns
from passerelle.workflows.verbs.contract import AnyVerb, Outcome

_LOG = logging.getLogger(__name__)
_TURNS = {"sync": "audience", "pull": "source"}
"""Verbs of which two must not work on the same thing at once, and the kind of that thing."""

_BUSY = ("Another run is at work on this.", "It carries on by itself; ask again in a moment.")


@dataclass(frozen=True, slots=True)
class Desk:
    """Answers calls. Safe to use from many threads."""

    token: Secret
    verbs: Mapping[str, AnyVerb]
    children: Children
    memory: Memory
    turns: Turns
    consent: ConsentDoor | None = None
    inboxes: Mapping[str, Inbox] = field(default_factory=dict)
    """By the name of their source."""

    def answer(self, asked: Asked) -> Answer:
        """What this call gets."""
        if asked.path == "/healthz":
            return Answer(200, b'{"status":"ok"}')
        if asked.method != "POST":
            return refusal(405, Outcome.INVALID, "Use POST.")
        if asked.path == "/v1/consent" and self.consent is not None:
            return self.consent.answer(asked)
        if (inbox := self.inboxes.get(asked.path.removeprefix(PATH))) is not None:
            return inbox.answer(asked)
        return self._verb(asked)

    def _verb(self, asked: Asked) -> Answer:
        if not self.token.equals(_bearer(asked.headers)):
            return refusal(401, Outcome.REFUSED, "The token does not fit.", "Send `Authorization: Bearer TOKEN`.")
        verb = self.verbs.get(asked.path)
        if verb is None:
            return refusal(
                404, Outcome.INVALID, "There is no such verb here.", "Known: " + ", ".join(sorted(self.verbs))
            )
        try:
            wanted = allowed(verb, asked.body)
        except DefinitionError as problem:
            return refusal(422, Outcome.INVALID, problem.message, problem.advice)
        return self._once(wanted, asked.headers.get("idempotency-key", ""))

    def _once(self, wanted: Allowed, key: str) -> Answer:
        if not key:
            return self._run(wanted)
        if len(key) > 200 or not key.isprintable():  # noqa: PLR2004 - generous for an id
            return refusal(422, Outcome.INVALID, "The Idempotency-Key is too long or not printable.")
        fingerprint = hashlib.sha256(wanted.verb.name.encode() + b"\0" + wanted.request).digest()
        return self.memory.once(
            key,
            fingerprint,
            lambda: self._run(wanted),
            lasts=lambda answer: answer.outcome != Outcome.TRY_LATER.value,
            running=refusal(423, Outcome.TRY_LATER, *_BUSY),
            other=refusal(422, Outcome.INVALID, "This Idempotency-Key came with another request before."),
        )

    def _run(self, wanted: Allowed) -> Answer:
        try:
            with self.turns.take(_TURNS.get(wanted.verb.name, ""), wanted.names):
                answer = self.children.run(wanted)
        except Busy:
            return refusal(423, Outcome.TRY_LATER, *_BUSY)
        fields = {"verb": wanted.verb.name.replace(" ", "-"), "outcome": answer.outcome}
        _LOG.info("a run ended", extra={"fields": fields})
        return answer


def _bearer(headers: Mapping[str, str]) -> bytes:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip().encode("utf-8", "replace") if scheme.lower() == "bearer" else b""
