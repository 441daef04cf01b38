"""What a table of the lake is to those who read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from passerelle.connectors.contract.records import ARROW
from passerelle.connectors.contract.roles import Grain, Kind
from passerelle.workflows.lake.manifest import TableShape

FIXED = frozenset({"subject_id", "event", "at"})
"""Columns that are no attributes."""

DELETED = pa.schema([("_key", pa.binary()), ("_version", pa.int64())])


@dataclass(frozen=True, slots=True)
class LakeTable:
    """What a reader needs: column types by name (`Kind` names), and Parquet files (one at least) to scan as they are.

    Person tables have one row per `subject_id`. Columns that begin with `_` are the lake's own. `named` are the
    files' names, where these alone name the content, and the files may be far away.
    """

    name: str
    grain: Grain
    columns: dict[str, str]
    files: Sequence[Path]
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A table as it came. `through`: readers see it. `quality`: what `let_through` or `remark` last kept."""

    table: LakeTable
    through: bool
    quality: Mapping[str, Any]
    files: tuple[str, ...]


def row_schema(shape: TableShape) -> pa.Schema:
    """The Arrow schema of a table's rows: the lake's own columns, then what readers see."""
    own = [("_key", pa.binary()), ("_version", pa.int64())]
    return pa.schema([*own, *((name, ARROW[Kind(kind)]) for name, kind in shape.columns.items())])
