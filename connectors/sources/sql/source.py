"""The source itself: records in the order of their cursor, streamed in pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa
from pydantic import JsonValue

from passerelle.connectors.contract.columns import newcomers, require
from passerelle.connectors.contract.durations import microseconds
from passerelle.connectors.contract.roles import Identifier, Kind
from passerelle.connectors.contract.source import Context, Page, Resource, SourceSettings, State
from passerelle.connectors.sources.sql.connect import server_at
from passerelle.connectors.sources.sql.moments import earlier, not_after
from passerelle.connectors.sources.sql.server import Column, Priced, Server
from passerelle.connectors.sources.sql.settings import SqlSettings
from passerelle.connectors.sources.sql.statement import Slice, table
from passerelle.connectors.sources.sql.statement import column as of_records
from passerelle.privacy.errors import PasserelleError

if TYPE_CHECKING:
    from passerelle.connectors.contract.destination import Check

RECORDS = "records"


class Sql:
    """A table or a query.

    With a cursor: records from the last cursor value on (less `overlap`, for commits that came late), and, always,
    those whose cursor is blank. Without: everything, each time. One statement streams it all; a pull that was cut
    goes on at the cursor value where it stopped, or at the key where that identifies nobody.
    """

    Settings: ClassVar[type[SourceSettings]] = SqlSettings

    def __init__(self, name: str, settings: SqlSettings, *, folder: Path) -> None:
        self.name = name
        self._settings = settings
        self._folder = folder
        self._shape = settings.shape()
        self._price = ""

    @property
    def resources(self) -> Sequence[Resource]:
        """One: the records."""
        return (Resource(RECORDS, self._shape, self._settings.timezone),)

    def pull(self, _resource: Resource, state: State | None, context: Context) -> Iterator[Page]:
        """Pages in the cursor's order, then the state of the whole."""
        memory = _Memory.of(state)
        with server_at(self._settings, self._folder) as server:
            columns = self._columns(server)
            warnings = newcomers(self._where, list(columns), memory.columns)
            for part in self._slices(memory):
                for rows in in_pages(self._rows(server, columns, part), context.page_rows):
                    memory = self._moved(memory, part, rows)
                    self._price = server.price if isinstance(server, Priced) else ""
                    yield Page(self._named(rows), memory.state())
        yield Page(
            rows=self._named(None),
            state=memory.ended(self._held(memory.at, context)).state(),
            watermark=context.now,
            warnings=tuple(warnings),
        )

    def check(self) -> "list[Check]":
        """The database answers, and has the named columns."""
        from passerelle.connectors.contract.destination import Check

        try:
            with server_at(self._settings, self._folder) as server:
                self._columns(server)
        except PasserelleError as problem:
            return [Check(f"source {self.name}", "failed", problem.message, problem.advice)]
        return [Check(f"source {self.name}", "ok", f"{self._where} has the named columns.")]

    @property
    def limits(self) -> dict[str, str]:
        """What the last pull cost, where a database says so."""
        return {"cost": self._price}

    @property
    def _where(self) -> str:
        return self._settings.table or "The query"

    def _columns(self, server: Server) -> dict[str, Column]:
        found = server.columns(table(self._settings, server.quote))
        require(self._where, [column.name for column in found], self._shape.asked)
        return {column.name: column for column in found}

    def _slices(self, memory: "_Memory") -> list[Slice]:
        cursor = self._shape.cursor
        if cursor is not None:
            since = memory.at if memory.at is not None else self._overlapping(memory.mark)
            return [Slice(cursor.asked, since), Slice(cursor.asked, blank=True)]
        key = self._resumable_key()
        return [Slice(key, memory.after, strictly=True), Slice(key, blank=True)] if key else [Slice()]

    def _resumable_key(self) -> str | None:
        """The key to go on from after a cut, where it may stand in the state and the table can be ordered by it."""
        keys = [field for field in self._shape.fields if field.name in self._shape.keys]
        if len(keys) != 1 or keys[0].role(Identifier) is not None or self._settings.table is None:
            return None
        return keys[0].asked

    def _overlapping(self, mark: str | None) -> str | None:
        if mark is None or not self._timed:
            return mark
        return earlier(mark, microseconds(self._settings.overlap))

    def _held(self, at: str | None, context: Context) -> str | None:
        """The new mark: a cursor value that lies in the future must not hide what comes until then."""
        if at is None or not self._timed:
            return at
        return not_after(at, context.now, self._settings.timezone or context.timezone)

    @property
    def _timed(self) -> bool:
        cursor = self._shape.cursor
        return cursor is not None and cursor.kind in {Kind.TIMESTAMP, Kind.DATE}

    def _rows(self, server: Server, columns: dict[str, Column], part: Slice) -> Iterator[pa.Table]:
        shown = ", ".join(server.shown(columns[name]) for name in dict.fromkeys(self._shape.asked))
        sql = f"SELECT {shown} FROM {table(self._settings, server.quote)}"  # noqa: S608 - quoted names
        if part.column is None:
            return server.rows(sql, ())
        name, column = of_records(part.column, server.quote), self._compared(columns[part.column])
        if part.blank:
            return server.rows(f"{sql} WHERE {name} IS NULL", ())
        if part.value is None:
            return server.rows(f"{sql} WHERE {name} IS NOT NULL ORDER BY {name}", ())
        sign = ">" if part.strictly else ">="
        return server.rows(f"{sql} WHERE {name} {sign} {server.place(1, column)} ORDER BY {name}", (part.value,))

    def _compared(self, column: Column) -> Column:
        cursor = self._shape.cursor
        integer = cursor is not None and cursor.kind is Kind.INTEGER
        return replace(column, type="integer") if integer and not column.type else column

    def _moved(self, memory: "_Memory", part: Slice, rows: pa.Table) -> "_Memory":
        """Where a pull that is cut after these rows goes on."""
        if part.column is None or part.blank or not rows.num_rows:
            return memory
        last = _text(rows.column(part.column)[rows.num_rows - 1])
        return replace(memory, after=last) if part.strictly else replace(memory, at=last)

    def _named(self, rows: pa.Table | None) -> pa.Table:
        if rows is None:
            return pa.table({field.name: pa.array([], pa.string()) for field in self._shape.fields})
        return pa.table({field.name: rows.column(field.asked) for field in self._shape.fields})


