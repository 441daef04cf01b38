"""What a rotation does to the rows of each use: one batch at a time, in its caller's transaction."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from sqlalchemy import ColumnElement, Connection, Table, func, not_, select

from passerelle.privacy.keys import Keyring
from passerelle.privacy.pseudonyms import Pseudonyms, Wrapping
from passerelle.privacy.rotation.uses import Use, standing
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.tables import identity, subject, suppression, vault
from passerelle.privacy.vault import Vault


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch did: rows moved, and where the next begins; None after the last row."""

    moved: int
    position: str | None


class Move(Protocol):
    """Brings the rows of one use to its current generation."""

    use: Use

    def batch(self, connection: Connection, position: str | None, rows: int) -> Batch:
        """Move up to `rows` rows after `position`, from the start where that is None."""
        ...

    def left(self, connection: Connection) -> int:
        """How many rows do not stand under the current generation."""
        ...


def moves(store: Store, keys: Keyring) -> list[Move]:
    """A move for each use that has rows."""
    return [
        Wraps(store, keys),
        Digests(store, keys, Use.IDENTITY, identity),
        References(store, keys),
        Digests(store, keys, Use.SUPPRESSION, suppression),
    ]


class Wraps:
    """People's keys, wrapped anew."""

    use = Use.VAULT

    def __init__(self, store: Store, keys: Keyring) -> None:
        self._store = store
        self._vault = Vault(store, keys)

    def batch(self, connection: Connection, position: str | None, rows: int) -> Batch:
        """Move up to `rows` rows after `position`."""
        c = vault.c
        now = standing(connection, self.use).current
        after = (c.subject_id > int(position or 0), c.generation != now)
        statement = select(c.subject_id).where(*after).order_by(c.subject_id).limit(rows)
        ids = self._store.table(connection, statement)["subject_id"].combine_chunks()
        if not len(ids):
            return Batch(0, None)
        return Batch(self._vault.rewrap(connection, ids), str(ids[-1].as_py()))

    def left(self, connection: Connection) -> int:
        """How many rows do not stand under the current generation."""
        return _others(connection, vault, self.use)


class Digests:
    """Digests, wrapped with the current generation's key: rows whose primary key changes, so they go and come."""

    def __init__(self, store: Store, keys: Keyring, use: Use, table: Table) -> None:
        self.use = use
        self._store = store
        self._table = table
        self._wrapping = Wrapping(keys, use)

    def batch(self, connection: Connection, position: str | None, rows: int) -> Batch:
        """Move up to `rows` rows after `position`. New digests fall anywhere; their generation tells them."""
        c = self._table.c
        path = standing(connection, self.use).path
        after = c.digest > bytes.fromhex(position or "")
        statement = select(self._table).where(after, c.generation != path[-1]).order_by(c.digest).limit(rows)
        found = self._store.table(connection, statement)
        if not found.num_rows:
            return Batch(0, None)
        old = found["digest"].combine_chunks()
        news: list[bytes] = [b""] * len(old)
        generations = found["generation"].to_numpy()
        for generation in np.unique(generations).tolist():
            here = np.flatnonzero(generations == generation)
            wrapped = self._along(old.take(pa.array(here)).to_pylist(), path[path.index(generation) + 1 :])
            for place, digest in zip(here.tolist(), wrapped, strict=True):
                news[place] = digest
        with self._store.among(connection, old) as value:
            self._store.delete(connection, self._table, c.digest.in_(select(value)))
        rest: dict[str, Any] = {name: found[name] for name in found.column_names}
        changed = {"digest": list(news), "generation": [path[-1]] * len(news)}
        self._store.insert(connection, self._table, rest | changed)
        return Batch(len(news), old[-1].as_py().hex())

    def left(self, connection: Connection) -> int:
        """How many rows do not stand under the current generation."""
        return _others(connection, self._table, self.use)

    def _along(self, digests: list[bytes], path: tuple[int, ...]) -> list[bytes]:
        for generation in path:
            digests = self._wrapping.again(digests, generation)
        return digests


class References:
    """Pseudonyms; whoever was erased has a random one, which stays."""

    use = Use.REFERENCE

    def __init__(self, store: Store, keys: Keyring) -> None:
        self._store = store
        self._pseudonyms = Pseudonyms(keys)

    def batch(self, connection: Connection, position: str | None, rows: int) -> Batch:
        """Move up to `rows` rows after `position`."""
        c = subject.c
        after = (c.subject_id > int(position or 0), *self._older(connection))
        found = self._store.table(
            connection, select(c.subject_id, c.subject_ref).where(*after).order_by(c.subject_id).limit(rows)
        )
        if not found.num_rows:
            return Batch(0, None)
        ids = found["subject_id"].combine_chunks()
        news = self._pseudonyms.refs_now(connection, found["subject_ref"].to_pylist())
        self._store.update(connection, subject, {"subject_id": ids, "subject_ref": list(news)})
        return Batch(len(news), str(ids[-1].as_py()))

    def left(self, connection: Connection) -> int:
        """How many rows do not stand under the current generation."""
        return connection.scalar(select(func.count()).where(*self._older(connection))) or 0

    def _older(self, connection: Connection) -> tuple[ColumnElement[bool], ...]:
        version = len(standing(connection, self.use).path)
        ref = subject.c.subject_ref
        return ref.like("s%"), not_(ref.like(f"s{version}{'_' * 32}"))


def _others(connection: Connection, table: Table, use: Use) -> int:
    current = standing(connection, use).current
    return connection.scalar(select(func.count()).select_from(table).where(table.c.generation != current)) or 0
