"""Google's quotas are those of a Cloud project: whatever destinations use the same credentials share them.

https://developers.google.com/data-manager/api/devguides/limits
"""

import time
from collections.abc import Callable
from threading import Lock

from passerelle.connectors.destinations.google_types import Credentials
from passerelle.connectors.limits import Limiter

CALLS_A_MINUTE, CALLS_AT_ONCE = 300, 10


class Limits:
    """Each kind of call has a quota of its own: changes of members, reads of their status, everything else."""

    def __init__(self, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self.changing, self.reading, self.listing = (
            Limiter(CALLS_A_MINUTE, 60, at_once=CALLS_AT_ONCE, clock=clock, sleep=sleep) for _ in range(3)
        )


_LOCK = Lock()
_BY_PROJECT: dict[str, Limits] = {}


def limits_of(credentials: Credentials, sleep: Callable[[float], None]) -> Limits:
    """The limits of the project behind these credentials, the same ones for all who ask; new ones without a project."""
    project = _project(credentials)
    if not project:
        return Limits(clock=time.monotonic, sleep=sleep)
    with _LOCK:
        if project not in _BY_PROJECT:
            _BY_PROJECT[project] = Limits(clock=time.monotonic, sleep=sleep)
        return _BY_PROJECT[project]


def _project(credentials: Credentials) -> str:
    """A service account names its project; an authorised user, the client that belongs to one."""
    for name in ("project_id", "quota_project_id", "client_id"):
        if found := getattr(credentials, name, None):
            return str(found)
    return ""
