"""Evidence about people for somebody without the log: what the log says of them, opened, and the proof of each piece.

A statement is a member leaf opened: the row it was made of and its nonce, which opens that one leaf and no other. The
person's audit key never leaves. Together with the entries that they stand in, the texts that these name and the signed
checkpoint, `verify_standalone.py` checks all of it. Reads only; O(what is asked about), whatever the size of the log.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, select

from passerelle.privacy.audit.proof_rows import Asked, Rows, Statement
from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.log import Log, canonical
from passerelle.privacy.log.blinding import leaf
from passerelle.privacy.log.entries import parse
from passerelle.privacy.log.leaves import batch_member_payload, consent_payload, decision_payload
from passerelle.privacy.log.member_tree import MemberTree
from passerelle.privacy.log.tlog_proof import TlogProof
from passerelle.privacy.log.witnesses import COSIGNATURE, cosigned, newest, words
from passerelle.privacy.store import Store
from passerelle.privacy.store import tables as t

Part = dict[str, Any]

_PAYLOADS = {"consent": consent_payload, "decisions": decision_payload, "batch": batch_member_payload}
_TEXTS = ("notice", "policy")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What `verify_standalone.py` reads: `parts` are JSON, `note` is the checkpoint that all of it is proved under."""

    size: int
    note: str
    parts: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """What the log's key signs."""
        return hashlib.sha256(canonical(self.parts)).hexdigest()


def evidence(store: Store, log: Log, connection: Connection, asked: Asked, *, whole: bool = False) -> Evidence:
    """What the log says of the people asked about, proved under its newest checkpoint.

    With `whole`, every entry of the log comes along instead of the proofs of those that are needed, so that a reader
    sees that none is left out. Raises `DefinitionError` where nothing was signed yet.
    """
    size = newest(connection)
    rows = Rows(store, log, connection, replace(asked, below=size))
    statements = rows.statements()
    names = {one.row["notice"] for one in statements if one.kind == "consent"}
    digests = {one.row["policy"] for one in statements if one.kind == "decisions"}
    texts = _texts(connection, names, digests, size, whole=whole)
    wanted = {one.entry for one in statements} | {index for index, _ in texts} | set(rows.receipts)
    wanted |= set(rows.keys) if wanted else set()
    entries = _entries(log, connection, range(size) if whole else sorted(wanted), size, proved=not whole)
    if not whole:  # the first entry is the one that a proof file is about
        first = next((one.entry for one in statements if one.kind == "batch"), entries[0]["index"] if entries else 0)
        entries.sort(key=lambda one: (one["index"] != first, one["index"]))
    members = _members(log, connection, statements)
    told = {index for index, _, _ in members}
    others = sorted({word.size for word in words(connection, COSIGNATURE)} - {size})
    parts = {
        "checkpoints": [cosigned(connection, one) for one in others if whole],
        "documents": [document for _, document in texts],
        "entries": entries,
        "format": "passerelle-evidence/1",
        "keys": [log.verifier.text],  # the first: it leads to the others
        "members": [member for _, _, member in members],
        "people": rows.people() if told else {},
    }
    return Evidence(size, cosigned(connection, size), parts)


def proof_file(log: Log, found: Evidence) -> str:
    """A C2SP `tlog-proof` file of the evidence: about its first entry, everything else in the `extra` line."""
    if not found.parts["entries"]:
        raise DefinitionError("The log says nothing of that, so there is nothing to prove.")
    first = found.parts["entries"][0]
    extra = canonical({"evidence": found.parts, "signed": log.attest(found.digest)})
    return TlogProof(first["index"], tuple(bytes.fromhex(step) for step in first["path"]), found.note, extra).text


def _entries(log: Log, connection: Connection, indexes: Sequence[int], size: int, *, proved: bool) -> list[Part]:
    c = t.log_entry.c
    found: list[Part] = []
    chosen = c.log_index < size if len(indexes) == size else c.log_index.in_(indexes)
    for index, body in connection.execute(select(c.log_index, c.body).where(chosen).order_by(c.log_index)):
        kind, at, said = parse(body)
        path = [step.hex() for step in log.inclusion(connection, index, size)] if proved else []
        found.append({"index": index, "entry": {"at": at, "body": said, "kind": kind}, "path": path})
    if len(found) != len(indexes):
        raise IntegrityError("The log has a hole: an entry is missing.", advice="Run `passerelle audit verify`.")
    return found


def _texts(
    connection: Connection, names: set[str | None], digests: set[str], size: int, *, whole: bool
) -> list[tuple[int, Part]]:
    """Notices by name and policies by digest, or all; with the index of the entry that names each."""
    c = t.document.c
    wanted = select(t.document).where(c.log_index < size, c.kind.in_(_TEXTS)).order_by(c.log_index)
    return [
        (
            row.log_index,
            {"kind": row.kind, "name": row.name, "entry": row.log_index, "body": json.loads(row.body)},
        )
        for row in connection.execute(wanted)
        if whole or (row.name in names if row.kind == "notice" else row.digest in digests)
    ]


def _members(log: Log, connection: Connection, statements: Sequence[Statement]) -> list[tuple[int, int, Part]]:
    """Each statement opened and proved; none of people who were erased. By entry, then by position."""
    found: list[tuple[int, int, Part]] = []
    by_entry: dict[int, list[Statement]] = {}
    for one in statements:
        by_entry.setdefault(one.entry, []).append(one)
    for entry, group in sorted(by_entry.items()):
        opened = _opened(log, connection, group)
        tree = MemberTree(connection, entry)
        alone = len(opened) != group[0].members
        for one, nonce, mine in sorted(opened, key=lambda each: each[0].position):
            if tree.leaf(one.position) != mine:
                raise IntegrityError(
                    "A row is not what the log says, so it proves nothing.", advice="Run `passerelle audit verify`."
                )
            path = [step.hex() for step in tree.path(one.position)] if alone else None
            part = {"entry": entry, "position": one.position, "nonce": nonce.hex(), "row": one.shown, "path": path}
            found.append((entry, one.position, part))
    return found


def _opened(log: Log, connection: Connection, group: Sequence[Statement]) -> list[tuple[Statement, bytes, bytes]]:
    """Statements of one entry with their nonce and leaf."""
    people = pa.array([one.subject_id for one in group], pa.int64())
    nonces = log.nonces(connection, group[0].label, people)
    payloads = _PAYLOADS[group[0].kind](pa.Table.from_pylist([dict(one.row) for one in group]))
    pairs = zip(group, nonces, payloads, strict=True)
    return [(one, nonce, leaf(nonce, payload)) for one, nonce, payload in pairs if nonce is not None]
