"""`consent import --signal`: a vendor's export, or a file of people with a consent string, piece by piece.

Each piece is one transaction and one log entry. An import that stops half-way is run again: what went in is known then.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.consent.signals.columns import spoken
from passerelle.privacy.consent.signals.contract import Heard, RecordSignal, TextSignal
from passerelle.privacy.consent.signals.reading import moment
from passerelle.privacy.consent.signals.registry import TEXT, apart
from passerelle.privacy.consent.signals.values import Value, values
from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.intake.files import pieces
from passerelle.workflows.intake.heard import WHO, Told, record_heard, told
from passerelle.workflows.intake.record import filled
from passerelle.workflows.intake.tally import Imported

if TYPE_CHECKING:
    from passerelle.workflows.verbs.contract import Progress
    from passerelle.workflows.workspace import Workspace

ACTOR = "cli/consent import"
TEXT_FIELDS = (*WHO, "signal", "at", "scope")
"""Columns of a file of consent strings: who, the string, when it was seen, and where (a site or an app)."""

_MOST_RECORDS = 20_000
_MOST_BYTES = 32 * 1024 * 1024


@dataclass(slots=True)
class _Piece:
    """Readings that go in together."""

    heard: list[tuple[Heard, bytes]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    size: int = 0

    @property
    def full(self) -> bool:
        return len(self.heard) >= _MOST_RECORDS or self.size >= _MOST_BYTES


def import_records(
    workspace: "Workspace",
    path: Path,
    signal: RecordSignal,
    *,
    adapter: str,
    source: str,
    now: int,
    progress: "Progress",
) -> Imported:
    """Take in a vendor's records."""
    found = Imported()
    with progress.step("Taking consent in") as step:
        for piece in _pieces(path, signal, found):
            with workspace.store().write() as connection:
                recorded = record_heard(
                    workspace, connection, told(piece.heard), source=source, adapter=adapter, actor=ACTOR, now=now
                )
            found.add(recorded, piece.lines)
            step.advance(len(piece.lines))
    return found


def _pieces(path: Path, signal: RecordSignal, found: Imported) -> Iterator[_Piece]:
    piece = _Piece()
    if not path.is_file():
        raise DefinitionError(f"There is no file {path.name}.")
    with path.open("rb") as stream:
        for value in values(path.name, stream):
            found.lines += 1
            for heard, raw in _heard(value, signal, found):
                piece.heard.append((heard, raw))
                piece.lines.append(value.line)
                piece.size += len(raw)
            if piece.full:
                yield piece
                piece = _Piece()
    yield piece


def _heard(value: Value, signal: RecordSignal, found: Imported) -> Iterator[tuple[Heard, bytes]]:
    """What a line says of people; what it does not say is counted."""
    if value.fault is not None:
        found.refuse(value.fault, value.line)
        return
    for record, raw in apart(signal.name, value):
        if not isinstance(record, Mapping):
            found.refuse("not_a_record", value.line)
            continue
        for heard in signal.read(record):
            if heard.left_out is None:
                yield heard, raw
            else:
                found.leave_out(heard.left_out, value.line)


def import_texts(
    workspace: "Workspace",
    path: Path,
    signal: TextSignal,
    *,
    names: Mapping[str, str],
    source: str,
    now: int,
    progress: "Progress",
) -> Imported:
    """Take in a file of people and consent strings. `names` maps its own column names to `TEXT_FIELDS`."""
    found = Imported()
    with progress.step("Taking consent in") as step:
        for said, broken, first in pieces(path, names, TEXT_FIELDS):
            found.lines += said.num_rows
            for place in broken:
                found.refuse("not_a_statement", first + place)
            given, rows = _texts(said, signal, broken)
            for place in np.setdiff1d(np.arange(said.num_rows), [*rows, *broken]).tolist():
                found.leave_out("says_nothing", first + place)
            with workspace.store().write() as connection:
                recorded = record_heard(
                    workspace, connection, given, source=source, adapter=signal.adapter, actor=ACTOR, now=now
                )
            found.add(recorded, range(first, first + said.num_rows))
            step.advance(said.num_rows)
    return found


def _texts(said: pa.Table, signal: TextSignal, broken: Sequence[int]) -> tuple[Told, set[int]]:
    """What the strings of a piece say, each distinct one read once; and the rows that say something."""
    said = filled(said, TEXT_FIELDS)
    coded = said["signal"].combine_chunks().dictionary_encode()
    places = np.asarray(pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False), np.int64).copy()
    places[list(broken)] = -1
    statements, rows = spoken([signal.read(word) for word in coded.dictionary.to_pylist()], places)
    raw = said["signal"].combine_chunks().cast(pa.binary())
    return Told(_seen(statements, said, rows), rows, said.select(WHO), raw), set(rows.tolist())


def _seen(statements: pa.Table, said: pa.Table, rows: Any) -> pa.Table:  # noqa: ANN401 - row numbers
    """The statements with the time at which the string was seen, where it has none of its own; and with its scope."""
    coded = said["at"].combine_chunks().dictionary_encode()
    when = [moment(word) for word in coded.dictionary.to_pylist()]
    places = coded.indices.take(pa.array(rows))
    seen = pa.array([one.time for one in when], pa.int64()).take(places)
    exact = pa.array([one.precision.value for one in when], pa.string()).take(places)
    undated = pc.is_null(statements["event_time"])
    scopes = said["scope"].combine_chunks().take(pa.array(rows))
    columns = {
        "event_time": pc.if_else(undated, seen, statements["event_time"]),
        "precision": pc.if_else(pc.and_(undated, pc.is_valid(seen)), exact, statements["precision"]),
        "recorded_at": pc.coalesce(statements["recorded_at"], seen),
        "scope": _joined(scopes, statements["scope"]),
    }
    for name, column in columns.items():
        place = statements.schema.get_field_index(name)
        statements = statements.set_column(place, statements.schema.field(place), column)
    return statements


def _joined(first: Any, second: Any) -> Any:  # noqa: ANN401 - Arrow columns
    both = pc.binary_join_element_wise(pc.fill_null(first, ""), second, ".")
    return pc.utf8_trim(both, ".")


__all__ = ["TEXT", "TEXT_FIELDS", "import_records", "import_texts"]
