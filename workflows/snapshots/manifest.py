"""What a snapshot knows of itself: `ID.json` beside the file of its members.

An id is the instant that people were looked at from, such as `20261121T000000Z`; another run of the same instant that
found something else has `-2` behind it.
"""

import hashlib
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

Ids = npt.NDArray[np.int64]

ID = re.compile(r"[0-9]{8}T[0-9]{6}Z(-[1-9][0-9]{0,5})?\Z")


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Members(_Closed):
    """The people: a Parquet file with one sorted column `subject_id` (int64)."""

    file: str = Field(pattern=r"^members-[0-9a-f]{16}\.parquet$")
    count: int
    digest: str
    """SHA-256 of the ids as little-endian bytes: who equals it, equals it to the byte."""


class ThresholdThen(_Closed):
    """A threshold that was in force. `value` is in stored units: money in cents."""

    name: str
    group: str
    value: Decimal | None
    shown: str
    definition: str
    people: int | None
    kept: bool


class ModelThen(_Closed):
    """Numbers that were fitted: a cluster's, a score's, or those of a scaled trait (`fitted`)."""

    kind: Literal["cluster", "score", "fitted"]
    name: str
    version: str


class TableThen(_Closed):
    """One table of the lake: its files, which never change, by name."""

    grain: Literal["person", "event"]
    columns: dict[str, str]
    files: list[str]


class Manifest(_Closed):
    """All that one run's answer rests on, and the answer. Nothing of it names a person."""

    id: str
    segment: str
    version: str
    """Of the segment: a digest of its rule and of all that it refers to."""
    definition: str
    """The file with the documents that said so."""
    as_of: int
    """µs since 1970 UTC."""
    made_at: int
    run: str
    engine: str
    program: str
    population: int
    excluded: int
    held_out: int
    members: Members
    before: str = ""
    """The snapshot that was the last one then."""
    came: int = 0
    went: int = 0
    """Since that one."""
    erased: int = 0
    """People who were erased since, and are in it no more."""
    thresholds: list[ThresholdThen]
    models: list[ModelThen]
    tables: dict[str, TableThen]
    people: str
    """A digest of who had turned out to be whom, and who was erased."""

    def same_as(self, other: "Manifest") -> bool:
        """Whether both say the same of the same instant, whoever made them when."""
        aside = {"id", "made_at", "run", "before", "came", "went", "members", "erased"}
        mine, theirs = self.model_dump(exclude=aside), other.model_dump(exclude=aside)
        return mine == theirs and self.members.digest == other.members.digest


def digest_of(ids: Ids) -> str:
    """SHA-256 of sorted ids, as little-endian 64-bit numbers."""
    return hashlib.sha256(np.ascontiguousarray(ids, "<i8").tobytes()).hexdigest()


def id_of(as_of: int, number: int = 1) -> str:
    """What the snapshot of an instant is called; `number`: the first, second … of this instant."""
    moment = datetime.fromtimestamp(as_of // 1_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
    return moment if number == 1 else f"{moment}-{number}"
