"""How a vendor pages: values given to a REST resource.

A paginator says what to add to the request, as JSON that can be kept: so a pull that was cut goes on at its page. A
step may hold a page token or a record's number, as vendors' tokens do; it is forgotten when the pull is at its end.

| value | the next page is |
| --- | --- |
| `CursorPage` | named by a token in the body |
| `NumberedPage`, `OffsetPage` | counted |
| `LinkPage` | a link, in the header or the body |
| `RangePage` | a range of numbers in a header |
| `Keyset`, `LaterThan`, `AfterKey` (`keyset.py`) | what comes after the last record |
| `InTurn` | of one list, then of the next: records that stand, then deleted ones |
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from passerelle.connectors.contract.asking import Step, added
from passerelle.connectors.contract.records import Record
from passerelle.connectors.exchange import Ask, Reply

TURN = "#turn"
"""Which of several lists a step is about."""
AGAIN = "#again"
"""How many records of the page before a step's page begins with, at least: some are left out of their page."""

HEADER = "header:"
"""What begins the name of a header that a number stands in."""

_WHOLE = re.compile(r"/([0-9]+)\s*$")
_LINK = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


@dataclass(frozen=True, slots=True)
class Seen:
    """A page that was just read.

    `reply` is None where there was nothing to have; `records` counts good and bad ones; `found` stood at the
    paginator's place; `good` are the records that could be read, `last` is the last of them.
    """

    reply: Reply | None
    records: int
    found: str | int | None
    step: Step
    good: Sequence[Record] = ()

    @property
    def last(self) -> Record | None:
        """The last record that could be read."""
        return self.good[-1] if self.good else None


class Paginator(Protocol):
    """Leads from page to page."""

    @property
    def found(self) -> tuple[str, ...]:
        """Where in the body the next page is named; empty where it is not."""
        ...

    def first(self) -> Step:
        """What leads to the first page."""
        ...

    def after(self, seen: Seen) -> Step | None:
        """What leads to the page after this one; None at the end."""
        ...

    def place(self, ask: Ask, step: Step) -> Ask:
        """The request for the page that `step` leads to."""
        return added(ask, step)


@dataclass(frozen=True, slots=True)
class OnePage(Paginator):
    """Everything comes at once."""

    found: tuple[str, ...] = ()

    def first(self) -> Step:
        """Nothing to add."""
        return {}

    def after(self, seen: Seen) -> Step | None:  # noqa: ARG002 - of the protocol
        """The end."""
        return None


@dataclass(frozen=True, slots=True)
class CursorPage(Paginator):
    """The body names the next page by a token, `at` a dotted path, to be sent as `parameter`."""

    at: str
    parameter: str

    @property
    def found(self) -> tuple[str, ...]:
        """Its place."""
        return tuple(self.at.split("."))

    def first(self) -> Step:
        """No token."""
        return {}

    def after(self, seen: Seen) -> Step | None:
        """The token, while there is one."""
        return None if seen.found in {None, ""} else {self.parameter: str(seen.found)}


@dataclass(frozen=True, slots=True)
class NumberedPage(Paginator):
    """Pages are counted; one that is not full is the last."""

    parameter: str
    size: int
    size_parameter: str | None = None
    start: int = 1
    found: tuple[str, ...] = ()

    def first(self) -> Step:
        """The first number."""
        return self._step(self.start)

    def after(self, seen: Seen) -> Step | None:
        """The next number."""
        return None if seen.records < self.size else self._step(int(seen.step[self.parameter]) + 1)

    def _step(self, number: int) -> Step:
        size = {self.size_parameter: str(self.size)} if self.size_parameter else {}
        return {self.parameter: str(number), **size}


