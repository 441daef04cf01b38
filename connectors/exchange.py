"""What is asked of the outside world, what it answers, and what an answer means: all of it values.

    Ask("contacts/search", method="POST", json={"limit": 200})

An answer is judged by a `Judge`, of which each vendor may have its own: `by_status` is the usual one, `ByCode` looks at
a word in the body, `ByErrors` at the errors that GraphQL sends in an answer of HTTP 200, `Bare` at an empty body.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from pydantic_core import from_json

NOTHING: Mapping[str, str] = MappingProxyType({})
Params = Mapping[str, str | Sequence[str]]
"""Parameters of a request; one with several values is sent once for each."""
SLOW_DOWN = frozenset({408, 425, 429})
_NOT_LET_IN = frozenset({401, 403})
_PAST_THE_END = 416


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. `path` is relative to the endpoint, or a link of the same origin; `form` goes out as a form's body."""

    path: str = ""
    params: Params = field(default_factory=dict, repr=False)
    method: str = "GET"
    json: object = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """An answer. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def at(self, path: str) -> Any:  # noqa: ANN401 - any JSON
        """What stands at a dotted path of the body (`errors.0.code`; "" is all of it); None where nothing does."""
        try:
            found = from_json(self.body)
        except ValueError:
            return None
        return inside(found, path)


def inside(value: Any, path: str) -> Any:  # noqa: ANN401 - any JSON
    """What stands at a dotted path; None where nothing does."""
    for part in path.split(".") if path else ():
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


class Verdict(StrEnum):
    """What an answer means for the caller."""

    FINE = "fine"
    THROTTLED = "throttled"
    """Too much was asked: the same works later, and everything after it should be slower."""
    RETRY = "retry"
    """Their trouble: the same may work."""
    SKIP = "skip"
    """Nothing here to have, and that is no failure."""
    DENIED = "denied"
    """The token or its rights are not enough."""
    FATAL = "fatal"


Judge = Callable[[Reply], Verdict]


def by_status(reply: Reply) -> Verdict:
    """The usual reading of a status. A vendor that means something else has its own."""
    status = reply.status
    if status < 300:  # noqa: PLR2004 - success
        return Verdict.FINE
    if status in SLOW_DOWN:
        return Verdict.THROTTLED
    if status >= 500:  # noqa: PLR2004 - the server's fault
        return Verdict.RETRY
    if status in _NOT_LET_IN:
        return Verdict.DENIED
    return Verdict.SKIP if status == _PAST_THE_END else Verdict.FATAL


@dataclass(frozen=True, slots=True)
class ByCode:
    """A word at `at` in the body decides where it is one of `verdicts`: `{"REQUEST_LIMIT_EXCEEDED": THROTTLED}`."""

    at: str
    verdicts: Mapping[str, Verdict]
    otherwise: Judge = by_status

    def __call__(self, reply: Reply) -> Verdict:
        """By that word; where it is another or none, as `otherwise` says."""
        if any(code.encode() in reply.body for code in self.verdicts):
            word = str(reply.at(self.at))
            if word in self.verdicts:
                return self.verdicts[word]
        return self.otherwise(reply)


GRAPHQL: Mapping[str, Verdict] = MappingProxyType(
    {
        "THROTTLED": Verdict.THROTTLED,
        "ACCESS_DENIED": Verdict.DENIED,
        "UNAUTHENTICATED": Verdict.DENIED,
        "FORBIDDEN": Verdict.DENIED,
        "INTERNAL_SERVER_ERROR": Verdict.RETRY,
    }
)
"""Error codes that GraphQL servers share."""


@dataclass(frozen=True, slots=True)
class ByErrors:
    """GraphQL: an answer with `errors` is a failure although it says HTTP 200; so is one whose `data` is null."""

    verdicts: Mapping[str, Verdict] = field(default_factory=lambda: GRAPHQL)
    at: str = "extensions.code"

    def __call__(self, reply: Reply) -> Verdict:
        """By the first error whose code is known; an error of any other code is fatal."""
        usual = by_status(reply)
        if usual is not Verdict.FINE:
            return usual
        if b'"errors"' not in reply.body and b"null" not in reply.body:
            return usual
        whole = reply.at("")
        errors = inside(whole, "errors")
        if errors:
            codes = [str(inside(one, self.at)) for one in errors] if isinstance(errors, list) else []
            return next((self.verdicts[code] for code in codes if code in self.verdicts), Verdict.FATAL)
        return Verdict.FATAL if isinstance(whole, Mapping) and whole.get("data", {}) is None else usual


@dataclass(frozen=True, slots=True)
class Bare:
    """An answer of this status without a body means `verdict`: so Mailchimp says with a 403 that it is too much."""

    status: int
    verdict: Verdict
    otherwise: Judge = by_status

    def __call__(self, reply: Reply) -> Verdict:
        """`verdict` where nothing stands beside the status."""
        bare = reply.status == self.status and not reply.body.strip()
        return self.verdict if bare else self.otherwise(reply)


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, as a session knows it: tests bring their own."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


def asked_wait(reply: Reply, now: float) -> float | None:
    """Seconds that the Retry-After header asks for; None where it says nothing."""
    return retry_after(reply.headers.get("retry-after"), now=now)


@dataclass(frozen=True, slots=True)
class WaitHeader:
    """Vendors that say in a header of their own (`name`, lower-case) in how many seconds the same may work."""

    name: str

    def __call__(self, reply: Reply, now: float) -> float | None:
        """What Retry-After asks for; where it says nothing, what that header does."""
        asked = asked_wait(reply, now)
        return retry_after(reply.headers.get(self.name), now=now) if asked is None else asked


def retry_after(value: str | None, *, now: float) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or a date. None where it says nothing."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if seconds < float("inf") else None
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.fromtimestamp(now, UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
