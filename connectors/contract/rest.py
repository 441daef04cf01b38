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
from typing import TYPE_CHECKING, ClassVar, Literal

import pyarrow as pa

from passerelle.connectors.contract.asking import AskFor, Step, Window
from passerelle.connectors.contract.paging import HEADER, OnePage, Paginator, said_in_header
from passerelle.connectors.contract.readable import Readable
from passerelle.connectors.contract.reading import Read, Reader
from passerelle.connectors.contract.records import Record, Shape, shape_of
from passerelle.connectors.contract.source import Context, Page, Resource, State
from passerelle.connectors.contract.walk import Look, walk
from passerelle.connectors.exchange import Ask, Params, Reply
from passerelle.connectors.http import Session, Skipped
from passerelle.connectors.quota import Quota
from passerelle.privacy.errors import PasserelleError

if TYPE_CHECKING:
    from passerelle.connectors.contract.destination import Check

_BATCH_ROWS = 20_000
_BATCH_PAGES = 25
_UNREMARKABLE = Look()


def _nothing(_window: Window) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class RestResource:
    """One kind of record, and how to get it.

    `records` is where the body has them, dotted; empty: it is the list. `ask` makes the request where a GET of `path`
    with `query` and the page's step is not the way. `quota` names the limit of the source that it counts against.
    `count` is where the vendor says how many there are in all (`meta.total`, or `header:x-wp-total`): fewer than that
    is a failure; where `counts` is "rest", that number is of what is left, this page included. `sparse`: the vendor
    leaves out what is empty, so that a missing field means nothing. `under`: the record's fields stand within this
    key, and are asked for by their names there. `declared`: its shape, where it does not say it. `timezone`: of its
    times that say none. `look` sees what an answer says of itself besides its records, and raises where they are not
    to be had like this. `newest_first`: it lists changes backwards, so of those of one moment the first one counts.
    """

    name: str
    record: type[Record]
    path: str = ""
    records: str = ""
    pages: Paginator = field(default_factory=OnePage)
    query: Callable[[Window], Params] = _nothing
    ask: AskFor | None = None
    overlap: str = "1h"
    quota: str = ""
    count: str = ""
    counts: Literal["all", "rest"] = "all"
    sparse: bool = False
    under: str = ""
    declared: Shape | None = None
    timezone: str | None = None
    look: Callable[[Reply], Look] = lambda _reply: _UNREMARKABLE
    newest_first: bool = False
    by_job: ClassVar[bool] = False

    @cached_property
    def shape(self) -> Shape:
        """What its records are."""
        return self.declared or shape_of(self.record)

    @cached_property
    def reader(self) -> Reader:
        """What reads its pages."""
        count = "" if self.count.startswith(HEADER) else self.count
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
        """Ask for the first page, and look at it. Raises what keeps us from it."""
        self.look(session.send(self.request(None, 0, self.pages.first()), quota=quota))

    def walk(self, session: Session, quota: Quota | None, state: State | None, context: Context) -> Iterator[Page]:
        """The vendor's pages, one by one."""
        return walk(session, self, quota, state, context)

    def announced(self, reply: Reply, read: Read) -> int | None:
        """How many records the vendor says there are in all."""
        if not self.count.startswith(HEADER):
            return read.announced
        return said_in_header(reply, self.count)


class RestSource:
    """A source made of what can be read over one session.

    `connect` opens a session for each pull; `quotas` are shared by all of them.
    """

    side_by_side = 3
    """How many resources may be pulled at the same time."""

    def __init__(
        self,
        name: str,
        resources: Sequence[Readable],
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


__all__ = ["RestResource", "RestSource", "Window"]
