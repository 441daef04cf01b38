"""Resources that a vendor prepares as a file: submit a job, ask until it is done, download what it made.

    contacts = JobResource(
        "contacts", Contact,
        submit=lambda window: Ask("jobs/query", method="POST", json={"operation": "queryAll", "query": soql(window)}),
        job=lambda reply: reply.at("id"),
        poll=lambda job: Ask(f"jobs/query/{job}"),
        ready=by_state,
        fetch=lambda job, part: Ask(f"jobs/query/{job}/results", {"locator": part} if part else {}),
        following=lambda headers: headers.get("sforce-locator"),
        format=Csv(),
    )

The state keeps the job and the part under way, so a pull that was cut submits nothing again. A job that is gone is
submitted anew, once; one that failed is forgotten, and the next pull submits another. What was announced must have
come, or nothing is taken for complete. Addresses of files elsewhere are not kept: whoever has one needs no token.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import JsonValue

from passerelle.connectors.contract.asking import Window
from passerelle.connectors.contract.bulk import Csv, Format
from passerelle.connectors.contract.durations import microseconds
from passerelle.connectors.contract.records import Record, Shape, shape_of
from passerelle.connectors.contract.source import Context, Page, State, quarantined
from passerelle.connectors.errors import Refused, TryLater
from passerelle.connectors.exchange import Ask, Reply
from passerelle.connectors.http import Download, Session, Skipped
from passerelle.connectors.quota import Quota
from passerelle.privacy.errors import PasserelleError

GONE = frozenset({404, 410})


@dataclass(frozen=True, slots=True)
class Ready:
    """A job that is done: its first part (a locator, or the address of a file), and how many rows it made, if told.

    With no rows there may be no file: an empty address is then none.
    """

    part: str = ""
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that brought nothing, or not everything. `error` is raised once the job is forgotten."""

    error: PasserelleError


@dataclass(frozen=True)
class JobResource:
    """One kind of record that comes by job.

    `ready` looks at an answer to `poll`: `Ready`, `Failed`, or None while the vendor works. `following` finds the next
    part in the headers of one; "null", "" and None are the end. `elsewhere`: parts are addresses at another host, asked
    without our token. `counted`: parts are the number of the row that they begin with, until as many came as were
    announced. Waits between polls grow from `every` seconds to a minute; after `patience` seconds the job is
    left to the next pull.
    """

    name: str
    record: type[Record]
    submit: Callable[[Window], Ask]
    job: Callable[[Reply], Any]
    poll: Callable[[str], Ask]
    ready: Callable[[Reply], Ready | Failed | None]
    fetch: Callable[[str, str], Ask] = lambda _job, part: Ask(part)
    following: Callable[[Mapping[str, str]], str | None] = lambda _headers: None
    format: Format = field(default_factory=Csv)
    elsewhere: bool = False
    counted: bool = False
    every: float = 5.0
    patience: float = 900.0
    overlap: str = "1h"
    quota: str = ""
    timezone: str | None = None
    by_job: ClassVar[bool] = True

    @cached_property
    def shape(self) -> Shape:
        """What its records are."""
        return shape_of(self.record)

    def probe(self, session: Session, quota: Quota | None) -> None:
        """Jobs cost: whether we are let in is seen when one is submitted."""

    def walk(self, session: Session, quota: Quota | None, state: State | None, context: Context) -> Iterator[Page]:
        """Its pages. Those within a part lead back to the part's beginning; the last one of a part leads on."""
        memory = _Memory.of(state, self, context)
        anew = False
        while True:
            if memory.job is None:
                window = Window(memory.since, memory.until, tuple(dict.fromkeys(self.shape.asked)))
                memory = memory.submitted(str(self.job(session.send(self.submit(window), quota=quota)) or ""))
                yield Page(_empty(self.shape), memory.state())
            try:
                part = memory.part
                if part is None:
                    ready = self._awaited(session, quota, memory.job or "")
                    if isinstance(ready, Failed):
                        yield Page(_empty(self.shape), memory.again().state())
                        raise ready.error
                    part, memory = ready.part, replace(memory, announced=ready.rows)
                yield from self._parts(session, quota, memory, part, context.page_rows)
            except Skipped:
                if anew:
                    raise Refused(f"The vendor lost the job for {self.name} twice.") from None
                anew, memory = True, memory.again()
            else:
                return

    def _awaited(self, session: Session, quota: Quota | None, job: str) -> Ready | Failed:
        waited, pause = 0.0, self.every
        while True:
            ready = self.ready(session.send(self.poll(job), quota=quota, absent=GONE))
            if ready is not None:
                return ready
            if waited >= self.patience:
                raise TryLater(f"The vendor is still preparing {self.name}.", advice="The next pull asks for it again.")
            session.pause(pause)
            waited, pause = waited + pause, min(60.0, pause * 1.5)

    def _parts(self, session: Session, quota: Quota | None, memory: "_Memory", first: str, most: int) -> Iterator[Page]:
        """Pages of at most `most` rows, part by part."""
        part: str | None = first
        while part is not None:
            memory = memory if self.elsewhere else replace(memory, part=part)
            count, held = 0, _Held(self.shape, self.name)
            with self._opened(session, quota, memory.job or "", part) as answer:
                for block in self.format.tables(answer.blocks, self.shape):
                    count += block.rows.num_rows + block.lost + block.nobody
                    for start in range(0, max(1, block.rows.num_rows), most):
                        if held.rows is not None:
                            yield held.page(memory)
                        held.take(block.rows.slice(start, most), 0 if start else block.lost)
                following = self.following(answer.headers)
            if self.counted:
                done = memory.received + count
                following = str(done) if count and done < (memory.announced or 0) else None
            following = None if following in {"", "null"} else following
            if part == following:
                raise Refused(f"The parts of {self.name} run in a circle.")
            part = following
            memory = replace(memory, part=None if self.elsewhere else part, received=memory.received + count)
            if part is None and memory.announced not in {None, memory.received}:
                yield held.page(memory.again())
                raise TryLater(
                    f"{self.name}: the source announced {memory.announced} records and sent {memory.received}.",
                    advice="Nothing is taken for complete; the next pull reads this window again.",
                )
            yield held.page(memory if part is not None else memory.ended(), done=part is None)

    @contextmanager
    def _opened(self, session: Session, quota: Quota | None, job: str, part: str) -> Iterator[Download]:
        """A part's blocks; none where there is no file."""
        if (self.elsewhere or self.counted) and not part:
            yield Download({}, iter(()))
            return
        with ExitStack() as opened:
            place = opened.enter_context(session.elsewhere(part)) if self.elsewhere else session
            yield opened.enter_context(place.download(self.fetch(job, part), quota=quota, absent=GONE))


