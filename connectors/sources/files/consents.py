"""Source `consent_files`: exports of consent platforms and of vendors, read as `consent import --signal` reads them."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import pyarrow as pa
from pydantic import Field, model_validator

from passerelle.connectors.contract.source import (
    RECORDS,
    SAID,
    Context,
    Hears,
    Page,
    Resource,
    SourceSettings,
    State,
    quarantined,
)
from passerelle.connectors.sources.files.located import Located
from passerelle.connectors.sources.files.opening import bytes_of
from passerelle.connectors.sources.files.place import File, Place, found, is_sure, reading, unchanged
from passerelle.connectors.sources.files.state import Known, Memory, Partial
from passerelle.privacy.consent.signals.mapping import SignalMapping
from passerelle.privacy.consent.signals.registry import apart, reader
from passerelle.privacy.consent.signals.values import Value, values
from passerelle.privacy.errors import PasserelleError
from passerelle.privacy.vocabulary import Readable

if TYPE_CHECKING:
    from passerelle.connectors.contract.destination import Check

_MOST_ROWS = 20_000
_MOST_BYTES = 32 << 20
_BUFFER = 1 << 20


class ConsentFilesSettings(Located, SourceSettings):
    """`kind: consent_files`. JSON Lines, a JSON array or CSV, plain or gzipped."""

    kind: Literal["consent_files"]
    signal: Readable = Field(
        description="Whose records they are; `records`: anything else, which the mapping explains."
    )
    mapping: SignalMapping | None = Field(
        None, description="What the vendor's purposes mean, or the keys of any other record; see docs/signals.md."
    )

    @model_validator(mode="after")
    def _explained(self) -> Self:
        reader(self.signal, self.mapping)
        return self


class ConsentFiles:
    """Files that match a pattern, in the order of their names. One that changed is read anew: what it says is known.

    A file that is gone takes nothing back: what was said stays said.
    """

    Settings: ClassVar[type[SourceSettings]] = ConsentFilesSettings

    def __init__(self, name: str, settings: ConsentFilesSettings, *, folder: Path) -> None:
        self.name = name
        self._settings = settings
        self._folder = folder
        self._hears = Hears(*reader(settings.signal, settings.mapping))

    @property
    def resources(self) -> Sequence[Resource]:
        """One: the records."""
        return (Resource("records", SAID, hears=self._hears),)

    def pull(self, _resource: Resource, state: State | None, context: Context) -> Iterator[Page]:
        """New and changed files, some records at a time; then the state of all of them."""
        place = self._settings.place(self._folder)
        files = found(place, self._settings.path)
        memory = Memory.of(state)
        warnings = tuple(f"{name} is gone; what it said stays." for name in memory.forget(files))
        newest = 0
        for name, file in files.items():
            newest = max(newest, file.stamp.mtime_ns // 1000)
            known = memory.files.get(name)
            if known is None or not known.same(file.stamp):
                yield from self._file(name, file, place, memory, context)
        yield Page(RECORDS.empty_table(), memory.state(), watermark=min(newest, context.now), warnings=warnings)

    def check(self) -> "list[Check]":
        """The files are there."""
        from passerelle.connectors.contract.destination import Check

        try:
            files = found(self._settings.place(self._folder), self._settings.path)
        except PasserelleError as problem:
            return [Check(f"source {self.name}", "failed", problem.message, problem.advice)]
        return [Check(f"source {self.name}", "ok", f"{name} is there.") for name in files]

    def _file(self, name: str, file: File, place: Place, memory: Memory, context: Context) -> Iterator[Page]:
        """One file. What was kept of it by a pull that was cut is left out, unless it changed since."""
        version = place.version(file)
        after = Known.of(file.stamp, version, None, sure=is_sure(file, version, context.now))
        known = memory.files.get(name)
        if version and known is not None and known.digest == version:
            memory.files[name] = after
            return
        partial = memory.left_off(name, file.stamp, version)
        skip = partial.read if partial is not None else 0
        piece, begins, count = _Piece(name), f"{name}:" if partial is None else None, 0
        failure: PasserelleError | None = None
        try:
            with reading(file), io.BufferedReader(bytes_of(file), _BUFFER) as stream:
                for count, value in enumerate(values(file.name, stream), 1):
                    if count <= skip:
                        continue
                    piece.take(self._settings.signal, value)
                    if piece.full(min(context.page_rows, _MOST_ROWS)):
                        unchanged(place, file, version)
                        here = Partial.of(name, file.stamp, version, count)
                        yield piece.page(memory.state(here), begins)
                        piece, begins = _Piece(name), None
        except PasserelleError as problem:
            failure = problem
        unchanged(place, file, version)
        if failure is None:
            memory.files[name] = after
            yield piece.page(memory.state(), begins)
        else:
            here = Partial.of(name, file.stamp, version, count)
            yield piece.page(memory.state(here), begins)
            raise failure


class _Piece:
    """Records that make one page."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.records: list[bytes] = []
        self._places: list[str] = []
        self._lost: list[tuple[str, str, str]] = []
        self._size = 0

    def take(self, signal: str, value: Value) -> None:
        """The records of a line, or that it holds none."""
        if value.fault is not None:
            self._lost.append((f"{self._name}:{value.line}", "", value.fault))
            return
        for record, raw in apart(signal, value):
            if isinstance(record, Mapping):
                self.records.append(raw)
                self._places.append(f"{self._name}:{value.line}")
                self._size += len(raw)
            else:
                self._lost.append((f"{self._name}:{value.line}", "", "not_a_record"))

    def full(self, most: int) -> bool:
        """Whether it is time for a page."""
        return len(self.records) >= most or self._size >= _MOST_BYTES

    def page(self, state: State, begins: str | None) -> Page:
        return Page(
            rows=pa.table([pa.array(self.records, pa.binary()), pa.array(self._places, pa.string())], schema=RECORDS),
            state=state,
            begins=begins,
            quarantined=quarantined(self._lost),
        )
