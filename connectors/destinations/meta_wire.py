"""facebook-business as transport, and nothing more: our hashing, our timeouts, our reading of every answer.

What the SDK would do by itself and must not: keep the token in every URL, take a 502 page for success, put removals
into the query string, print payload and token in its errors, replace `sys.excepthook`, set a global default API.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import requests
from facebook_business.api import FacebookAdsApi, FacebookResponse
from facebook_business.exceptions import FacebookError, FacebookRequestError
from facebook_business.session import FacebookSession

from passerelle.connectors.destinations.meta_errors import OK, Trouble, explain, trouble
from passerelle.connectors.destinations.meta_usage import Usage, read
from passerelle.connectors.destinations.quiet import quieten
from passerelle.connectors.destinations.retrying import with_retries
from passerelle.connectors.errors import OutcomeUnknown, TryLater, Wait
from passerelle.privacy.errors import PasserelleError

LOGGERS = ("urllib3.connectionpool", "urllib3.util.retry", "requests", "facebook_business")
LONGEST_PAUSE = 60.0
"""Seconds that a call may wait by itself: Meta counts its limits in minutes, so one of them."""
Json = dict[str, Any]


class MetaWire:
    """Calls to one ad account. Every method raises the errors of `connectors.errors`, and nothing else."""

    def __init__(
        self,
        token: str,
        *,
        secret: str | None,
        version: str,
        endpoint: str | None,
        timeout: float,
        sleep: Callable[[float], None],
    ) -> None:
        quieten(LOGGERS)
        session = FacebookSession(app_secret=secret, access_token=token, timeout=timeout)
        # The SDK puts the token into every URL, where proxies and logs read it; Graph takes it as a header, too.
        session.requests.params = {
            name: value for name, value in session.requests.params.items() if name != "access_token"
        }
        session.requests.headers["Authorization"] = f"Bearer {token}"
        session.requests.trust_env = False
        if endpoint is not None:
            session.GRAPH = endpoint.rstrip("/")
        self._api = FacebookAdsApi(session, api_version=version)
        self._sleep = sleep
        self._seen: list[Trouble] = []
        self._usage = Usage()
        session.requests.hooks["response"].append(self._see)

    def get(self, path: tuple[str, ...], **params: str) -> Json:
        """Read something."""
        return with_retries(lambda _: self._call("GET", path, params, {}, changes=False), self._sleep)

    def change(self, path: tuple[str, ...], params: Mapping[str, str]) -> Json:
        """Change something where a second try could do it twice: tried once."""
        return self._call("POST", path, dict(params), {}, changes=True)

    def send(
        self,
        path: tuple[str, ...],
        payload: str,
        session: Callable[[int], Json] | None,
        *,
        method: str | None = None,
    ) -> Json:
        """Send people. `session` makes a new upload session for each try, since a finished one takes nothing more."""

        def attempt(number: int) -> Json:
            params: Json = {} if session is None else {"session": session(number)}
            if method is not None:
                params["method"] = method
            # As a plain part of a multipart form the payload needs no quoting, and stays out of the SDK's errors.
            return self._call("POST", path, params, {"payload": (None, payload)}, changes=True)

        return with_retries(attempt, self._sleep, patience=LONGEST_PAUSE)

    def replace(
        self, path: tuple[str, ...], payload: str, session: Json, *, before: Callable[[], None], once: bool
    ) -> Json:
        """Send a batch of a session over many. `once`: no second try, since the platform takes this batch only once."""

        def attempt(_number: int) -> Json:
            before()
            return self._call("POST", path, {"session": session}, {"payload": (None, payload)}, changes=True)

        return attempt(1) if once else with_retries(attempt, self._sleep, patience=LONGEST_PAUSE)

    def _call(self, method: str, path: tuple[str, ...], params: Json, files: Json, *, changes: bool) -> Json:
        if changes:
            self._await_room()
        # Raised outside `except`: its context would otherwise keep the SDK's error, which quotes the request.
        answer, problem = self._attempt(method, path, params, files, changes=changes)
        if problem is not None:
            raise problem
        body = answer.json() if answer is not None else None
        if answer is None or answer.status() != OK or not isinstance(body, dict):
            status = answer.status() if answer is not None else 0
            headers = answer.headers() if answer is not None else {}
            raise explain(trouble(status, body, headers), changes=changes)
        return body

    def _attempt(
        self, method: str, path: tuple[str, ...], params: Json, files: Json, *, changes: bool
    ) -> tuple[FacebookResponse | None, PasserelleError | None]:
        self._seen.clear()
        try:
            return self._api.call(method, path, params=params, files=files), None
        except FacebookRequestError as error:
            found = trouble(error.http_status() or 0, error.body(), error.http_headers() or {})
            return None, explain(found, changes=changes)
        except requests.exceptions.ConnectTimeout:
            return None, TryLater("Meta cannot be reached (no connection in time).", advice="Check the network.")
        except requests.exceptions.RequestException as error:
            return None, _lost(error, changes=changes)
        except (FacebookError, AttributeError, KeyError, TypeError, ValueError):
            # The SDK trips over bodies that are not what it expects: read the answer without it.
            return None, explain(self._seen.pop() if self._seen else Trouble(0), changes=changes)

    def _await_room(self) -> None:
        """Wait where the last answer said that a limit is nearly used up; what takes longer is the caller's to wait."""
        used, self._usage = self._usage, Usage()
        if used.pause > LONGEST_PAUSE:
            raise TryLater(
                f"Meta's limit for this ad account is nearly used up ({used.share:.0f} %).",
                advice="Wait; the next run goes on where this one stopped.",
                wait=Wait(used.pause),
            )
        if used.pause:
            self._sleep(used.pause)

    def _see(self, response: requests.Response, *_: object, **__: object) -> None:
        """Keep what a failed answer says, before the SDK reads it, and of a good one how much of the limits is used."""
        self._usage = read(response.headers) if response.status_code == OK else Usage()
        if response.status_code != OK:
            self._seen[:] = [trouble(response.status_code, _json(response.content), response.headers)]


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _lost(error: requests.exceptions.RequestException, *, changes: bool) -> PasserelleError:
    """A connection that failed: before the request left, or after, when it may have been applied."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", None)
    if type(reason).__name__ in {"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"}:
        return TryLater("Meta cannot be reached.", advice="Check the network, and the endpoint if one is set.")
    message = "The connection to Meta broke before the answer came."
    advice = "Try again later; sending the same people again is harmless."
    return OutcomeUnknown(message, advice=advice) if changes else TryLater(message, advice=advice)
