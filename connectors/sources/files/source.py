"""The source itself: which files are new or changed, and their rows in pages."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from passerelle.connectors.contract.columns import newcomers
from passerelle.connectors.contract.durations import microseconds
from passerelle.connectors.contract.roles import Kind
from passerelle.connectors.contract.source import Context, Page, Resource, SourceSettings, State
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.sources.files.opening import Content, Stamp, format_of, matching, read_through
from passerelle.connectors.sources.files.paging import Mark, Pager, Window
from passerelle.connectors.sources.files.readers import Opened, opened
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
    nothing with it: its records stay.
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
        files = self._matching()
        memory = Memory.of(state)
        warnings = [f"{name} is gone; its records stay." for name in memory.forget(files)]
        newest = 0
        for name, path in files.items():
            stamp = Stamp.of(path)
            newest = max(newest, stamp.mtime_ns // 1000)
            known = memory.files.get(name)
            if known is None or not known.same(stamp):
                yield from self._file(name, path, stamp, memory, context, warnings)
        yield Page(
            rows=pa.table({field.name: pa.array([], pa.string()) for field in self._shape.fields}),
            state=memory.state(),
            watermark=min(newest, context.now),
            warnings=tuple(warnings),
        )

    def check(self) -> "list[Check]":
        """The files are there, and so are the named columns."""
        from passerelle.connectors.contract.destination import Check

        found = []
        try:
            files = self._matching()
            for name, path in files.items():
                self._open(path)
                found.append(Check(f"source {self.name}", "ok", f"{name} has the named columns."))
        except PasserelleError as problem:
            found.append(Check(f"source {self.name}", "failed", problem.message, problem.advice))
        return found

    def _matching(self) -> dict[str, Path]:
        files = matching(self._settings.path, self._folder)
        if not files:
            raise DefinitionError(
                f"No file matches {self._settings.path}.",
                advice="The path is taken from the workspace's folder; is the export there?",
            )
        return files

    def _file(
        self, name: str, path: Path, stamp: Stamp, memory: Memory, context: Context, warnings: list[str]
    ) -> Iterator[Page]:
        content, file = self._open(path)
        known = memory.files.get(name)
        if known is not None and known.digest == content.digest:
            memory.files[name] = Known(stamp.size, stamp.mtime_ns, known.digest, known.mark)
            return
        warnings += newcomers(name, file.columns, memory.columns)
        window = Window(self._since(known), context.now, self._settings.timezone or context.timezone)
        pager = Pager(name, self._shape, window, context.page_rows, check_text=not content.fits)
        partial = memory.partial if memory.partial is not None and memory.partial.goes_on(name, stamp) else None
        pager.mark = partial.mark if partial is not None else None
        begins = f"{name}:" if partial is None and window.since is None else None
        for batch in pager.batches(file.chunks(), skip=partial.read if partial else 0):
            here = Partial(name, stamp.size, stamp.mtime_ns, batch.read, batch.mark)
            yield Page(batch.rows, memory.state(here), batch.places, begins, batch.quarantined)
            begins = None
        mark = pager.mark if pager.mark is not None else known.mark if known else None
        memory.files[name] = Known(stamp.size, stamp.mtime_ns, content.digest, mark)

    def _open(self, path: Path) -> tuple[Content, Opened]:
        format_ = format_of(path, self._settings.format)
        content = read_through(path, format_, self._settings.encoding)
        return content, opened(path, format_, content, tuple(dict.fromkeys(self._shape.asked)), self._settings)

    def _since(self, known: Known | None) -> Mark:
        """From which cursor value on a file that was read before is new: overlapping, for rows that came late."""
        cursor = self._shape.cursor
        if known is None or cursor is None or known.mark is None:
            return None
        timed = cursor.kind in {Kind.TIMESTAMP, Kind.DATE} and isinstance(known.mark, int)
        return known.mark - microseconds(self._settings.overlap) if timed else known.mark  # type: ignore[operator]
