"""HTTP to the outside world: the only module that knows httpx.

    session = Session(Endpoint("https://api.example.com/v2"), authentication=StaticHeader("x-api-key", secret))
    reply = session.get("persons", {"limit": "500"})

What is promised: an answer comes back whole and fine, or an error says what to do next (`Refused`, `TryLater`,
`DefinitionError`). Retriable failures are tried again, waiting as long as the other side asks; the token is looked at
anew before each try. Redirects are not followed; the environment's proxies and credentials are not used; a request
never leaves the endpoint's origin. No URL, header or body is ever logged or quoted in an error. Safe among threads.

Private addresses are refused unless allowed: once by name before anything is sent, and again by the address of each
connection that was really made, before a byte of the request goes over it; so a name that is answered differently the
second time (DNS rebinding) gains nothing.
"""

import ipaddress
import logging
import math
import socket
import ssl
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx
import tenacity

from passerelle.connectors.authentication import Authentication, Nobody
from passerelle.connectors.errors import DefinitionError, Refused, TryLater, Wait
from passerelle.connectors.exchange import NOTHING, Ask, Clock, Judge, Reply, Verdict, asked_wait, by_status
from passerelle.connectors.quota import Quota

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they log whole URLs at INFO

A = TypeVar("A")

_CONNECTED = "connection.connect_tcp.complete"
_UNAUTHORISED = 401


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


@dataclass(frozen=True, slots=True, eq=False)
class Download:
    """An answer whose body is read block by block."""

    headers: Mapping[str, str]
    blocks: Iterator[bytes]


class Session:
    """A connection to one endpoint. Close it, or use it as a context manager.

    `judge` says what an answer means, `wait` how long it asks us to wait; `quota` holds for requests that name none.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        authentication: Authentication | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        quota: Quota | None = None,
        patience: Patience | None = None,
        judge: Judge = by_status,
        wait: Callable[[Reply, float], float | None] = asked_wait,
        clock: Clock | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._base = endpoint.url.rstrip("/") + "/"
        self._origin = _origin(self._base)
        self._authentication = authentication or Nobody()
        self._quota = quota
        self._patience = patience or Patience()
        self._judge = judge
        self._asked_wait = wait
        self._clock = clock or Clock()
        self._checked = False
        self._client = httpx.Client(
            headers={"accept": "application/json", **headers},
            timeout=endpoint.timeout,
            follow_redirects=False,
            trust_env=False,
            verify=_authorities() if endpoint.ca_file is None else _trusting(endpoint.ca_file),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._client.close()

    def get(self, path: str, params: Mapping[str, str] = NOTHING) -> Reply:
        """GET. `path` is relative to the endpoint, or a URL of the same origin."""
        return self.send(Ask(path, params))

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] = NOTHING,
        *,
        json: object = None,
        data: bytes | None = None,
    ) -> Reply:
        """The fine answer to a request with a body of `json`, or `data` as it is."""
        return self.send(Ask(path, params, method, json=json, data=data))

    def send(self, ask: Ask, *, quota: Quota | None = None, absent: Collection[int] = ()) -> Reply:
        """The fine answer; tries as often as patience allows, counting against `quota`. `absent` statuses: `Skipped`.

        Raises `TryLater`, `Refused`, `DefinitionError` where we are not let in, or `Skipped` where the judge says that
        there is nothing here to have.
        """
        url = self.within(ask.path)
        self._refuse_private()
        return self._trying(lambda: self._once(url, ask, quota or self._quota, absent))

    @contextmanager
    def download(self, ask: Ask, *, quota: Quota | None = None, absent: Collection[int] = ()) -> Iterator[Download]:
        """The same, for an answer too large to hold. A cut in its body is `TryLater`: nothing is asked again here."""
        url = self.within(ask.path)
        self._refuse_private()
        answer = self._trying(lambda: self._begun(url, ask, quota or self._quota, absent))
        try:
            yield Download(_lower(answer), _blocks(answer))
        finally:
            answer.close()

    def elsewhere(self, url: str) -> "Session":
        """A session for a file that the vendor keeps at another host: as patient as this one, and without its token.

        Raises `Refused` where the address is no https, unless private addresses are allowed.
        """
        if urlsplit(url).scheme != "https" and not self._endpoint.allow_private:
            raise Refused("The vendor keeps its file at an address that is not https, so it is not fetched.")
        endpoint = replace(self._endpoint, url=url)
        return Session(endpoint, patience=self._patience, clock=self._clock)

    def pause(self, seconds: float) -> None:
        """Wait, by the session's clock."""
        self._clock.sleep(seconds)

    def within(self, path: str) -> str:
        """The full URL of a path or link. Raises `Refused` where it leads to another origin."""
        url = urljoin(self._base, path)
        if _origin(url) != self._origin:
            raise Refused("A link leads away from the source's own address, so it is not followed.")
        return url

    def _trying(self, once: Callable[[], A]) -> A:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(self._worth_another),
            stop=tenacity.stop_after_attempt(self._patience.attempts),
            wait=self._wait,
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(once)

    def _once(self, url: str, ask: Ask, quota: Quota | None, absent: Collection[int]) -> Reply:
        answer = self._begun(url, ask, quota, absent, whole=True)
        return Reply(answer.status_code, _lower(answer), answer.content)

    def _begun(
        self, url: str, ask: Ask, quota: Quota | None, absent: Collection[int], *, whole: bool = False
    ) -> httpx.Response:
        """One try: an answer that is fine, its body yet to be read unless `whole`."""
        answer, used = self._sent(url, ask, quota)
        verdict, reply = self._judged(answer, quota, whole=whole)
        if reply.status == _UNAUTHORISED and verdict is Verdict.DENIED and self._authentication.renew(used):
            answer, _ = self._sent(url, ask, quota)
            verdict, reply = self._judged(answer, quota, whole=whole)
        if reply.status in absent:
            verdict = Verdict.SKIP
        if verdict is not Verdict.FINE:
            answer.close()
            raise self._failure(verdict, reply)
        return answer

    def _sent(self, url: str, ask: Ask, quota: Quota | None) -> tuple[httpx.Response, Mapping[str, str]]:
        self._take_turn(quota)
        used = self._authentication.headers()
        form = {**(ask.form or {}), **self._authentication.form()}
        try:
            request = self._client.build_request(
                ask.method,
                url,
                params=dict(ask.params) or None,
                json=ask.json,
                content=ask.data,
                data=form or None,
                headers={**ask.headers, **used},
                extensions={"trace": self._connected},
            )
            return self._client.send(request, stream=True), used
        except httpx.TransportError as problem:
            raise TryLater(f"The source does not answer ({type(problem).__name__}).") from None
        except (httpx.InvalidURL, httpx.HTTPError) as problem:
            raise Refused(f"The source's answer cannot be read ({type(problem).__name__}).") from None

    def _judged(self, answer: httpx.Response, quota: Quota | None, *, whole: bool) -> tuple[Verdict, Reply]:
        body = b"".join(_blocks(answer, keep=True)) if whole or answer.status_code >= 300 else b""  # noqa: PLR2004
        reply = Reply(answer.status_code, _lower(answer), body)
        verdict = self._judge(reply) if whole or body else by_status(reply)
        if quota is not None:
            quota.heard(reply, verdict, self._clock.now())
        return verdict, reply

    def _failure(self, verdict: Verdict, reply: Reply) -> Exception:
        said = f"(HTTP {reply.status})"
        match verdict:
            case Verdict.SKIP:
                return Skipped(f"The source has nothing here {said}.", status=reply.status)
            case Verdict.THROTTLED | Verdict.RETRY:
                word = "asks us to slow down" if verdict is Verdict.THROTTLED else "has trouble"
                wait = Wait(self._asked_wait(reply, self._clock.now()))
                return TryLater(f"The source {word} {said}.", wait=wait)
            case Verdict.DENIED:
                return Denied(f"The source does not let us in {said}.", advice="Check the token and its rights.")
            case _:
                return Refused(f"The source refuses the request {said}.")

    def _worth_another(self, error: BaseException) -> bool:
        if not isinstance(error, TryLater) or isinstance(error, Exhausted):
            return False
        asked = error.wait.seconds
        return asked is None or asked <= self._patience.longest_wait

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, TryLater) and error.wait.seconds is not None:
            return error.wait.seconds
        doubled: float = self._patience.first_wait * 2 ** (state.attempt_number - 1)
        return min(self._patience.longest_wait, doubled) * (0.5 + self._clock.jitter() / 2)

    def _take_turn(self, quota: Quota | None) -> None:
        delay = 0.0 if quota is None else quota.reserve(self._clock.now())
        if delay > self._patience.longest_wait:
            raise Exhausted(
                "Nothing is left of what may be asked of the source for now.",
                wait=Wait(None if math.isinf(delay) else delay),
            )
        if delay > 0:
            self._clock.sleep(delay)

    def _refuse_private(self) -> None:
        """Addresses inside the house are not for sources on the internet, unless the settings say so."""
        if self._checked or self._endpoint.allow_private:
            return
        refuse_private(urlsplit(self._base).hostname or "")
        self._checked = True

    def _connected(self, event: str, info: Mapping[str, Any]) -> None:
        """Of each new connection, the address that it really leads to; nothing has been sent over it yet."""
        if event != _CONNECTED or self._endpoint.allow_private:
            return
        stream = info["return_value"]
        address = stream.get_extra_info("server_addr")
        if address is None or not public(str(address[0])):
            stream.close()
            raise _private()


