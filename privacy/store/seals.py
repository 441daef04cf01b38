"""Seals: for every table its row count and the sum of its rows' keyed digests, all under one authentication code.

A row's digest is keyed BLAKE2b over its bytes, under a key of its table; a table's sum is that of its rows' digests
modulo 2^256 (Clarke and others, "Incremental Multiset Hash Functions", 2003). So a write costs one digest per row that
comes or goes, whatever stands beside it, and any order of writes ends in the seal of the final content. The code is
HMAC-SHA256 over all sums and counts and the number of writes so far: no table can be put back alone, nor all
tables together beside a count that somebody remembers. Whoever changes a row without the key can't make its seal.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Table, func, select

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.store import bulk
from passerelle.privacy.store.reading import tables as parts_of
from passerelle.privacy.store.rows import encoded
from passerelle.privacy.store.tables import metadata, table_seal

DIGEST_BYTES = 32
MODULUS = 1 << (8 * DIGEST_BYTES)

ALL: Final = "*"
"""The name of the row that holds the number of writes, and the authentication code over all others."""

SEALED: tuple[Table, ...] = tuple(table for table in metadata.sorted_tables if table is not table_seal)
"""Every table but the seals themselves: one that is added to the metadata is sealed from then on."""

_ADVICE = "Someone changed the store by hand, or put a table back. Send nothing; `passerelle audit verify` says more."
_SLICE = 1 << 26
"""Bytes of rows that are encoded at a time."""
_ROWS = 50_000
_FEW = 16
"""Rows in memory at a time of a table whose rows are large."""
_LARGE = frozenset({"log_members"})


@dataclass(frozen=True, slots=True)
class Seal:
    """What is said of a table: how many rows it has, and the sum of their digests modulo 2^256."""

    rows: int = 0
    sum: int = 0

    def __add__(self, other: "Seal") -> "Seal":
        return Seal(self.rows + other.rows, (self.sum + other.sum) % MODULUS)

    def __sub__(self, other: "Seal") -> "Seal":
        return Seal(self.rows - other.rows, (self.sum - other.sum) % MODULUS)


Sums = dict[str, Seal]
"""By table."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """The seals as they stand in the store, and how many writes made them."""

    writes: int
    sums: Sums


class SealKey:
    """What rows are digested and seals are authenticated with; 32 bytes. Shows nothing of itself."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, table: Table, rows: pa.Table) -> Seal:
        """The seal of these rows, which have all columns of `table`. Costs one digest per row."""
        count = rows.num_rows
        if not count:
            return Seal()
        begun = hashlib.blake2b(key=self._key, person=self._name(table), digest_size=DIGEST_BYTES)
        step = max(1, count * _SLICE // max(rows.nbytes, 1))
        total = sum(_sum(begun, table, rows.slice(start, step)) for start in range(0, count, step))
        return Seal(count, total % MODULUS)

    def code(self, sealed: Sealed) -> bytes:
        """The authentication code over all seals."""
        said = [ALL, str(sealed.writes)]
        for name, seal in sorted(sealed.sums.items()):
            said += [name, str(seal.rows), seal.sum.to_bytes(DIGEST_BYTES).hex()]
        return hmac.digest(self._key, b"table_seal\0" + "\n".join(said).encode(), "sha256")

    def _name(self, table: Table) -> bytes:
        return hashlib.blake2b(table.name.encode(), digest_size=hashlib.blake2b.PERSON_SIZE).digest()


def _sum(begun: "hashlib.blake2b", table: Table, rows: pa.Table) -> int:
    data, bounds = encoded(table, rows)
    view, ends = memoryview(data), bounds.tolist()
    fresh = begun.copy
    digests = bytearray()
    start = ends[0]
    for end in ends[1:]:
        digest = fresh()
        digest.update(view[start:end])
        digests += digest.digest()
        start = end
    words = np.frombuffer(digests, "<u4").reshape(-1, DIGEST_BYTES // 4).sum(axis=0, dtype=np.uint64)
    return sum(int(word) << (32 * place) for place, word in enumerate(words))


@dataclass(slots=True)
class Tally:
    """What one write has changed so far."""

    key: SealKey
    come: Sums = field(default_factory=dict)

    def add(self, table: Table, rows: pa.Table) -> None:
        """These rows came."""
        self.come[table.name] = self.come.get(table.name, Seal()) + self.key.of(table, rows)

    def take(self, table: Table, rows: pa.Table) -> None:
        """These rows, as they were, are gone."""
        self.come[table.name] = self.come.get(table.name, Seal()) - self.key.of(table, rows)

    def settle(self, connection: Connection) -> bool:
        """Seal what this write leaves; whether it left anything. Raises `IntegrityError` where seals are not ours."""
        if not self.come:
            return False
        before = held(connection, self.key)
        if before is None:
            _check_new(connection, self.come)
            before = Sealed(0, {})
        sums = {name: before.sums.get(name, Seal()) + seal for name, seal in self.come.items()}
        put(connection, self.key, Sealed(before.writes + 1, before.sums | sums), sums)
        return True


def held(connection: Connection, key: SealKey) -> Sealed | None:
    """The seals in the store; None where there is none yet. Raises `IntegrityError` where they are not ours."""
    rows = {row.name: row for row in connection.execute(select(table_seal))}
    if not rows:
        return None
    total = rows.pop(ALL, None)
    try:
        sealed = Sealed(
            total.rows if total is not None else 0,
            {name: Seal(row.rows, int.from_bytes(row.sum)) for name, row in rows.items()},
        )
        sound = total is not None and hmac.compare_digest(key.code(sealed), total.sum)
    except (TypeError, OverflowError, ValueError):  # values of another type
        sound = False
    if not sound:
        raise IntegrityError("The seals of the store's tables are not ours.", advice=_ADVICE)
    return sealed


def put(connection: Connection, key: SealKey, sealed: Sealed, changed: Mapping[str, Seal]) -> None:
    """Write the seals of the changed tables, and the code over all."""
    rows: dict[str, list[object]] = {
        "name": [*changed, ALL],
        "rows": [*(seal.rows for seal in changed.values()), sealed.writes],
        "sum": [*(seal.sum.to_bytes(DIGEST_BYTES) for seal in changed.values()), key.code(sealed)],
    }
    bulk.insert(connection, table_seal, rows, "replace")


def put_all(connection: Connection, key: SealKey | None) -> None:
    """Seal all tables as they are, whatever was said of them before; nothing where there is no key."""
    if key is None:
        return
    sums = {table.name: computed(connection, key, table) for table in SEALED}
    total = connection.scalar(select(table_seal.c.rows).where(table_seal.c.name == ALL)) or 0
    connection.execute(table_seal.delete())
    put(connection, key, Sealed(int(total) + 1, sums), sums)


def computed(connection: Connection, key: SealKey, table: Table) -> Seal:
    """The seal of a table as its bytes are. Reads all of it; memory stays bounded."""
    size = _FEW if table.name in _LARGE else _ROWS
    parts: Iterable[pa.Table] = parts_of(connection, select(table), rows=size)
    return sum((key.of(table, part) for part in parts), Seal())


def _check_new(connection: Connection, come: Sums) -> None:
    """Only a store that was empty before this write has no seals."""
    for table in SEALED:
        rows = connection.scalar(select(func.count()).select_from(table))
        if rows != come.get(table.name, Seal()).rows:
            raise IntegrityError("The seals of the store's tables are gone.", advice=_ADVICE)
