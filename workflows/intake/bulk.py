"""`consent import`: a whole file of statements, piece by piece; each piece is one transaction and one log entry.

An import that stops half-way is run again: what went in is known then.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.workflows.intake.files import pieces
from passerelle.workflows.intake.record import record_columns
from passerelle.workflows.intake.tally import Imported

if TYPE_CHECKING:
    from passerelle.workflows.verbs.contract import Progress
    from passerelle.workflows.workspace import Workspace


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
            found.lines += said.num_rows
            found.add(recorded, range(first, first + said.num_rows))
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
