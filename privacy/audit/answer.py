"""What an answer to an auditor is: single facts, tables, and what was found wrong. No identifier is in any of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: a sentence, and of how many (people, batches, audiences) it is true."""

    finding: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """Facts by name, tables by name, findings; `advice` says what to do about them."""

    facts: Line = field(default_factory=dict)
    tables: dict[str, list[Line]] = field(default_factory=dict)
    findings: Sequence[Found] = ()
    advice: str = ""
    broken: bool = False
    """True: the log or the store is not what it was, which is graver than any finding."""


def found(*those: Found) -> tuple[Found, ...]:
    """Those findings that are true of anything at all."""
    return tuple(one for one in those if one.count)


def tally(table: pa.Table, columns: Sequence[str], count: str = "people") -> list[Line]:
    """How many rows have which values in `columns`: the most frequent first, then by value."""
    counted = table.group_by(list(columns)).aggregate([([], "count_all")]).rename_columns([*columns, count])
    return sorted(counted.to_pylist(), key=lambda line: (-line[count], *(str(line[name]) for name in columns)))


def summed(lines: Iterable[Line], columns: Sequence[str], count: str = "people") -> list[Line]:
    """Lines of several tallies put together, where they agree in `columns`."""
    sums: dict[tuple[Any, ...], int] = {}
    for line in lines:
        key = tuple(line[name] for name in columns)
        sums[key] = sums.get(key, 0) + line[count]
    ordered = sorted(sums.items(), key=lambda item: (-item[1], *(str(value) for value in item[0])))
    return [{**dict(zip(columns, key, strict=True)), count: number} for key, number in ordered]
