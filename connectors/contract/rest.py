"""REST sources: a typed record, and how to ask for it. The rest follows.

    persons = RestResource(
        "persons", Person, path="persons", records="data",
        pages=CursorPage("additional_data.next_cursor", "cursor"),
        query=lambda window: {"limit": "500", "updated_since": window.since_iso} if window.since else {"limit": "500"},
    )
    source = RestSource("pipedrive", [persons], lambda: Session(Endpoint(url), authentication=…))

A pull reads a window of time that ends when it began, by our clock: a record dated in the future moves nothing. The
next window begins where this one ended, less `overlap`. What is kept goes on in the middle of a page run.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
from pydantic import JsonValue

from passerelle.connectors.contract.asking import AskFor, Step, Window
from passerelle.connectors.contract.drift import ENOUGH, Drift
from passerelle.connectors.contract.durations import microseconds
from passerelle.connectors.contract.paging import OnePage, Paginator, Seen
from passerelle.connectors.contract.reading import Read, Reader
from passerelle.connectors.contract.records import Record, Shape, shape_of
from passerelle.connectors.contract.source import Context, Page, Resource, State
from passerelle.connectors.errors import Refused, TryLater
from passerelle.connectors.exchange import Ask, Reply
from passerelle.connectors.http import Session, Skipped
from passerelle.connectors.quota import Quota
from passerelle.privacy.errors import PasserelleError

if TYPE_CHECKING:
    from passerelle.connectors.contract.destination import Check
    from passerelle.connectors.contract.jobs import JobResource

_BATCH_ROWS = 20_000
_BATCH_PAGES = 25
_HEADER = "header:"
_CIRCLE = "The source leads to a page that was read before: its paging runs in a circle."


def _nothing(_window: Window) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class RestResource:
    """One kind of record, and how to get it.

    `records` is where the body has them, dotted; empty: it is the list. `ask` makes the request where a GET of `path`
    with `query` and the page's step is not the way. `quota` names the limit of the source that it counts against.
    `count` is where the vendor says how many there are in all (`meta.total`, or `header:x-wp-total`): fewer than that
    is a failure. `sparse`: the vendor leaves out what is empty, so that a missing field means nothing. `under`: the
    record's fields stand within this key, and are asked for by their names there. `declared`: its shape, where it
    does not say it. `timezone`: of its times that say none.
    """

    name: str
    record: type[Record]
    path: str = ""
    records: str = ""
    pages: Paginator = field(default_factory=OnePage)
    query: Callable[[Window], Mapping[str, str]] = _nothing
    ask: AskFor | None = None
    overlap: str = "1h"
    quota: str = ""
    count: str = ""
    sparse: bool = False
    under: str = ""
    declared: Shape | None = None
    timezone: str | None = None
    by_job: ClassVar[bool] = False

    @cached_property
    def shape(self) -> Shape:
        """What its records are."""
        return self.declared or shape_of(self.record)

    @cached_property
    def reader(self) -> Reader:
        """What reads its pages."""
        count = "" if self.count.startswith(_HEADER) else self.count
        return Reader(self.name, self.record, self.shape, self.records, self.pages.found, count)

    @cached_property
    def asked(self) -> tuple[str, ...]:
        """The vendor's names of what to ask for, each once: those under `under`, or the topmost."""
        paths = [one.path or (one.asked,) for one in self.shape.fields]
        if self.under:
            paths = [path[1:] for path in paths if path[0] == self.under and len(path) > 1]
        return tuple(dict.fromkeys(str(path[0]) for path in paths))

    def request(self, since: int | None, until: int, step: Step) -> Ask:
        """The request for one page."""
        window = Window(since, until, self.asked)
        if self.ask is not None:
            return self.ask(window, step)
        return self.pages.place(Ask(self.path, self.query(window)), step)

    def probe(self, session: Session, quota: Quota | None) -> None:
        """Ask for the first page. Raises what keeps us from it."""
        session.send(self.request(None, 0, self.pages.first()), quota=quota)

    def walk(self, session: Session, quota: Quota | None, state: State | None, context: Context) -> Iterator[Page]:
        """The vendor's pages, one by one."""
        return _pages(session, self, quota, state, context)

    def announced(self, reply: Reply, read: Read) -> int | None:
        """How many records the vendor says there are in all."""
        if not self.count.startswith(_HEADER):
            return read.announced
        said = reply.headers.get(self.count.removeprefix(_HEADER), "")
        return int(said) if said.isdigit() else None


