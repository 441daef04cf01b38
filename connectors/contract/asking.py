"""What a resource is asked for: a window of time, and the columns of its record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from passerelle.connectors.exchange import Ask

Step = Mapping[str, str]
"""What leads to a page: parameters to add, or `{"": link}` for a link to follow as it is."""


@dataclass(frozen=True, slots=True)
class Window:
    """What to ask for: changes from `since` (µs; None: everything) until `until`, and the columns of the record."""

    since: int | None
    until: int
    asked: tuple[str, ...]

    @property
    def since_iso(self) -> str:
        """`since` as 2026-02-03T10:12:00Z, rounded down to the second."""
        return iso(self.since or 0)

    @property
    def until_iso(self) -> str:
        """`until`, likewise."""
        return iso(self.until)


AskFor = Callable[[Window, Step], Ask]
"""How a vendor is asked for a page, where a GET with parameters is not the way."""


def iso(micros: int) -> str:
    """A moment as 2026-02-03T10:12:00Z, rounded down to the second."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def added(ask: Ask, step: Step) -> Ask:
    """`ask` for the page that `step` leads to: with its parameters, or at its link."""
    link = step.get("")
    if link is not None:
        return Ask(link, method=ask.method, headers=ask.headers)
    extra = {name: value for name, value in step.items() if not name.startswith("#")}
    return Ask(ask.path, {**ask.params, **extra}, ask.method, ask.json, ask.form, ask.data, ask.headers)
