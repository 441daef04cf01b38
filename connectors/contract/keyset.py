"""Paging by what comes after the last record: nothing is missed where rows move, and no page number grows too large."""

from dataclasses import dataclass
from datetime import UTC, datetime

from passerelle.connectors.contract.asking import Step
from passerelle.connectors.contract.paging import AGAIN, Paginator, Seen
from passerelle.connectors.errors import Refused

PAST = "#past"
"""How many records after a step's key are to be left out."""
LATER = "#later"
"""The second (since 1970) after which a step's records are dated."""

_BACK = 50
"""How many records of a full second are read again, for as many may have moved on meanwhile."""


@dataclass(frozen=True, slots=True)
class Keyset(Paginator):
    """After the last record by `(moment, key)`: equal moments at a page's edge are told apart by their keys.

    `moment` and `key` are fields of the record. The resource's `ask` turns the step into the vendor's condition,
    `(moment = m AND key > k) OR moment > m ORDER BY moment, key`; the first step is empty. A page that is not full is
    the last.
    """

    moment: str
    key: str
    size: int
    found: tuple[str, ...] = ()

    def first(self) -> Step:
        """No condition."""
        return {}

    def after(self, seen: Seen) -> Step | None:
        """The last record's moment and key, under the fields' names."""
        if seen.records < self.size:
            return None
        moment, key = (getattr(_last(seen), name) for name in (self.moment, self.key))
        if moment is None:
            raise Refused(f"The last record of a page has no {self.moment}, so the next page cannot be asked for.")
        return {self.moment: _plain(moment), self.key: str(key)}


@dataclass(frozen=True, slots=True)
class LaterThan(Paginator):
    """From the last record's second on, oldest first, where a vendor knows no finer condition than `later than`.

    `moment` is a field of the record. A record that changes while others are read moves to the end, where it is met
    again, and moves no other past us. The second of the last record is read once more, since it may have had others;
    what came is left out. Where one second fills a page, the resource's `ask` leaves out as many records as
    `step[PAST]` says, of those that are later than `step[LATER]`. A page that is not full is the last.
    """

    moment: str
    size: int
    found: tuple[str, ...] = ()

    def first(self) -> Step:
        """No condition."""
        return {}

    def after(self, seen: Seen) -> Step | None:
        """Later than the second before the last record's."""
        if seen.records < self.size:
            return None
        last = _seconds(_last(seen), self.moment)
        later = {LATER: str(last - 1), AGAIN: "1"}
        alike = sum(_seconds(one, self.moment) == last for one in seen.good)
        if alike < len(seen.good):
            return later
        start = int(seen.step.get(PAST, "0")) if seen.step.get(LATER) == later[LATER] else 0
        return {**later, PAST: str(start + max(1, alike - min(_BACK, alike // 2)))}


@dataclass(frozen=True, slots=True)
class AfterKey(Paginator):
    """After the last record by its `key` alone, within a fixed window sorted by that key.

    No page has a number, so no cap on numbers is ever reached, and a record that leaves the window while it is read
    moves no other past us. The resource's `ask` adds the condition `key > step[key]` where the step has it. There is a
    next page where the body names one at `more`, a dotted path, or says that there is; its name is not used. Where
    `more` is empty the body says nothing of it, and an empty page is the last. Then `ask` leaves out as many records
    after that key as `step[PAST]` says: they came, and could not be read.
    """

    key: str
    more: str = ""

    @property
    def found(self) -> tuple[str, ...]:
        """Where the body says that there is more."""
        return tuple(self.more.split(".")) if self.more else ()

    def first(self) -> Step:
        """No condition."""
        return {}

    def after(self, seen: Seen) -> Step | None:
        """The last record's key, under the field's name."""
        if not self.more and seen.records and seen.last is None:
            return {**seen.step, PAST: str(int(seen.step.get(PAST, "0")) + seen.records)}
        return {self.key: str(getattr(_last(seen), self.key))} if (seen.found if self.more else seen.records) else None


def _last(seen: Seen) -> object:
    if seen.last is None:
        raise Refused("No record of a page could be read, so the next page cannot be asked for.")
    return seen.last


def _seconds(record: object, name: str) -> int:
    moment = getattr(record, name)
    if not isinstance(moment, datetime):
        raise Refused(f"A record of a page has no {name}, so the next page cannot be asked for.")
    return int(moment.timestamp())


def _plain(moment: object) -> str:
    if not isinstance(moment, datetime):
        return str(moment)
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