class RestSource:
    """A source made of REST resources, and of those that come by job (`jobs.py`).

    `connect` opens a session for each pull; `quotas` are shared by all of them.
    """

    side_by_side = 3
    """How many resources may be pulled at the same time."""

    def __init__(
        self,
        name: str,
        resources: Sequence["RestResource | JobResource"],
        connect: Callable[[], Session],
        *,
        quotas: Mapping[str, Quota] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self._resources = {resource.name: resource for resource in resources}
        self._connect = connect
        self._quotas = quotas

    @property
    def resources(self) -> Sequence[Resource]:
        """Their names and shapes."""
        return tuple(Resource(one.name, one.shape, one.timezone, one.by_job) for one in self._resources.values())

    @property
    def limits(self) -> Mapping[str, str]:
        """What is left of each quota, in words."""
        return {name or "requests": quota.left() for name, quota in self._quotas.items()}

    def pull(self, resource: Resource, state: State | None, context: Context) -> Iterator[Page]:
        """Pages; each one's state leads to the next. What was read before a failure is handed over first."""
        rest = self._resources[resource.name]
        batch = _Batch(min(context.page_rows, _BATCH_ROWS))
        failure: PasserelleError | None = None
        try:
            with self._connect() as session:
                for page in rest.walk(session, self._quotas.get(rest.quota), state, context):
                    batch.add(page)
                    if batch.full or page.watermark is not None:
                        yield batch.out()
        except PasserelleError as problem:
            failure = problem
        if batch.pages:
            yield batch.out()
        if failure is not None:
            raise failure

    def check(self) -> "list[Check]":
        """The first page of each resource can be had."""
        from passerelle.connectors.contract.destination import Check

        found = []
        for rest in self._resources.values():
            name = f"source {self.name}.{rest.name}"
            try:
                with self._connect() as session:
                    rest.probe(session, self._quotas.get(rest.quota))
            except Skipped:
                found.append(Check(name, "ok", "It answers, and has nothing."))
            except PasserelleError as problem:
                found.append(Check(name, "failed", problem.message, problem.advice))
            else:
                found.append(Check(name, "ok", "It answers."))
        return found


def _pages(
    session: Session, rest: RestResource, quota: Quota | None, state: State | None, context: Context
) -> Iterator[Page]:
    """The vendor's pages, one by one."""
    memory = _Memory.of(state, rest, context)
    drift = Drift(rest.shape, memory.columns, memory.had, memory.met)
    walked: set[tuple[tuple[str, str], ...]] = set()
    before: bytes | None = None
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
        read = rest.reader.nothing() if reply is None else rest.reader.read(reply.body, len(walked))
        warnings = drift.sample(rest.name, rest.reader.plain(reply.body)) if reply and len(walked) == 1 else []
        if read.count and body == before:
            raise Refused(_CIRCLE)
        before = body
        drift.read(read.records, read.quarantined.num_rows)
        last = read.records[-1] if read.records else None
        step = rest.pages.after(Seen(reply, read.count, read.next, memory.step, last))
        if not rest.sparse and ((len(walked) == 1 and read.count >= ENOUGH) or step is None):
            drift.check(f"{rest.name}")
        announced = rest.announced(reply, read) if reply is not None else None
        memory = memory.moved(step, read.count, announced, drift)
        short = step is None and memory.short
        yield Page(
            rows=read.rows,
            state=memory.again(rest).state() if short else memory.state(),
            quarantined=read.quarantined,
            watermark=memory.until if step is None and not short else None,
            total=memory.announced,
            warnings=tuple(warnings),
        )
        if short:
            raise TryLater(
                f"{rest.name}: the source announced {memory.announced} records and sent {memory.received}.",
                advice="Nothing is taken for complete; the next pull reads this window again.",
            )


class _Batch:
    """Vendor's pages put together, so that keeping them costs once for many."""

    def __init__(self, rows: int) -> None:
        self._most = rows
        self.pages: list[Page] = []
        self._count = 0

    def add(self, page: Page) -> None:
        self.pages.append(page)
        self._count += page.rows.num_rows

    @property
    def full(self) -> bool:
        following = self.pages[-1].rows.num_rows
        if not following and not self.pages[-1].quarantined.num_rows:
            return True  # it brings a state that is worth keeping at once
        return len(self.pages) >= _BATCH_PAGES or self._count + following > self._most

    def out(self) -> Page:
        last = self.pages[-1]
        whole = replace(
            last,
            rows=pa.concat_tables([page.rows for page in self.pages if page.rows.num_rows] or [last.rows]),
            quarantined=pa.concat_tables([page.quarantined for page in self.pages]),
            warnings=tuple(warning for page in self.pages for warning in page.warnings),
        )
        self.pages, self._count = [], 0
        return whole


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
    def of(cls, state: State | None, rest: RestResource, context: Context) -> "_Memory":
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

    def again(self, rest: RestResource) -> "_Memory":
        """The same window from its beginning."""
        return replace(self, step=rest.pages.first(), received=0, announced=None)

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


__all__ = ["RestResource", "RestSource", "Window"]
