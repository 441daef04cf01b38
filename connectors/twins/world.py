"""What both twins hold together: audiences and their members, work in progress, the clock, scripted faults.

Everything changes under one lock. Processing is asynchronous as at the real platforms: a change is queued, and carried
out at once (`polls=0`), after its status was asked for `polls` times, or when a test releases it.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, Literal

from passerelle.connectors.twins.faults import FaultScript
from passerelle.connectors.twins.people import People
from passerelle.privacy.errors import DefinitionError

Platform = Literal["meta", "google_ads"]
MICROSECONDS = 1_000_000
DAY = 86_400 * MICROSECONDS


def system_clock() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1000


@dataclass(slots=True)
class Audience:
    """One audience or user list. `settings` are the platform's own fields."""

    platform: Platform
    id: str
    account: str
    name: str
    description: str
    created_at: int
    updated_at: int
    people: People
    settings: dict[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Change:
    """Rows on their way into or out of an audience. `outcome` names rows that were dropped, by reason."""

    id: str
    audience: str
    action: Literal["add", "remove", "remove_all", "replace"]
    rows: list[tuple[str, ...]]
    received: int
    identifiers: int
    at: int
    outcome: dict[str, int] = field(default_factory=dict)
    polls_left: int = 0
    before: int = 0
    done: bool = False
    values: list[float] | None = None
    """What each of the rows' people is worth, in an audience made for that."""


class World:
    """The state of the twins. Callers hold `lock` around anything that reads and then writes."""

    def __init__(self, *, keep: bool = True, clock: Callable[[], int] = system_clock, path: Path | None = None) -> None:
        self.lock = RLock()
        self.faults = FaultScript()
        self.audiences: dict[str, Audience] = {}
        self.changes: dict[str, Change] = {}
        self.sessions: dict[str, dict[str, object]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        self.polls = 0
        self.held = False
        self.offset = 0
        self.terms_accepted = True
        self.smallest = 0
        """Meta refuses removals that would leave an audience with fewer people than this; 0: it never does."""
        self._waiting: dict[str, list[Change]] = {}
        self.saved_seconds = 0.0
        self.saved_at = 0.0
        self._keep = keep
        self._clock = clock
        self._path = path
        self._serial = 0
        if path is not None and path.exists():
            self._load(path)

    @property
    def keeps(self) -> bool:
        """Whether members are kept, or only counted."""
        return self._keep

    def now(self) -> int:
        """The twins' own time, µs: the machine's, moved by what a test asked for."""
        return self._clock() + self.offset

    def serial(self) -> int:
        """A number never given before."""
        self._serial += 1
        return self._serial

    def create(self, platform: Platform, identity: str, account: str, name: str, description: str) -> Audience:
        """Make an empty audience."""
        now = self.now()
        people = People(keep=self._keep)
        audience = Audience(platform, identity, account, name, description, now, now, people)
        self.audiences[identity] = audience
        return audience

    def submit(self, change: Change) -> None:
        """Queue a change; carry it out now if nothing makes it wait."""
        change.polls_left = self.polls
        self.changes[change.id] = change
        self._waiting.setdefault(change.audience, []).append(change)
        if not self.held and change.polls_left == 0:
            self._finish(change)

    def poll(self, change: Change) -> None:
        """Somebody asked how it stands: that brings it nearer to its end."""
        if change.done or self.held:
            return
        change.polls_left -= 1
        if change.polls_left <= 0:
            self._finish(change)

    def release(self) -> None:
        """Carry out everything that waits, and hold nothing back any more."""
        self.held = False
        for waiting in list(self._waiting.values()):
            if waiting:
                self._finish(waiting[-1])

    def pending(self, audience: str) -> int:
        """How many changes wait for this audience."""
        return len(self._waiting.get(audience, ()))

    def _finish(self, last: Change) -> None:
        """Carry out a change, after the earlier ones of the same audience: order decides who is in."""
        waiting = self._waiting.get(last.audience, [])
        while waiting and not last.done:
            self._apply(waiting.pop(0))

    def _apply(self, change: Change) -> None:
        change.done = True
        audience = self.audiences.get(change.audience)
        if audience is None:
            change.rows, change.values = [], None
            return
        people = audience.people
        worth: list[float | None] = [*change.values] if change.values is not None else [None] * len(change.rows)
        if change.action == "add":
            for keys, value in zip(change.rows, worth, strict=True):
                people.add(keys, change.at, value)
        elif change.action == "remove":
            for keys in change.rows:
                people.remove(keys)
        elif change.action == "replace":
            people.clear()
            for keys, value in zip(change.rows, worth, strict=True):
                people.add(keys, change.at, value)
        else:
            people.remove_added_before(change.before)
        audience.updated_at = self.now()
        change.rows, change.values = [], None

    def save(self, *, force: bool = False) -> None:
        """Write the state file, seldom enough that writing takes no more than a tenth of the time."""
        if self._path is None:
            return
        started = time.monotonic()
        if not force and started - self.saved_at < 10 * self.saved_seconds:
            return
        with self.lock:
            text = json.dumps(self._dump(), separators=(",", ":"))
        fresh = self._path.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self._path)
        self.saved_at = time.monotonic()
        self.saved_seconds = self.saved_at - started

    def _dump(self) -> dict[str, object]:
        audiences = []
        for audience in self.audiences.values():
            plain = {name: getattr(audience, name) for name in Audience.__slots__ if name != "people"}
            audiences.append(plain | {"people": audience.people.dump()})
        changes = [asdict(change) for change in self.changes.values()]
        return {
            "version": 1,
            "serial": self._serial,
            "polls": self.polls,
            "audiences": audiences,
            "changes": changes,
            "sessions": self.sessions,
            "jobs": self.jobs,
        }

    def _load(self, path: Path) -> None:
        try:
            self._restore(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError):
            raise DefinitionError(f"The file {path.name} is no state of the twins.", advice="Delete it.") from None

    def _restore(self, document: dict[str, object]) -> None:
        self._serial = int(str(document["serial"]))
        self.polls = int(str(document["polls"]))
        audiences, changes, sessions = document["audiences"], document["changes"], document["sessions"]
        if not (isinstance(audiences, list) and isinstance(changes, list) and isinstance(sessions, dict)):
            raise TypeError("not a state file of the twins")
        for plain in audiences:
            plain["people"] = People.load(plain["people"])
            self.audiences[plain["id"]] = Audience(**plain)
        for plain in changes:
            plain["rows"] = [tuple(row) for row in plain["rows"]]
            change = self.changes[plain["id"]] = Change(**plain)
            if not change.done:
                self._waiting.setdefault(change.audience, []).append(change)
        self.sessions = sessions
        jobs = document.get("jobs", {})
        self.jobs = jobs if isinstance(jobs, dict) else {}
