"""What rules run on: pseudonymous tables in Parquet, who turned out to be whom, who is gone; and the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from passerelle.segmentation.clusters.known import Clusters
from passerelle.segmentation.engines.contract import Engine
from passerelle.segmentation.rules import Sort, ValueType
from passerelle.segmentation.scores.known import Scores

if TYPE_CHECKING:
    from passerelle.segmentation.fitted import Fitted

COLUMN_TYPES: Mapping[str, ValueType] = {
    "string": ValueType(Sort.TEXT),
    "integer": ValueType(Sort.NUMBER),
    "number": ValueType(Sort.NUMBER, whole=False),
    "money": ValueType(Sort.MONEY),
    "boolean": ValueType(Sort.BOOLEAN),
    "date": ValueType(Sort.TIME, unit=86_400),
    "timestamp": ValueType(Sort.TIME),
}
"""By the type names of the lake. Money is int64 cents."""


@dataclass(frozen=True, slots=True)
class DatasetTable:
    """One table: `subject_id` int64, for events also `event` and `at` (UTC timestamp), and attributes by type name."""

    name: str
    grain: Literal["person", "event"]
    columns: Mapping[str, str]
    files: Sequence[Path]
    named: tuple[str, ...] = ()
    """The files' names, where these alone name the content, and the files may be far away."""


def _duckdb() -> Engine:
    from passerelle.segmentation.engines.duck import DuckDb

    return DuckDb()


@dataclass(frozen=True, slots=True)
class Dataset:
    """Tables by name. `merges` (subject_id, merged_into: final) is followed on read; people in `gone` are nobody."""

    tables: Mapping[str, DatasetTable]
    merges: pa.Table | None = None
    gone: pa.Array | None = None
    engine: Engine = field(default_factory=_duckdb)
    """What computes them."""
    fitted: Mapping[str, "Fitted"] = field(default_factory=dict)
    """The numbers that scaled traits rest on, by trait."""
    clusters: Clusters = field(default_factory=Clusters)
    """Groups that were found in them."""
    scores: Scores = field(default_factory=Scores)
    """What is expected of people, learnt from them."""