class _Held:
    """Rows that are not handed over before it is known whether more follow."""

    def __init__(self, shape: Shape, name: str) -> None:
        self._shape = shape
        self._name = name
        self.rows: pa.Table | None = None
        self._lost = 0

    def take(self, rows: pa.Table, lost: int) -> None:
        self.rows, self._lost = rows, lost

    def page(self, memory: "_Memory", *, done: bool = False) -> Page:
        rows = self.rows if self.rows is not None else _empty(self._shape)
        lost = quarantined([(f"{self._name} bulk file", "", "unreadable_line")] * self._lost)
        watermark = memory.until if done else None
        return Page(rows, memory.state(), quarantined=lost, watermark=watermark, total=memory.announced)


@dataclass(frozen=True, slots=True)
class _Memory:
    """The window, the job that reads it, the part that comes next (None: it is not known to be done)."""

    since: int | None
    until: int
    job: str | None = None
    part: str | None = None
    received: int = 0
    announced: int | None = None
    open: bool = True

    @classmethod
    def of(cls, state: State | None, resource: JobResource, context: Context) -> "_Memory":
        plain: Any = state or {}
        if plain.get("open"):
            return cls(**{name: plain.get(name) for name in ("since", "until", "job", "part", "received", "announced")})
        until = plain.get("until")
        since = None if until is None or resource.shape.cursor is None else until - microseconds(resource.overlap)
        return cls(since, context.now)

    def submitted(self, job: str) -> "_Memory":
        if not job:
            raise Refused("The vendor took a job and gave it no name.")
        return replace(self, job=job)

    def again(self) -> "_Memory":
        """The same window, without a job."""
        return replace(self, job=None, part=None, received=0, announced=None)

    def ended(self) -> "_Memory":
        return replace(self.again(), open=False)

    def state(self) -> dict[str, JsonValue]:
        return {
            "since": self.since,
            "until": self.until,
            "job": self.job,
            "part": self.part,
            "received": self.received,
            "announced": self.announced,
            "open": self.open,
        }


def _empty(shape: Shape) -> pa.Table:
    return pa.table({one.name: pa.array([], pa.string()) for one in shape.fields})
