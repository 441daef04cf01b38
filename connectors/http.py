"""HTTP to the outside world: the only module that knows httpx.

    session = Session(Endpoint("https://api.example.com/v2"), authentication=HeaderFile("x-api-key", path))
    reply = session.get("persons", {"limit": "500"})

What is promised: an answer comes back whole and fine, or an error says what to do next (`Refused`, `TryLater`,
`DefinitionError`). Retriable failures are tried again, waiting as long as the other side asks. Redirects are not
followed; the environment's proxies and credentials are not used; private addresses are refused unless allowed; a
request never leaves the endpoint's origin. No URL, header or body is ever logged or quoted in an error.
"""

import ipaddress
import logging
import random
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, Self
from urllib.parse import urljoin, urlsplit

import httpx
import tenacity

from passerelle.connectors.errors import DefinitionError, Refused, TryLater, Wait

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log whole URLs at INFO

_SLOW_DOWN = frozenset({408, 425, 429})
_NOT_LET_IN = frozenset({401, 403})


class Verdict(StrEnum):
    """What an answer means for the caller."""

    FINE = "fine"
    RETRY = "retry"
    SKIP = "skip"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """An answer. `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def by_status(reply: Reply) -> Verdict:
    """The usual reading of a status. A vendor that means something else has its own."""
    if reply.status < 300:  # noqa: PLR2004 - success
        return Verdict.FINE
    if reply.status in _SLOW_DOWN or reply.status >= 500:  # noqa: PLR2004 - the server's fault
        return Verdict.RETRY
    return Verdict.FATAL


class Authentication(Protocol):
    """Gives the headers that let us in. Asked before every request, so that it can renew what it holds."""

    def headers(self) -> Mapping[str, str]:
        """Headers for the next request."""
        ...


@dataclass(frozen=True, slots=True)
class StaticHeader:
    """One header, always the same. `read` gives the secret, each time anew."""

    name: str
    read: Callable[[], str] = field(repr=False)
    prefix: str = ""

    def headers(self) -> Mapping[str, str]:
        """The header."""
        return {self.name: self.prefix + self.read()}


@dataclass(frozen=True, slots=True)
class Nobody:
    """No authentication."""

    def headers(self) -> Mapping[str, str]:
        """Nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many requests in so many seconds, evenly spread."""

    requests: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to try, and how long to wait. Longer waits are the next run's: `TryLater` says how long."""

    attempts: int = 5
    longest_wait: float = 60.0
    first_wait: float = 0.5


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go: one origin and a path that all of them begin with."""

    url: str
    allow_private: bool = False
    timeout: float = 60.0
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """Time, as the session knows it: tests bring their own."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


class Session:
    """A connection to one endpoint. Close it, or use it as a context manager."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        authentication: Authentication | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        rate: Rate | None = None,
        patience: Patience | None = None,
        judge: Callable[[Reply], Verdict] = by_status,
        clock: Clock | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._base = endpoint.url.rstrip("/") + "/"
        self._origin = _origin(self._base)
        self._authentication = authentication or Nobody()
        self._rate = rate
        self._patience = patience or Patience()
        self._judge = judge
        self._clock = clock or Clock()
        self._next_slot = 0.0
        self._checked = False
        self._client = httpx.Client(
            headers={"accept": "application/json", **headers},
            timeout=endpoint.timeout,
            follow_redirects=False,
            trust_env=False,
            verify=True if endpoint.ca_file is None else _trusting(endpoint.ca_file),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._client.close()

    def get(self, path: str, params: Mapping[str, str] = MappingProxyType({})) -> Reply:
        """GET. `path` is relative to the endpoint, or a URL of the same origin."""
        return self.request("GET", path, params)

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] = MappingProxyType({}),
        *,
        json: object = None,
        data: bytes | None = None,
    ) -> Reply:
        """The fine answer to a request with a body of `json`, or `data` as it is; tries as often as patience allows.

        Raises `TryLater`, `Refused`, or `Skipped` where the judge says that there is nothing here to have.
        """
        url = self.within(path)
        self._refuse_private()
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._worth_another),
            stop=tenacity.stop_after_attempt(self._patience.attempts),
            wait=self._wait,
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(self._once, method, url, params, json, data)

    def within(self, path: str) -> str:
        """The full URL of a path or link. Raises `Refused` where it leads to another origin."""
        url = urljoin(self._base, path)
        if _origin(url) != self._origin:
            raise Refused("A link leads away from the source's own address, so it is not followed.")
        return url

    def _once(
        self, method: str, url: str, params: Mapping[str, str], json: object = None, data: bytes | None = None
    ) -> Reply:
        self._take_turn()
        try:
            answer = self._client.request(
                method,
                url,
                params=params or None,
                json=json,
                content=data,
                headers=dict(self._authentication.headers()),
            )
        except httpx.TransportError as problem:
            raise TryLater(f"The source does not answer ({type(problem).__name__}).") from None
        except (httpx.InvalidURL, httpx.HTTPError) as problem:
            raise Refused(f"The source's answer cannot be read ({type(problem).__name__}).") from None
        reply = Reply(
            answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content
        )
        verdict = self._judge(reply)
        if verdict is not Verdict.FINE:
            raise self._failure(verdict, reply)
        return reply

    def _failure(self, verdict: Verdict, reply: Reply) -> Exception:
        if verdict is Verdict.SKIP:
            return Skipped(f"The source has nothing here (HTTP {reply.status}).")
        if verdict is Verdict.RETRY:
            wait = Wait(retry_after(reply.headers.get("retry-after"), now=self._clock.now()))
            word = "asks us to slow down" if reply.status in _SLOW_DOWN else "has trouble"
            return TryLater(f"The source {word} (HTTP {reply.status}).", wait=wait)
        if reply.status in _NOT_LET_IN:
            return DefinitionError(
                f"The source does not let us in (HTTP {reply.status}).", advice="Check the token and its rights."
            )
        return Refused(f"The source refuses the request (HTTP {reply.status}).")

    def _worth_another(self, error: BaseException) -> bool:
        if not isinstance(error, TryLater):
            return False
        asked = error.wait.seconds
        return asked is None or asked <= self._patience.longest_wait

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, TryLater) and error.wait.seconds is not None:
            return error.wait.seconds
        doubled: float = self._patience.first_wait * 2 ** (state.attempt_number - 1)
        return min(self._patience.longest_wait, doubled) * (0.5 + self._clock.jitter() / 2)

    def _take_turn(self) -> None:
        if self._rate is None:
            return
        now = self._clock.now()
        if self._next_slot > now:
            self._clock.sleep(self._next_slot - now)
        self._next_slot = max(self._next_slot, now) + self._rate.seconds / self._rate.requests

    def _refuse_private(self) -> None:
        """Addresses inside the house are not for sources on the internet, unless the settings say so."""
        if self._checked or self._endpoint.allow_private:
            return
        host = urlsplit(self._base).hostname or ""
        try:
            found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
        except OSError:
            raise TryLater("The source's name cannot be resolved.") from None
        if any(not ipaddress.ip_address(str(one[4][0]).partition("%")[0]).is_global for one in found):
            raise DefinitionError(
                "The source's address is a private one.", advice="If that is meant, set `allow_private: true`."
            )
        self._checked = True


class Skipped(Refused):
    """There is nothing here to have, and that is no failure."""


def retry_after(value: str | None, *, now: float) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or a date. None where it says nothing."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.fromtimestamp(now, UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise DefinitionError("The address must be http(s)://host/…, without a user or a password in it.")
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def _trusting(ca_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file))
