"""Chunks of one file made into pages, with the file's own cursor."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.casting import cast, is_text
from passerelle.connectors.contract.records import Shape
from passerelle.connectors.contract.roles import Kind
from passerelle.connectors.contract.source import QUARANTINE, quarantined
from passerelle.connectors.sources.files.chunks import Chunk

Mark = int | str | None
"""A file's highest cursor value: microseconds, a whole number, or text."""

_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows of a file count as new: those whose cursor is at least `since`; all of them where it is None."""

    since: Mark
    now: int
    timezone: str


@dataclass(slots=True)
class Batch:
    """Rows of one file that make one page, and how far the file is read with them."""

    rows: pa.Table
    places: Callable[[pa.Array], pa.Array]
    quarantined: pa.Table
    read: int
    mark: Mark


@dataclass(slots=True)
class _Part:
    rows: pa.Table
    at: pa.Array
    line: Callable[[pa.Array], pa.Array]


@dataclass(slots=True)
class Pager:
    """Collects chunks of the file called `name` into batches of about `page_rows`."""

    name: str
    shape: Shape
    window: Window
    page_rows: int
    check_text: bool
    mark: Mark = None
    read: int = 0
    _parts: list[_Part] = field(default_factory=list)
    _quarantined: list[pa.Table] = field(default_factory=list)

    def batches(self, chunks: Iterator[Chunk], *, skip: int) -> Iterator[Batch]:
        """All but the first `skip` rows. The last batch may be empty; there is always one."""
        waiting = 0
        for chunk in chunks:
            self._quarantined.append(chunk.quarantined)
            count = chunk.rows.num_rows
            start = min(count, max(0, skip - self.read))
            self.read += start
            while start < count:
                stop = min(count, start + self.page_rows - waiting)
                self._take(chunk, start, stop)
                self.read += stop - start
                waiting += stop - start
                start = stop
                if waiting == self.page_rows:
                    yield self._batch()
                    waiting = 0
        yield self._batch()

    def _take(self, chunk: Chunk, start: int, stop: int) -> None:
        rows = chunk.rows.slice(start, stop - start).select([one.asked for one in self.shape.fields])
        rows = rows.rename_columns([one.name for one in self.shape.fields])
        at = pa.array(np.arange(start, stop))
        keep = self._new(rows)
        if keep is not None:
            rows, at = rows.filter(keep), at.filter(keep)
        if self.check_text:
            rows, at = self._readable(rows, at, chunk)
        self._parts.append(_Part(rows, at, chunk.line))

    def _new(self, rows: pa.Table) -> pa.Array | None:
        """Which rows the window lets in; a row whose cursor cannot be read is let in, and judged later."""
        cursor = self.shape.cursor
        if cursor is None:
            return None
        values = _ordered(cast(rows.column(cursor.name).combine_chunks(), cursor.kind, timezone=self.window.timezone))
        self._advance(values, timed=cursor.kind in {Kind.TIMESTAMP, Kind.DATE})
        if self.window.since is None:
            return None
        return pc.fill_null(pc.greater_equal(values, pa.scalar(self.window.since)), fill_value=True)

    def _advance(self, values: pa.Array, *, timed: bool) -> None:
        """A time that is yet to come does not move the mark, or nothing would be new until then."""
        if timed:
            values = values.filter(pc.less_equal(values, self.window.now))
        highest: Any = pc.max(values).as_py()
        if highest is not None and (self.mark is None or highest > self.mark):
            self.mark = highest

    def _readable(self, rows: pa.Table, at: pa.Array, chunk: Chunk) -> tuple[pa.Table, pa.Array]:
        """Rows with letters that did not decode go to quarantine."""
        for one in self.shape.fields:
            column = rows.column(one.name).combine_chunks()
            if not is_text(column.type):
                continue
            broken = pc.fill_null(pc.match_substring(column, "\ufffd"), fill_value=False)
            if pc.any(broken, min_count=0).as_py():
                lines = chunk.line(at.filter(broken)).to_pylist()
                self._quarantined.append(
                    quarantined((f"{self.name}:{line}", one.name, "bad_encoding") for line in lines)
                )
                rows, at = rows.filter(pc.invert(broken)), at.filter(pc.invert(broken))
        return rows, at

    def _batch(self) -> Batch:
        parts, self._parts = self._parts, []
        bad, self._quarantined = self._quarantined, []
        empty = pa.table({one.name: pa.array([], pa.string()) for one in self.shape.fields})
        rows = pa.concat_tables([part.rows for part in parts]) if parts else empty
        quarantined = pa.concat_tables([QUARANTINE.empty_table(), *bad])
        return Batch(rows, lambda at: _places(self.name, parts, at), quarantined, self.read, self.mark)


def _places(name: str, parts: list[_Part], at: pa.Array) -> pa.Array:
    """`file:line` of rows of a batch."""
    ends = np.cumsum([part.rows.num_rows for part in parts])
    wanted = at.to_numpy()
    which = np.searchsorted(ends, wanted, side="right")
    found = [""] * len(wanted)
    for number, part in enumerate(parts):
        here = np.flatnonzero(which == number)
        inside = part.at.take(pa.array(wanted[here] - (ends[number] - part.rows.num_rows)))
        for place, line in zip(here.tolist(), part.line(inside).to_pylist(), strict=True):
            found[place] = f"{name}:{line}"
    return pa.array(found, pa.string())


def _ordered(values: pa.Array) -> pa.Array:
    """Cursor values as whole numbers, or as text."""
    if pa.types.is_timestamp(values.type):
        return values.cast(pa.timestamp("us")).cast(pa.int64())
    return pc.multiply(values.cast(pa.int32()).cast(pa.int64()), _DAY) if pa.types.is_date(values.type) else values