class Denied(DefinitionError):
    """The token or its rights are not enough: a person must look."""


class Skipped(Refused):
    """There is nothing here to have, and that is no failure."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Exhausted(TryLater):
    """A quota is used up for longer than a run waits."""


def refuse_private(host: str) -> None:
    """Raise `DefinitionError` where `host` stands inside the house, `TryLater` where nobody knows it."""
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except OSError:
        raise TryLater("The source's name cannot be resolved.") from None
    if not all(public(str(one[4][0])) for one in found):
        raise _private()


def public(address: str) -> bool:
    """Whether an address is one of the internet, looked at through IPv6's ways of writing IPv4."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour
        if inner is not None:
            return public(str(inner))
    return found.is_global and not found.is_multicast


def _private() -> DefinitionError:
    return DefinitionError(
        "The source's address is a private one.", advice="If that is meant, set `allow_private: true`."
    )


def _blocks(answer: httpx.Response, *, keep: bool = False) -> Iterator[bytes]:
    try:
        if keep:
            yield answer.read()
        else:
            yield from answer.iter_bytes()
    except httpx.TransportError as problem:
        raise TryLater(f"The source's answer broke off ({type(problem).__name__}).") from None
    except httpx.HTTPError as problem:
        raise Refused(f"The source's answer cannot be read ({type(problem).__name__}).") from None


def _lower(answer: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise DefinitionError("The address must be http(s)://host/…, without a user or a password in it.")
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


@cache
def _authorities() -> ssl.SSLContext:
    """Those that everybody trusts: read once in a process, since that takes 30 milliseconds of every session."""
    return httpx.create_ssl_context(trust_env=False)


def _trusting(ca_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file))
