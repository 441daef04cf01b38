"""The source itself: which files are new or changed, and their rows in pages."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from passerelle.connectors.contract.columns import newcomers
from passerelle.connectors.contract.durations import microseconds
from passerelle.connectors.contract.roles import Kind
from passerelle.connectors.contract.source import Context, Page, Resource, SourceSettings, State
from passerelle.connectors.sources.files.chunks import Opened
from passerelle.connectors.sources.files.opening import Content, format_of, read_through
from passerelle.connectors.sources.files.paging import Mark, Pager, Window
from passerelle.connectors.sources.files.place import File, Place, found, is_sure, unchanged
from passerelle.connectors.sources.files.readers import opened as opened_file
from passerelle.connectors.sources.files.settings import FilesSettings
from passerelle.connectors.sources.files.state import Known, Memory, Partial
from passerelle.privacy.errors import PasserelleError

if TYPE_CHECKING:
    from passerelle.connectors.contract.destination import Check

RECORDS = "records"


class Files:
    """Files that match a pattern. Read in the order of their names: of two records alike, the later file's is newer.

    A file is read again when its size or time changed and its content did too. Where a cursor is named, a file that
    was read before then gives only rows from its last cursor value on (less `overlap`). A file that is gone takes
    nothing with it: its records stay. A file in a bucket is never read half old and half new.
    """

    Settings: ClassVar[type[SourceSettings]] = FilesSettings

    def __init__(self, name: str, settings: FilesSettings, *, folder: Path) -> None:
        self.name = name
        self._settings = settings
        self._folder = folder
        self._shape = settings.shape()

    @property
    def resources(self) -> Sequence[Resource]:
        """One: the records."""
        return (Resource(RECORDS, self._shape, self._settings.timezone),)

    def pull(self, _resource: Resource, state: State | None, context: Context) -> Iterator[Page]:
        """New and changed files, page by page; then the state of all of them."""
        place = self._settings.place(self._folder)
        files = found(place, self._settings.path)
        memory = Memory.of(state)
        warnings = [f"{name} is gone; its records stay." for name in memory.forget(files)]
        newest = 0
        for name, file in files.items():
            newest = max(newest, file.stamp.mtime_ns // 1000)
            known = memory.files.get(name)
            if known is None or not known.same(file.stamp):
                yield from self._file(name, file, place, memory, context, warnings)
        yield Page(
            rows=pa.table({field.name: pa.array([], pa.string()) for field in self._shape.fields}),
            state=memory.state(),
            watermark=min(newest, context.now),
            warnings=tuple(warnings),
        )

    def check(self) -> "list[Check]":
        """The files are there, and so are the named columns."""
        from passerelle.connectors.contract.destination import Check

        checks = []
        try:
            place = self._settings.place(self._folder)
            for name, file in found(place, self._settings.path).items():
                self._open(file, place.version(file))
                checks.append(Check(f"source {self.name}", "ok", f"{name} has the named columns."))
        except PasserelleError as problem:
            checks.append(Check(f"source {self.name}", "failed", problem.message, problem.advice))
        return checks

    def _file(
        self, name: str, file: File, place: Place, memory: Memory, context: Context, warnings: list[str]
    ) -> Iterator[Page]:
        stamp, version = file.stamp, place.version(file)
        sure = is_sure(file, version, context.now)
        content, opened = self._open(file, version)
        known = memory.files.get(name)
        if known is not None and known.digest == content.digest:
            memory.files[name] = Known.of(stamp, known.digest, known.mark, sure=sure)
            return
        warnings += newcomers(name, opened.columns, memory.columns)
        window = Window(self._since(known), context.now, self._settings.timezone or context.timezone)
        pager = Pager(name, self._shape, window, context.page_rows, check_text=not content.fits)
        partial = memory.left_off(name, stamp, version)
        pager.mark = partial.mark if partial is not None else None
        begins = f"{name}:" if partial is None and window.since is None else None
        for batch in pager.batches(opened.chunks(), skip=partial.read if partial else 0):
            unchanged(place, file, version)
            here = Partial.of(name, stamp, version, batch.read, batch.mark)
            yield Page(batch.rows, memory.state(here), batch.places, begins, batch.quarantined)
            begins = None
        mark = pager.mark if pager.mark is not None else known.mark if known else None
        memory.files[name] = Known.of(stamp, content.digest, mark, sure=sure)

    def _open(self, file: File, version: str) -> tuple[Content, Opened]:
        format_ = format_of(file, self._settings.format)
        content = read_through(file, version, format_, self._settings.encoding)
        return content, opened_file(file, format_, content, tuple(dict.fromkeys(self._shape.asked)), self._settings)

    def _since(self, known: Known | None) -> Mark:
        """From which cursor value on a file that was read before is new: overlapping, for rows that came late."""
        cursor = self._shape.cursor
        if known is None or cursor is None or known.mark is None:
            return None
        timed = cursor.kind in {Kind.TIMESTAMP, Kind.DATE} and isinstance(known.mark, int)
        return known.mark - microseconds(self._settings.overlap) if timed else known.mark  # type: ignore[operator]
