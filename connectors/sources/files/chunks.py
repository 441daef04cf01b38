"""What readers give: a file as a run of chunks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from passerelle.connectors.contract.source import QUARANTINE

BLOCK = 4 << 20
"""How many bytes of a text file are read at once."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that follow each other. `line` maps their row numbers to where they stand in the file, from 1."""

    rows: pa.Table
    line: Callable[[pa.Array], pa.Array]
    quarantined: pa.Table = field(default_factory=QUARANTINE.empty_table)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file, about to be read: all of its columns by name, and its chunks (each called anew reads it anew)."""

    columns: tuple[str, ...]
    chunks: Callable[[], Iterator[Chunk]]