@dataclass(frozen=True, slots=True)
class _Memory:
    """`mark`: up to which cursor value everything is known. `at`, `after`: where a pull under way stands."""

    mark: str | None
    at: str | None
    after: str | None
    columns: list[str]

    @classmethod
    def of(cls, state: State | None) -> "_Memory":
        plain: Any = state or {}
        return cls(plain.get("mark"), plain.get("at"), plain.get("after"), list(plain.get("columns", [])))

    def ended(self, mark: str | None) -> "_Memory":
        return _Memory(mark if mark is not None else self.mark, None, None, self.columns)

    def state(self) -> dict[str, JsonValue]:
        return {"mark": self.mark, "at": self.at, "after": self.after, "columns": list(self.columns)}


def in_pages(tables: Iterator[pa.Table], page_rows: int) -> Iterator[pa.Table]:
    """The same rows, so many at a time."""
    waiting: list[pa.Table] = []
    count = 0
    for one in tables:
        rest = one
        while count + rest.num_rows >= page_rows:
            yield pa.concat_tables([*waiting, rest.slice(0, page_rows - count)])
            rest = rest.slice(page_rows - count)
            waiting, count = [], 0
        waiting.append(rest)
        count += rest.num_rows
    if count:
        yield pa.concat_tables(waiting)


def _text(value: pa.Scalar) -> str:
    plain = value.as_py()
    return str(plain.isoformat()) if hasattr(plain, "isoformat") else str(plain)
