"""`consent import`: a whole file of statements, piece by piece; each piece is one transaction and one log entry.

An import that stops half-way is run again: what went in is known then.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.workflows.intake.columns import REASONS
from passerelle.workflows.intake.files import pieces
from passerelle.workflows.intake.record import Recorded, record_columns
from passerelle.workflows.intake.statement import MOST_NAMED

if TYPE_CHECKING:
    from passerelle.workflows.verbs.contract import Progress
    from passerelle.workflows.workspace import Workspace


@dataclass(slots=True)
class Imported:
    """What became of a file's lines: lines = new + known + refused."""

    lines: int = 0
    new: int = 0
    known: int = 0
    withdrawals: int = 0
    queued: int = 0
    reasons: dict[str, list[int]] = field(default_factory=dict)
    """Line numbers by reason."""

    @property
    def refused(self) -> int:
        """How many lines were not taken."""
        return sum(len(lines) for lines in self.reasons.values())

    def by_reason(self) -> dict[str, dict[str, Any]]:
        """For each reason: its meaning, how many lines, and the first of them."""
        return {
            reason: {"meaning": REASONS[reason], "count": len(lines), "lines": lines[:MOST_NAMED]}
            for reason, lines in sorted(self.reasons.items())
        }

    def add(self, recorded: Recorded, first: int, count: int) -> None:
        """Count a piece in, whose first line is `first`."""
        self.lines += count
        self.new += recorded.new
        self.known += recorded.known
        self.withdrawals += recorded.withdrawals
        self.queued += recorded.queued
        for place, reason in recorded.refused:
            self.reasons.setdefault(reason, []).append(first + place)


def import_file(
    workspace: "Workspace",
    path: Path,
    *,
    names: Mapping[str, str],
    defaults: Mapping[str, str],
    now: int,
    progress: "Progress",
) -> Imported:
    """Take in `path`. `names` maps its own column names to fields; `defaults` fill fields that a line leaves empty."""
    found = Imported()
    with progress.step("Taking consent in") as step:
        for said, broken, first in pieces(path, names):
            with workspace.store().write() as connection:
                recorded = record_columns(
                    workspace, connection, _with(said, defaults), broken=broken, actor="cli/consent import", now=now
                )
            found.add(recorded, first, said.num_rows)
            step.advance(said.num_rows)
    return found


def _with(said: pa.Table, defaults: Mapping[str, str]) -> pa.Table:
    for name, value in defaults.items():
        if name not in said.column_names:
            said = said.append_column(name, pa.repeat(value, said.num_rows))
            continue
        column = said[name]
        blank = pc.equal(pc.utf8_trim_whitespace(pc.fill_null(column, "")), "")
        said = said.set_column(said.schema.get_field_index(name), name, pc.if_else(blank, value, column))
    return said
