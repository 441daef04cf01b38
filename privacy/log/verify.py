"""Verification: the whole log computed again from its bytes, and every row that rests on it from the log.

Nothing is believed but the keys: leaves, nodes, roots, signatures, members, and the rows of `consent_event`,
`decision`, `batch`, `batch_member` and `document` are each recomputed. Problems name a table and a key, never a value.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.log import merkle
from passerelle.privacy.log.entries import CHUNK_LEAVES, FORMAT, Entry, Findings, parse
from passerelle.privacy.log.merkle import HASH_BYTES, Place
from passerelle.privacy.log.note import Verifier, parse_checkpoint
from passerelle.privacy.log.signers import Verifiers, follow
from passerelle.privacy.store.tables import log_checkpoint, log_entry, log_members, log_node

_CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Replayed:
    """The log as its bytes say: entries in order, and the root over them."""

    entries: list[Entry]
    root: bytes
    verifiers: Verifiers
    """Who vouches for which size, followed from the genesis."""


def replay(verifier: Verifier, connection: Connection, findings: Findings) -> Replayed:
    """Read every entry, compute its leaf, the tree above, members' roots, and check the checkpoints."""
    entries: list[Entry] = []
    leaves = bytearray()
    for row in _rows(connection, log_entry, "log_index"):
        if row.log_index != len(entries):
            findings.add(log_entry, len(entries), "is missing")
            break
        leaf = merkle.leaf_hash(row.body)
        if leaf != row.leaf:
            findings.add(log_entry, row.log_index, "its leaf is not that of its body")
        leaves += leaf
        entries.append(_entry(row, findings))
    _check_genesis(verifier, entries, findings)
    levels = _levels(bytes(leaves))
    _check_nodes(connection, levels, findings)
    _check_members(connection, entries, findings)
    verifiers = _followed(verifier, entries, findings)
    _check_checkpoints(verifiers, connection, levels, findings)
    return Replayed(entries, merkle.root(bytes(leaves)), verifiers)


def _followed(verifier: Verifier, entries: list[Entry], findings: Findings) -> Verifiers:
    handed = ((index, entry.body) for index, entry in enumerate(entries) if entry.kind == "key")
    try:
        return follow(verifier, handed)
    except IntegrityError as problem:
        findings.add(log_entry, "of kind key", problem.message)
        return Verifiers(verifier)


def _rows(connection: Connection, table: Table, *keys: str) -> Iterator[Any]:
    """All rows in the order of their key, a bounded number in memory."""
    statement = select(table).order_by(*(table.c[key] for key in keys))
    yield from connection.execute(statement, execution_options={"yield_per": _CHUNK})


def _entry(row: Any, findings: Findings) -> Entry:  # noqa: ANN401 - a row of log_entry
    try:
        kind, at, body = parse(row.body)
    except IntegrityError as problem:
        findings.add(log_entry, row.log_index, problem.message)
        return Entry(row.kind, 0, {})
    if kind != row.kind:
        findings.add(log_entry, row.log_index, "its kind is not that of its body")
    return Entry(kind, at, body)


def _check_genesis(verifier: Verifier, entries: list[Entry], findings: Findings) -> None:
    if not entries:
        return
    body = entries[0].body
    if entries[0].kind != "genesis" or any(entry.kind == "genesis" for entry in entries[1:]):
        findings.add(log_entry, 0, "a log begins with its genesis, and has only one")
    elif (body.get("format"), body.get("origin")) != (FORMAT, verifier.name):
        findings.add(log_entry, 0, "the genesis is another log's")


def _levels(leaves: bytes) -> list[bytes]:
    levels = [leaves]
    while len(levels[-1]) >= 2 * HASH_BYTES:
        levels.append(merkle.parents(levels[-1]))
    return levels


def _node_of(levels: list[bytes]) -> merkle.Nodes:
    def node(place: Place) -> bytes:
        at = place.position * HASH_BYTES
        return levels[place.level][at : at + HASH_BYTES]

    return node


def _check_nodes(connection: Connection, levels: list[bytes], findings: Findings) -> None:
    node = _node_of(levels)
    expected = sum(len(level) // HASH_BYTES for level in levels[1:])
    seen = 0
    for row in _rows(connection, log_node, "level", "position"):
        seen += 1
        inside = 0 < row.level < len(levels) and row.position >= 0
        if not inside or node(Place(row.level, row.position)) != row.hash:
            findings.add(log_node, (row.level, row.position), "is not the hash of what is below it")
    if seen != expected:
        findings.add(log_node, "", f"has {seen} nodes instead of {expected}")


def _check_members(connection: Connection, entries: list[Entry], findings: Findings) -> None:
    """Each entry's chunks in turn: their count, their size, their roots and the root over them."""
    roots: dict[int, list[bytes]] = {}
    amounts: dict[int, int] = {}
    statement = select(log_members).order_by(log_members.c.log_index, log_members.c.chunk)
    for row in connection.execute(statement, execution_options={"yield_per": 16}):
        key = (row.log_index, row.chunk)
        known = roots.setdefault(row.log_index, [])
        torn = len(row.leaves) % HASH_BYTES
        root = merkle.root(row.leaves[: len(row.leaves) - torn])
        if root != row.root or torn:
            findings.add(log_members, key, "its root is not that of its leaves")
        if row.chunk != len(known):
            findings.add(log_members, key, "a chunk before it is missing")
        known.append(root)
        amounts[row.log_index] = amounts.get(row.log_index, 0) + len(row.leaves) // HASH_BYTES
    for index, entry in enumerate(entries):
        found = roots.pop(index, [])
        if "members" not in entry.body:
            if found:
                findings.add(log_members, (index, 0), "members of an entry that has none")
            continue
        count = amounts.get(index, 0)
        if count != entry.members or len(found) != -(-count // CHUNK_LEAVES):
            findings.add(log_entry, index, f"has {count} member leaves and says {entry.members}")
        elif merkle.root(b"".join(found)).hex() != entry.body.get("root"):
            findings.add(log_entry, index, "its member leaves do not have its root")
    for index in roots:
        findings.add(log_members, (index, 0), "members of an entry that is not there")


def _check_checkpoints(verifiers: Verifiers, connection: Connection, levels: list[bytes], findings: Findings) -> None:
    size = len(levels[0]) // HASH_BYTES
    node = _node_of(levels)
    before = 0
    for row in _rows(connection, log_checkpoint, "size"):
        try:
            said = parse_checkpoint(verifiers.open(row.note))
        except IntegrityError as problem:
            findings.add(log_checkpoint, row.size, problem.message)
            continue
        if (said.origin, said.size, said.root, said.signed_at) != (verifiers.name, row.size, row.root, row.signed_at):
            findings.add(log_checkpoint, row.size, "its row is not what its note says")
        elif said.after != before:
            findings.add(log_checkpoint, row.size, "the checkpoint before it is missing")
        elif not 0 < said.size <= size:
            findings.add(log_checkpoint, row.size, f"is of a longer log: this one has {size} entries")
        elif merkle.root_at(said.size, node) != said.root:
            findings.add(log_checkpoint, row.size, "the log had another root then")
        before = row.size