@dataclass(frozen=True, slots=True)
class OffsetPage(Paginator):
    """Records are counted; a page that is not full is the last, or the one that reaches the number at `total`.

    That number stands in the body, at a dotted path, or in a header (`header:x-wp-total`). Each page begins `back`
    records before the end of the one before, or half of what that one had: as many may vanish from the list between the
    two without any other being missed. What comes again is left out.
    """

    parameter: str
    size: int
    size_parameter: str
    back: int = 0
    total: str = ""

    @property
    def found(self) -> tuple[str, ...]:
        """Where the body says how many there are in all."""
        return tuple(self.total.split(".")) if self.total and not self.total.startswith(HEADER) else ()

    def first(self) -> Step:
        """From the beginning."""
        return {self.parameter: "0", self.size_parameter: str(self.size)}

    def after(self, seen: Seen) -> Step | None:
        """Past what came."""
        start = int(seen.step[self.parameter])
        end = start + seen.records
        whole = self._whole(seen)
        if not seen.records or (seen.records < self.size if whole is None else end >= whole):
            return None
        following = max(start + 1, end - min(self.back, seen.records // 2))
        again = {AGAIN: str(end - following)} if following < end else {}
        return {self.parameter: str(following), self.size_parameter: str(self.size), **again}

    def _whole(self, seen: Seen) -> int | None:
        """How many there are in all, where that is said."""
        if self.total.startswith(HEADER):
            return said_in_header(seen.reply, self.total)
        return int(seen.found) if seen.found is not None and self.total else None


@dataclass(frozen=True, slots=True)
class LinkPage(Paginator):
    """The next page is a link: in the Link header, or `at` a dotted path in the body. It must stay at its origin."""

    at: str | None = None

    @property
    def found(self) -> tuple[str, ...]:
        """Its place, if it is in the body."""
        return tuple(self.at.split(".")) if self.at else ()

    def first(self) -> Step:
        """No link yet."""
        return {}

    def after(self, seen: Seen) -> Step | None:
        """The link."""
        link = seen.found if self.at else _next_link(seen.reply)
        return {"": str(link)} if link else None


@dataclass(frozen=True, slots=True)
class RangePage(Paginator):
    """Records are asked for by number in the header Range.

    The end is HTTP 416, a Content-Range that says how many there are, or a page without records. One that is not full
    is no end: some count the last record of a range in (PostgREST), others don't (Tryton).
    """

    size: int
    unit: str = "records"
    found: tuple[str, ...] = ()

    def first(self) -> Step:
        """From the beginning."""
        return {"#from": "0"}

    def after(self, seen: Seen) -> Step | None:
        """Past what came, unless that was all."""
        start = int(seen.step["#from"]) + seen.records
        whole = _WHOLE.search(seen.reply.headers.get("content-range", "")) if seen.reply is not None else None
        done = whole is not None and start >= int(whole.group(1))
        return None if done or not seen.records else {"#from": str(start)}

    def place(self, ask: Ask, step: Step) -> Ask:
        """With the header."""
        start = int(step["#from"])
        return replace(ask, headers={**ask.headers, "range": f"{self.unit}={start}-{start + self.size - 1}"})


@dataclass(frozen=True, slots=True)
class InTurn(Paginator):
    """Several lists that make up one resource, one after the other.

    The resource's `ask` looks at `step[TURN]` ("0", "1", …) to know which of them is meant.
    """

    lists: tuple[Paginator, ...]

    @property
    def found(self) -> tuple[str, ...]:
        """Where the first that looks anywhere looks; the others must look there too."""
        return next((one.found for one in self.lists if one.found), ())

    def first(self) -> Step:
        """The first page of the first list."""
        return self._step(0, self.lists[0].first())

    def after(self, seen: Seen) -> Step | None:
        """The next page of this list, or the first one of the next."""
        turn = int(seen.step[TURN])
        inner = {name: value for name, value in seen.step.items() if name != TURN}
        following = self.lists[turn].after(replace(seen, step=inner))
        if following is not None:
            return self._step(turn, following)
        return self._step(turn + 1, self.lists[turn + 1].first()) if turn + 1 < len(self.lists) else None

    @staticmethod
    def _step(turn: int, inner: Step) -> Step:
        return {**inner, TURN: str(turn)}


def said_in_header(reply: Reply | None, place: str) -> int | None:
    """The number in the header that `place` names (`header:x-wp-total`); None where there is none."""
    said = reply.headers.get(place.removeprefix(HEADER), "") if reply is not None else ""
    return int(said) if said.isdigit() else None


def _next_link(reply: Reply | None) -> str | None:
    found = _LINK.search(reply.headers.get("link", "")) if reply is not None else None
    return found.group(1) if found else None
