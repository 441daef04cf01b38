"""The log's entries as an auditor reads them: by kind, up to a size of the log."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.store import tables as t


@dataclass(frozen=True, slots=True)
class Said:
    """One entry: where it stands, when it was written (microseconds UTC), what it says."""

    log_index: int
    kind: str
    at: int
    body: dict[str, Any]


def said(connection: Connection, *kinds: str, below: int | None = None) -> Iterator[Said]:
    """Entries of these kinds (all where none is named) with an index less than `below`, oldest first."""
    c = t.log_entry.c
    wanted = select(c.log_index, c.kind, c.body).order_by(c.log_index)
    if kinds:
        wanted = wanted.where(c.kind.in_(kinds))
    if below is not None:
        wanted = wanted.where(c.log_index < below)
    for index, kind, body in connection.execute(wanted):
        record = json.loads(body)
        yield Said(index, kind, record["at"], record["body"])


def entry_time(connection: Connection, index: int) -> int:
    """When entry `index` was written. Raises `IntegrityError` where it is missing."""
    body = connection.scalar(select(t.log_entry.c.body).where(t.log_entry.c.log_index == index))
    if body is None:
        raise IntegrityError("The log has a hole: an entry is missing.", advice="Run `passerelle audit verify`.")
    return int(json.loads(body)["at"])


def size_at(connection: Connection, at: int) -> int:
    """How many entries had been written by `at`. Reads O(log n) of them: their times never run back."""
    last: int | None = connection.scalar(select(func.max(t.log_entry.c.log_index)))
    low, high = 0, 0 if last is None else last + 1
    while low < high:
        middle = (low + high) // 2
        if entry_time(connection, middle) <= at:
            low = middle + 1
        else:
            high = middle
    return low
