"""The table that is measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Subject:
    """The table that is measured: its columns by type name, and its files."""

    name: str
    grain: Literal["person", "event"]
    columns: Mapping[str, str]
    files: Sequence[Path]
