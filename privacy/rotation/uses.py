"""What generations of the master key are used for, as the store says: read in the transaction that relies on it.

A use has a path: the generations that were ever current for it, oldest first, whatever a clock said: a rotation only
ever goes to a newer one. The last is current, and everything written now is written under it. A rotation moves rows
from older ones to it in batches; until it ends, rows stand under both, and whoever looks something up looks under both.
"""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, select

from passerelle.privacy.store.tables import key_use


class Use(StrEnum):
    """What a generation is for."""

    VAULT = "vault"
    """Wraps people's data keys and audit keys."""
    IDENTITY = "identity"
    """Digests that tell equal identifiers."""
    REFERENCE = "reference"
    """Pseudonyms, as reports show them."""
    SUPPRESSION = "suppression"
    """Fingerprints of erased people's identifiers."""
    SIGNING = "signing"
    """Signs the log's checkpoints."""


FIRST = 1
"""The generation of a store that has never been bound to a key, and of a key file of one line."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a use stands."""

    path: tuple[int, ...]
    """Generations that were ever current, oldest first."""
    leaving: tuple[int, ...]
    """Those before the current one that rows may still rest on, newest first."""

    @property
    def current(self) -> int:
        """The generation under which everything new is written."""
        return self.path[-1]


def standing(connection: Connection, use: Use) -> Standing:
    """Where `use` stands in this transaction."""
    c = key_use.c
    rows = connection.execute(select(c.generation, c.ended_at).where(c.use == use.value).order_by(c.generation)).all()
    path = tuple(row.generation for row in rows) or (FIRST,)
    leaving = [row.generation for row in rows[:-1] if row.ended_at is None]
    return Standing(path, tuple(reversed(leaving)))
