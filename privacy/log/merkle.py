"""RFC 6962 Merkle tree arithmetic, pure: roots, inclusion and consistency proofs, and their verification.

Hashes are 32 bytes. Many leaves travel as one `bytes` of 32-byte pieces. Provers read node hashes through a
function, so that a proof costs O(log n) look-ups and never the whole log.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from passerelle.privacy.short_hash import sha256

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
_PAIR = struct.Struct(f"{2 * HASH_BYTES}s")


class Place(NamedTuple):
    """A complete subtree: at level 0 a leaf, at level n the 2**n leaves from `position << n` on."""

    level: int
    position: int


Nodes = Callable[[Place], bytes]
"""Gives the hash of a complete subtree."""


def leaf_hash(record: bytes) -> bytes:
    """The leaf of a record: SHA-256(0x00 || record)."""
    return hashlib.sha256(b"\0" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The parent of two hashes: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\1" + left + right).digest()


def parents(level: bytes) -> bytes:
    """The hashes above whole pairs of a level's hashes; an odd last one is left out."""
    pairs = memoryview(level)[: len(level) // (2 * HASH_BYTES) * 2 * HASH_BYTES]
    return b"".join([sha256(b"\1" + pair).digest() for (pair,) in _PAIR.iter_unpack(pairs)])


def root(leaves: bytes) -> bytes:
    """The root over leaf hashes. Raises `ValueError` where the last one is torn."""
    if len(leaves) % HASH_BYTES:
        raise ValueError("a leaf hash has 32 bytes")
    if not leaves:
        return EMPTY_ROOT
    while len(leaves) > HASH_BYTES:
        odd = leaves[len(leaves) // 64 * 64 :]
        leaves = parents(leaves) + odd
    return leaves


def peaks(size: int) -> list[Place]:
    """The complete subtrees that a tree of `size` leaves is made of, from left to right."""
    return list(cover(0, size))


def cover(start: int, end: int) -> Iterator[Place]:
    """The complete subtrees that make up leaves [start, end), left to right; `start` is a multiple of all sizes."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield Place(level, start >> level)
        start += 1 << level


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over the hashes of a tree's peaks."""
    if not hashes:
        return EMPTY_ROOT
    folded = hashes[-1]
    for left in reversed(hashes[:-1]):
        folded = node_hash(left, folded)
    return folded


def root_at(size: int, nodes: Nodes) -> bytes:
    """The root of the tree of the first `size` leaves."""
    return fold([nodes(place) for place in peaks(size)])


def grow(size: int, leaves: bytes, nodes: Nodes) -> dict[Place, bytes]:
    """The inner nodes that appending `leaves` to a tree of `size` completes. Costs O(new + log size)."""
    made: dict[Place, bytes] = {}
    level, start = 0, size
    row = leaves
    while True:
        if start % 2 and row:  # the left half of the first pair is in the tree already
            row = nodes(Place(level, start - 1)) + row
            start -= 1
        row = parents(row)
        if not row:
            return made
        level, start = level + 1, start // 2
        made |= {Place(level, start + at): row[at * 32 : at * 32 + 32] for at in range(len(row) // 32)}


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size`, leaf's neighbour first (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in a tree of that size")
    return _path(index, 0, size, nodes)


def consistency_proof(first: int, second: int, nodes: Nodes) -> list[bytes]:
    """That the tree of `first` leaves is a prefix of the tree of `second` (RFC 6962, 2.1.2)."""
    if not 0 < first <= second:
        raise ValueError("consistency is shown from a tree that is not empty to one at least as large")
    return _subproof(first, 0, second, nodes, whole=True)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> bool:
    """Whether `proof` shows that `leaf` stands at `index` in the tree of `size` with root `expected`."""
    if not 0 <= index < size or any(len(step) != HASH_BYTES for step in (leaf, *proof)):
        return False
    node, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(step, found)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, step)
        node, last = node >> 1, last >> 1
    return last == 0 and found == expected


def verify_consistency(first: int, second: int, old: bytes, new: bytes, proof: Sequence[bytes]) -> bool:
    """Whether `proof` shows that root `old` of `first` leaves is a prefix of root `new` of `second` leaves."""
    if not 0 < first <= second or any(len(step) != HASH_BYTES for step in proof):
        return False
    if first == second:
        return not proof and old == new
    steps = [old, *proof] if first & (first - 1) == 0 else list(proof)
    if not steps:
        return False
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    small = large = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            small, large = node_hash(step, small), node_hash(step, large)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            large = node_hash(large, step)
        node, last = node >> 1, last >> 1
    return last == 0 and small == old and large == new


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)


def _range_root(start: int, end: int, nodes: Nodes) -> bytes:
    return fold([nodes(place) for place in cover(start, end)])


def _path(index: int, start: int, end: int, nodes: Nodes) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, nodes), _range_root(middle, end, nodes)]
    return [*_path(index, middle, end, nodes), _range_root(start, middle, nodes)]


def _subproof(first: int, start: int, end: int, nodes: Nodes, *, whole: bool) -> list[bytes]:
    if first == end:
        return [] if whole else [_range_root(start, end, nodes)]
    middle = start + _split(end - start)
    if first <= middle:
        return [*_subproof(first, start, middle, nodes, whole=whole), _range_root(middle, end, nodes)]
    return [*_subproof(first, middle, end, nodes, whole=False), _range_root(start, middle, nodes)]
