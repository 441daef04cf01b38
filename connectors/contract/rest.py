"""REST sources: a typed record, and how to ask for it. The rest follows.

    persons = RestResource(
        "persons", Person, path="persons", records="data",
        pages=CursorPage("additional_data.next_cursor", "cursor"),
        query=lambda window: {"limit": "500", "updated_since": window.since_iso} if window.since else {"limit": "500"},
    )
    source = RestSource("pipedrive", [persons], lambda: Session(Endpoint(url), authentication=…))

Pages are validated straight from their bytes. Where one record of a page is not what its model says, the page is
gone through record by record, and that one goes to quarantine, without its value.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic import AliasPath, BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError, create_model
from pydantic import Field as ModelField

from passerelle.connectors.contract.durations import microseconds
from passerelle.connectors.contract.paging import OnePage, Paginator, Seen, Step
from passerelle.connectors.contract.records import ARROW, Record, Shape, shape_of
from passerelle.connectors.contract.roles import Kind
from passerelle.connectors.contract.source import QUARANTINE, Context, Page, Resource, State
from passerelle.connectors.errors import Refused
from passerelle.connectors.exchange import Reply
from passerelle.connectors.http import Session

if TYPE_CHECKING:
    from passerelle.connectors.contract.destination import Check


@dataclass(frozen=True, slots=True)
class Window:
    """What to ask for: changes from `since` (µs; None: everything) until `until`, and the columns of the record."""

    since: int | None
    until: int
    asked: tuple[str, ...]

    @property
    def since_iso(self) -> str:
        """`since` as 2026-02-03T10:12:00Z, rounded down to the second."""
        return _iso(self.since or 0)

    @property
    def until_iso(self) -> str:
        """`until`, likewise."""
        return _iso(self.until)


def _nothing(_window: Window) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class RestResource:
    """One kind of record, and how to get it. `records` is where the body has them, dotted; empty: it is the list."""

    name: str
    record: type[Record]
    path: str
    records: str = ""
    pages: Paginator = field(default_factory=OnePage)
    query: Callable[[Window], Mapping[str, str]] = _nothing
    overlap: str = "1h"

    @cached_property
    def shape(self) -> Shape:
        """What its records are."""
        return shape_of(self.record)

    @cached_property
    def envelope(self) -> TypeAdapter[Any]:
        """A page: the records, and what leads to the next one."""
        return TypeAdapter(self._page_of(self.record))

    @cached_property
    def loose(self) -> TypeAdapter[Any]:
        """A page whose records are not looked at."""
        return TypeAdapter(self._page_of(dict))

    def _page_of(self, record: type[Any]) -> Any:  # noqa: ANN401 - a model made here
        if not self.records:
            return list[record]  # type: ignore[valid-type]  # a type made at run time
        found = self.pages.found
        fields: dict[str, Any] = {
            "records": (list[record], ModelField(validation_alias=AliasPath(*self.records.split(".")))),  # type: ignore[valid-type]
            "next": (str | int | None, ModelField(default=None, validation_alias=AliasPath(*found) if found else None)),
        }
        config = ConfigDict(extra="ignore", hide_input_in_errors=True)
        return create_model("Page", __base__=None, __config__=config, **fields)


class RestSource:
    """A source made of REST resources. `connect` opens a session for each pull."""

    def __init__(self, name: str, resources: Sequence[RestResource], connect: Callable[[], Session]) -> None:
        self.name = name
        self._resources = {resource.name: resource for resource in resources}
        self._connect = connect

    @property
    def resources(self) -> Sequence[Resource]:
        """Their names and shapes."""
        return tuple(Resource(one.name, one.shape) for one in self._resources.values())

    def pull(self, resource: Resource, state: State | None, context: Context) -> Iterator[Page]:
        """Page by page; each page's state leads to the next one."""
        rest = self._resources[resource.name]
        memory = _Memory.of(state, rest, context)
        with self._connect() as session:
            guard = _Guard()
            while memory.step is not None:
                guard.check(memory.step)
                reply = _ask(session, rest, memory)
                read = _read(rest, reply, len(guard.seen))
                memory = memory.moved(rest.pages.after(Seen(reply, read.count, read.next, memory.step)))
                done = memory.step is None
                yield Page(
                    rows=read.rows,
                    state=memory.state(),
                    quarantined=read.quarantined,
                    watermark=memory.until if done else None,
                )

    def check(self) -> "list[Check]":
        """The first page of each resource can be had."""
        from passerelle.connectors.contract.destination import Check
        from passerelle.privacy.errors import PasserelleError

        found = []
        for rest in self._resources.values():
            name = f"source {self.name}.{rest.name}"
            try:
                with self._connect() as session:
                    _ask(session, rest, _Memory(None, 0, rest.pages.first()))
            except PasserelleError as problem:
                found.append(Check(name, "failed", problem.message, problem.advice))
            else:
                found.append(Check(name, "ok", "It answers."))
        return found


