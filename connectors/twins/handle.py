"""A handle on running twins, for tests, the demo and rehearsals.

    with in_process() as twins:                 # threads of this process
        twins.fault(call="meta.users.add", graph={"code": 80003, "minutes": 1})
        assert twins.count(audience_id) == 3

`subprocess_twins()` starts `passerelle twins` as a process of its own and gives the same handle.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from passerelle.connectors.twins.running import Addresses, RunningTwins
from passerelle.connectors.twins.world import World

STOP_SECONDS = 15
ANSWER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Twins:
    """Asks and steers twins through their control endpoint, wherever they run."""

    addresses: Addresses

    @property
    def meta(self) -> str:
        """URL for the `endpoint` of a meta destination."""
        return self.addresses.meta

    @property
    def google(self) -> dict[str, str]:
        """The `endpoints` of a google_ads destination."""
        return {"data_manager": self.addresses.data_manager, "google_ads": self.addresses.google_ads}

    @property
    def google_rest(self) -> dict[str, str]:
        """The same, with Data Manager over REST."""
        return {**self.google, "data_manager": self.addresses.data_manager_rest}

    def state(self) -> dict[str, Any]:
        """Every audience with its count, the calls so far, the twins' time."""
        return self._call("GET", "state")

    def audiences(self, platform: str | None = None) -> dict[str, str]:
        """Audience name -> id, of one platform or of both (then the later wins)."""
        held = self.state()["audiences"]
        return {one["name"]: one["id"] for one in held if platform in {None, one["platform"]}}

    def members(self, audience: str) -> list[tuple[str, ...]]:
        """Each person in an audience, as their keys `kind:value`, sorted."""
        return [tuple(keys) for keys in self._call("GET", f"members?audience={audience}")["members"]]

    def values(self, audience: str) -> dict[tuple[str, ...], float | None]:
        """What each person in an audience is worth, by their keys; None for who came without a value."""
        told = self._call("GET", f"members?audience={audience}")
        return {tuple(keys): value for keys, value in zip(told["members"], told["values"], strict=True)}

    def count(self, audience: str) -> int:
        """How many people are in an audience."""
        held = self.state()["audiences"]
        return int(next(one["count"] for one in held if one["id"] == audience))

    def calls(self) -> Mapping[str, int]:
        """How often each call came."""
        counts: Mapping[str, int] = self.state()["calls"]
        return counts

    def fault(self, **fault: object) -> None:
        """Script one fault; the keywords are those of `faults.Fault`."""
        self._call("POST", "faults", [fault])

    def clear_faults(self) -> None:
        """Forget the scripted faults."""
        self._call("DELETE", "faults")

    def clock(self, **wanted: object) -> None:
        """`polls=`, `hold=True`, `release=True`, `advance_seconds=`."""
        self._call("POST", "clock", wanted)

    def set_meta(self, **wanted: object) -> None:
        """`audience=` with `flagged=[…]`, `terms_accepted=`, `smallest=`."""
        self._call("POST", "meta", wanted)

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        raw = None if body is None else json.dumps(body).encode()
        url = f"{self.addresses.meta}/_twin/{path}"
        request = urllib.request.Request(url, data=raw, method=method)  # noqa: S310 - loopback, by construction
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - as above
            found: dict[str, Any] = json.loads(answer.read())
            return found


@contextmanager
def in_process(*, keep: bool = True, state: Path | None = None) -> Iterator[Twins]:
    """Twins on threads of this process, on free ports."""
    with RunningTwins(World(keep=keep, path=state)) as running:
        yield Twins(running.addresses)


@contextmanager
def subprocess_twins(*arguments: str) -> Iterator[Twins]:
    """Twins as a process of their own, on free ports unless `arguments` of the verb say otherwise."""
    command = [sys.executable, "-m", "passerelle.connectors.twins", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own module
        try:
            line = process.stdout.readline() if process.stdout else b""
            told = json.loads(line)
            yield Twins(Addresses(**told))
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)
