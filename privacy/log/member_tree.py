"""Proofs of single members of an entry, without reading more of the log than their own chunks.

An entry's leaves stand in chunks of a power of two, each with its root: a proof reads one chunk and the roots of the
others. The leaves ascend, so a leaf is found by halving, too.
"""

from collections.abc import Sequence
from functools import cached_property

from sqlalchemy import Connection, and_, select

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.log import merkle
from passerelle.privacy.log.entries import CHUNK_LEAVES
from passerelle.privacy.log.members import position_of
from passerelle.privacy.log.merkle import HASH_BYTES, Place
from passerelle.privacy.store.tables import log_members


class MemberTree:
    """The tree over the members of the entry at `index`. The chunk read last stays in memory."""

    def __init__(self, connection: Connection, index: int) -> None:
        self._connection = connection
        self._index = index
        self._kept: tuple[int, bytes, list[bytes]] = (-1, b"", [])

    @cached_property
    def _levels_above(self) -> list[bytes]:
        statement = select(log_members.c.root).where(log_members.c.log_index == self._index)
        return _levels(b"".join(row.root for row in self._connection.execute(statement.order_by(log_members.c.chunk))))

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return len(self._levels_above[0]) // HASH_BYTES

    def path(self, position: int) -> list[bytes]:
        """The audit path of the leaf at `position`, its neighbour first. Reads one chunk."""
        chunk, inside = divmod(position, CHUNK_LEAVES)
        leaves, levels = self._chunk(chunk)
        below = merkle.inclusion_proof(inside, len(leaves) // HASH_BYTES, _node(levels))
        return below + merkle.inclusion_proof(chunk, self.chunks, _node(self._levels_above))

    def leaf(self, position: int) -> bytes:
        """The leaf at `position`."""
        chunk, inside = divmod(position, CHUNK_LEAVES)
        return self._chunk(chunk)[0][inside * HASH_BYTES : (inside + 1) * HASH_BYTES]

    def find(self, leaf: bytes) -> int | None:
        """Where `leaf` stands, or None. Reads O(log chunks) chunks."""
        low, high = 0, self.chunks
        while low < high:
            middle = (low + high) // 2
            leaves = self._leaves(middle)
            if leaf < leaves[:HASH_BYTES]:
                high = middle
            elif leaf > leaves[-HASH_BYTES:]:
                low = middle + 1
            else:
                found = position_of(leaves, leaf)
                return None if found is None else middle * CHUNK_LEAVES + found
        return None

    def _leaves(self, chunk: int) -> bytes:
        if self._kept[0] == chunk:
            return self._kept[1]
        where = and_(log_members.c.log_index == self._index, log_members.c.chunk == chunk)
        found: bytes | None = self._connection.scalar(select(log_members.c.leaves).where(where))
        if not found or len(found) % HASH_BYTES:
            raise IntegrityError(
                "The log has a hole: members of an entry are missing.", advice="Run `passerelle audit verify`."
            )
        self._kept = (chunk, found, [])
        return found

    def _chunk(self, chunk: int) -> tuple[bytes, list[bytes]]:
        leaves = self._leaves(chunk)
        if not self._kept[2]:
            self._kept = (chunk, leaves, _levels(leaves))
        return leaves, self._kept[2]


def member_paths(connection: Connection, index: int, positions: Sequence[int]) -> list[list[bytes]]:
    """The audit paths of many members of one entry, aligned with `positions`; each chunk is read once."""
    tree = MemberTree(connection, index)
    order = sorted(range(len(positions)), key=lambda at: positions[at])
    found = {at: tree.path(positions[at]) for at in order}
    return [found[at] for at in range(len(positions))]


def _levels(leaves: bytes) -> list[bytes]:
    levels = [leaves]
    while len(levels[-1]) >= 2 * HASH_BYTES:
        levels.append(merkle.parents(levels[-1]))
    return levels


def _node(levels: list[bytes]) -> merkle.Nodes:
    def node(place: Place) -> bytes:
        return levels[place.level][place.position * HASH_BYTES : (place.position + 1) * HASH_BYTES]

    return node
