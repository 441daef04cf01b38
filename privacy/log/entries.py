"""What a verification works with: entries as their bytes say, member leaves on demand, and what was found."""

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Connection, Table, and_, select

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.held import Ints
from passerelle.privacy.log.canonical import canonical
from passerelle.privacy.log.merkle import HASH_BYTES
from passerelle.privacy.store.tables import log_members

CHUNK_LEAVES = 1 << 14
"""Member leaves in one row of `log_members`: a power of two, so that a chunk's root is a node of the member tree."""

FORMAT = "passerelle-log/2"

MOST_PROBLEMS = 1000
"""Problems told one by one; that there are more is told once."""

_KEPT_CHUNKS = 640
"""As many as ten million leaves have, 320 MiB: rows come in the order of their keys, and leaves ascend, so that the
rows read at once have their leaves all over their entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the rows that rest on an entry are compared with."""

    kind: str
    at: int
    body: dict[str, Any]

    @property
    def members(self) -> int:
        """How many member leaves it has."""
        return _count(self.body.get("members"))

    @property
    def replaces(self) -> dict[int, int]:
        """How many leaves of which entries its own take the place of."""
        said = self.body.get("replaces")
        pairs = said.items() if isinstance(said, dict) else ()
        return {int(index): _count(count) for index, count in pairs if index.isdecimal()}


def _count(said: object) -> int:
    return said if isinstance(said, int) and said > 0 else 0


def parse(record: bytes) -> tuple[str, int, dict[str, object]]:
    """Kind, time and body of an entry's bytes. Raises `IntegrityError` where these are not canonical."""
    try:
        found = json.loads(record)
        kind, at, body = found["kind"], found["at"], found["body"]
        exact = canonical(found) == record
    except (ValueError, KeyError, TypeError):
        raise IntegrityError("A log entry cannot be read.") from None
    if not exact or not isinstance(body, dict):
        raise IntegrityError("A log entry is not in canonical form.")
    return kind, at, body


@dataclass(frozen=True, slots=True)
class Verification:
    """What `verify` found. `problems` names tables and keys, never a value.

    `erased` counts rows of erased people: their leaves stand in the log, and nobody can compute them again.
    """

    ok: bool
    size: int
    root_hex: str
    problems: list[str]
    erased: int = 0


@dataclass(frozen=True, slots=True)
class Findings:
    """Problems as they are found. Each names a table and a key, never a value."""

    told: list[str] = field(default_factory=list)

    def add(self, table: Table, key: object, what: str) -> None:
        """One problem: the row at `key` in `table`."""
        if len(self.told) < MOST_PROBLEMS:
            self.told.append(f"{table.name} {key}: {what}")
        elif len(self.told) == MOST_PROBLEMS:
            self.told.append("… and more")


class MemberLeaves:
    """Member leaves by entry and position, read chunk by chunk; the chunks last used stay in memory."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._chunks: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def at(self, entry: int, positions: Ints) -> list[bytes]:
        """The leaves at `positions` of one entry; empty bytes where there is none."""
        leaves = [b""] * len(positions)
        chunks = positions // CHUNK_LEAVES
        for chunk in np.unique(chunks).tolist():
            stored = self._chunk(entry, chunk)
            here = np.flatnonzero(chunks == chunk)
            starts = positions[here] % CHUNK_LEAVES * HASH_BYTES
            for place, start in zip(here.tolist(), starts.tolist(), strict=True):
                leaves[place] = stored[start : start + HASH_BYTES]
        return leaves

    def _chunk(self, entry: int, chunk: int) -> bytes:
        key = (entry, chunk)
        if key in self._chunks:
            self._chunks.move_to_end(key)
            return self._chunks[key]
        where = and_(log_members.c.log_index == entry, log_members.c.chunk == chunk)
        stored: bytes = self._connection.scalar(select(log_members.c.leaves).where(where)) or b""
        self._chunks[key] = stored
        if len(self._chunks) > _KEPT_CHUNKS:
            self._chunks.popitem(last=False)
        return stored