@dataclass(frozen=True, slots=True)
class _Memory:
    """The window under way and the page that comes next; None once all are read."""

    since: int | None
    until: int
    step: Step | None

    @classmethod
    def of(cls, state: State | None, rest: RestResource, context: Context) -> "_Memory":
        plain: Any = state or {}
        if plain.get("step") is not None:
            return cls(plain["since"], plain["until"], plain["step"])
        until = plain.get("until")
        since = None if until is None or rest.shape.cursor is None else until - microseconds(rest.overlap)
        return cls(since, context.now, rest.pages.first())

    def moved(self, step: Step | None) -> "_Memory":
        return _Memory(self.since, self.until, step)

    def state(self) -> dict[str, JsonValue]:
        return {"since": self.since, "until": self.until, "step": None if self.step is None else dict(self.step)}


class _Guard:
    """Stops where a vendor leads round in a circle."""

    def __init__(self) -> None:
        self.seen: set[tuple[tuple[str, str], ...]] = set()

    def check(self, step: Step) -> None:
        mark = tuple(sorted(step.items()))
        if mark in self.seen:
            raise Refused("The source leads to a page that was read before: its paging runs in a circle.")
        self.seen.add(mark)


@dataclass(frozen=True, slots=True)
class _Read:
    rows: pa.Table
    count: int
    next: str | int | None
    quarantined: pa.Table


def _ask(session: Session, rest: RestResource, memory: _Memory) -> Reply:
    step = dict(memory.step or {})
    link = step.pop("", None)
    if link is not None:
        return session.get(link)
    asked = rest.query(Window(memory.since, memory.until, tuple(dict.fromkeys(rest.shape.asked))))
    return session.get(rest.path, {**asked, **step})


def _read(rest: RestResource, reply: Reply, number: int) -> _Read:
    try:
        page = rest.envelope.validate_json(reply.body)
        quarantined = QUARANTINE.empty_table()
    except ValidationError:
        page, quarantined = _one_by_one(rest, reply, number)
    records = page if isinstance(page, list) else page.records
    lost = quarantined.num_rows
    return _Read(_columns(rest, records), len(records) + lost, getattr(page, "next", None), quarantined)


def _one_by_one(rest: RestResource, reply: Reply, number: int) -> tuple[Any, pa.Table]:
    try:
        page = rest.loose.validate_json(reply.body)
    except ValidationError:
        raise Refused(f"The answer about {rest.name} has not the form that was agreed.") from None
    given = page if isinstance(page, list) else page.records
    good, bad = [], []
    for place, plain in enumerate(given):
        try:
            good.append(rest.record.model_validate_json(json.dumps(plain)))
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_context=False, include_input=False)[0]
            bad.append((f"{rest.name} page {number} record {place + 1}", str(first["loc"][0]), str(first["type"])))
    columns = list(zip(*bad, strict=True)) or [(), (), ()]
    quarantined = pa.table([pa.array(column, pa.string()) for column in columns], schema=QUARANTINE)
    return (good, quarantined) if isinstance(page, list) else (page.model_copy(update={"records": good}), quarantined)


def _columns(rest: RestResource, records: Sequence[BaseModel]) -> pa.Table:
    kinds = {one.name: one.kind for one in rest.shape.fields}
    return pa.table({name: _column([getattr(one, name) for one in records], kind) for name, kind in kinds.items()})


def _column(values: list[Any], kind: Kind) -> pa.Array:
    if kind is Kind.STRING or kind is Kind.MONEY:
        return pa.array([None if value is None else str(value) for value in values], pa.string())
    return pa.array(values, ARROW[kind])


def _iso(micros: int) -> str:
    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


__all__ = ["MappingProxyType", "RestResource", "RestSource", "Window"]
