"""How a vendor pages: values given to a REST resource.

A paginator says what to add to the request, as JSON that can be kept: so a pull that was cut goes on at its page.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from passerelle.connectors.exchange import Reply

Step = Mapping[str, str]
"""What leads to a page: parameters to add, or `{"": link}` for a link to follow as it is."""

_LINK = re.compile(r'<([^>]*)>\s*;[^,]*\brel="?next"?')


@dataclass(frozen=True, slots=True)
class Seen:
    """A page that was just read: the answer, how many records it had, and what stood at the paginator's `found`."""

    reply: Reply
    records: int
    found: str | int | None
    step: Step


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


@dataclass(frozen=True, slots=True)
class OnePage:
    """Everything comes at once."""

    found: tuple[str, ...] = ()

    def first(self) -> Step:
        """Nothing to add."""
        return {}

    def after(self, seen: Seen) -> Step | None:  # noqa: ARG002 - of the protocol
        """The end."""
        return None


@dataclass(frozen=True, slots=True)
class CursorPage:
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
class NumberedPage:
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
class OffsetPage:
    """Records are counted; a page that is not full is the last."""

    parameter: str
    size: int
    size_parameter: str
    found: tuple[str, ...] = ()

    def first(self) -> Step:
        """From the beginning."""
        return {self.parameter: "0", self.size_parameter: str(self.size)}

    def after(self, seen: Seen) -> Step | None:
        """Past what came."""
        if seen.records < self.size:
            return None
        return {self.parameter: str(int(seen.step[self.parameter]) + seen.records), self.size_parameter: str(self.size)}


@dataclass(frozen=True, slots=True)
class LinkPage:
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


def _next_link(reply: Reply) -> str | None:
    found = _LINK.search(reply.headers.get("link", ""))
    return found.group(1) if found else None
