"""A resource read page by page: the window of time, the page under way, what was announced and what came."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic import JsonValue

from passerelle.connectors.contract.asking import Step
from passerelle.connectors.contract.drift import ENOUGH, Drift
from passerelle.connectors.contract.durations import microseconds
from passerelle.connectors.contract.merges import with_losers
from passerelle.connectors.contract.paging import AGAIN, TURN, Seen
from passerelle.connectors.contract.records import Shape
from passerelle.connectors.contract.source import Context, Page, State
from passerelle.connectors.errors import Refused, TryLater
from passerelle.connectors.http import Session, Skipped
from passerelle.connectors.quota import Quota

if TYPE_CHECKING:
    from passerelle.connectors.contract.rest import RestResource

_CIRCLE = "The source leads to a page that was read before: its paging runs in a circle."


@dataclass(frozen=True, slots=True)
class Look:
    """What an answer says besides its records: warnings for people, and whether it says that there are none."""

    warnings: tuple[str, ...] = ()
    nothing: bool = False


def walk(
    session: Session, rest: "RestResource", quota: Quota | None, state: State | None, context: Context
) -> Iterator[Page]:
    """The vendor's pages, one by one."""
    memory = _Memory.of(state, rest, context)
    drift = Drift(rest.shape, memory.columns, memory.had, memory.met)
    walked: set[tuple[tuple[str, str], ...]] = set()
    before: bytes | None = None
    known: set[Mark] = set()
    while memory.step is not None:
        mark = tuple(sorted(memory.step.items()))
        if mark in walked:
            raise Refused(_CIRCLE)
        walked.add(mark)
        try:
            reply = session.send(rest.request(memory.since, memory.until, memory.step), quota=quota)
        except Skipped:
            reply = None
        body = reply.body if reply is not None else b""
        look = Look(nothing=True) if reply is None else rest.look(reply)
        read = rest.reader.nothing() if look.nothing else rest.reader.read(body, len(walked))
        fresh = drift.sample(rest.name, rest.reader.plain(body)) if len(walked) == 1 and not look.nothing else []
        if read.count and body == before:
            raise Refused(_CIRCLE)
        before = body
        drift.read(read.records, read.quarantined.num_rows)
        step = rest.pages.after(Seen(reply, read.count, read.next, memory.step, read.records))
        if not rest.sparse and ((len(walked) == 1 and read.count >= ENOUGH) or step is None):
            drift.check(f"{rest.name}")
        announced = rest.announced(reply, read) if reply is not None else None
        if announced is not None and rest.counts == "rest":
            announced += memory.received
        ended = step is None or step.get(TURN) != memory.step.get(TURN)
        marks = _marks(rest.shape, read.rows) if rest.newest_first or AGAIN in {**memory.step, **(step or {})} else []
        rows = _unread(read.rows, marks, known, once=rest.newest_first)
        known = set(marks) if step is not None else set()
        memory = memory.moved(step, read.count - read.rows.num_rows + rows.num_rows, announced, drift)
        short = ended and memory.short
        told, memory = memory, memory.counted_anew() if ended and step is not None and not short else memory
        yield Page(
            rows=with_losers(rest.shape, rows),
            state=memory.again(rest).state() if short else memory.state(),
            quarantined=read.quarantined,
            watermark=memory.until if step is None and not short else None,
            total=told.announced,
            warnings=(*look.warnings, *fresh),
        )
        if short:
            raise TryLater(
                f"{rest.name}: the source announced {told.announced} records and sent {told.received}.",
                advice="Nothing is taken for complete; the next pull reads this window again.",
            )


Mark = tuple[Any, ...]


def _unread(rows: pa.Table, marks: list[Mark], known: set[Mark], *, once: bool) -> pa.Table:
    """Rows, without those that are `known` from the page before; `once`: the first alone of those that are the same."""
    if not known and not once:
        return rows
    met = set(known)
    fresh = []
    for mark in marks:
        fresh.append(mark not in met)
        if once:
            met.add(mark)
    return rows.filter(pa.array(fresh, pa.bool_())) if marks else rows


def _marks(shape: Shape, rows: pa.Table) -> list[Mark]:
    """What tells a record from another, and from itself once it has changed; nothing where it has no key."""
    names = [*shape.keys, shape.cursor.name] if shape.keys and shape.cursor is not None else []
    return list(zip(*(rows.column(name).to_pylist() for name in names), strict=True))


@dataclass(frozen=True, slots=True)
class _Memory:
    """The window under way and the page that comes next; None once all are read. How many came, and should have."""

    since: int | None
    until: int
    step: Step | None
    received: int = 0
    announced: int | None = None
    columns: set[str] = field(default_factory=set)
    had: set[str] = field(default_factory=set)
    met: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, state: State | None, rest: "RestResource", context: Context) -> "_Memory":
        plain: Any = state or {}
        columns, had, met = (set(plain.get(name, ())) for name in ("columns", "had", "met"))
        if plain.get("step") is not None:
            counts = plain.get("received", 0), plain.get("announced")
            return cls(plain["since"], plain["until"], plain["step"], *counts, columns, had, met)
        until = plain.get("until")
        since = None if until is None or rest.shape.cursor is None else until - microseconds(rest.overlap)
        return cls(since, context.now, rest.pages.first(), columns=columns, had=had | met)

    @property
    def short(self) -> bool:
        """Fewer came than the vendor announced."""
        return self.announced is not None and self.received < self.announced

    def moved(self, step: Step | None, count: int, announced: int | None, drift: Drift) -> "_Memory":
        return replace(
            self,
            step=step,
            received=self.received + count,
            announced=self.announced if announced is None else announced,
            columns=drift.columns,
            met=drift.met,
        )

    def counted_anew(self) -> "_Memory":
        """At the beginning of another list."""
        return replace(self, received=0, announced=None)

    def again(self, rest: "RestResource") -> "_Memory":
        """The same window from its beginning."""
        return replace(self.counted_anew(), step=rest.pages.first())

    def state(self) -> dict[str, JsonValue]:
        """What is known of the vendor's fields stays; counts matter only in the middle of a run."""
        ended = self.step is None
        return {
            "since": self.since,
            "until": self.until,
            "step": None if self.step is None else dict(self.step),
            "received": 0 if ended else self.received,
            "announced": None if ended else self.announced,
            "columns": list[JsonValue](sorted(self.columns)),
            "had": list[JsonValue](sorted(self.had | self.met if ended else self.had)),
            "met": [] if ended else list[JsonValue](sorted(self.met)),
        }
