"""The log: append-only entries under one Merkle tree, in the control store.

An entry's body is canonical JSON, `{"at", "body", "kind"}`; its leaf is SHA-256(0x00 || body). Where an entry is
about people, it carries only the root over their member leaves, each blinded by a key of that person's own, and
their count; the leaves stand beside it in chunks. One entry per import, decision run or batch, never one per person.
"""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
from sqlalchemy import Connection, func, select, tuple_

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.keys import Keyring
from passerelle.privacy.log import merkle, mistyped, sealed, witnesses
from passerelle.privacy.log.anchor import Anchor
from passerelle.privacy.log.blinding import blind, nonces
from passerelle.privacy.log.canonical import canonical
from passerelle.privacy.log.entries import CHUNK_LEAVES, FORMAT, Findings, Verification
from passerelle.privacy.log.member_tree import MemberTree
from passerelle.privacy.log.members import Members
from passerelle.privacy.log.merkle import HASH_BYTES, Place
from passerelle.privacy.log.note import Checkpoint, Said, Signer, Verifier, checkpoint_text, parse_checkpoint
from passerelle.privacy.log.projections import Projections
from passerelle.privacy.log.signers import Verifiers, handover
from passerelle.privacy.log.verify import replay
from passerelle.privacy.rotation.uses import Use, standing
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.tables import key_use, log_checkpoint, log_entry, log_members, log_node
from passerelle.privacy.vault import Vault

KINDS = frozenset(
    {
        "genesis",
        "policy",
        "notice",
        "consent",
        "decisions",
        "batch",
        "receipt",
        "removal",
        "run",
        "key",
        "operator",
        "erasure",
        "witness",
        "stamp",
    }
)


class Log:
    """The log called `origin`, a name without spaces or plus sign.

    With `anchor`, its checkpoints are also appended to that file, outside the database, and `check_anchor` notices
    a database that was put back to an older copy. `vault` has the keys that blind people's leaves.
    `authorities` are the root certificates (PEM) of those whose time stamps `verify` checks.
    """

    def __init__(
        self,
        store: Store,
        keys: Keyring,
        origin: str,
        *,
        anchor: Path | None = None,
        authorities: bytes = b"",
        vault: Vault | None = None,
    ) -> None:
        self._store = store
        self._vault = vault or Vault(store, keys)
        self._keys = keys
        self._anchor = Anchor(anchor) if anchor else None
        self._authorities = authorities
        self.origin = origin

    @property
    def verifier(self) -> Verifier:
        """What checks this log's first checkpoints, and leads to the later ones' keys.

        `verifier.text` is for the auditor, and stays the same for the log's life.
        """
        with self._store.read() as connection:
            return self._verifier(standing(connection, Use.SIGNING).path[0])

    def verifiers(self, connection: Connection) -> Verifiers:
        """Which of our keys vouches for the log at which size."""
        first, *rest = standing(connection, Use.SIGNING).path
        c = key_use.c
        rows = connection.execute(select(c.generation, c.position).where(c.use == Use.SIGNING.value))
        sizes = {row.generation: int(row.position or 0) for row in rows}
        changes = [(sizes[number], self._verifier(number)) for number in rest]
        later = [self._verifier(number) for number in self._keys.generations if number not in {first, *rest}]
        return Verifiers(self._verifier(first), changes, later=later)

    def hand_over(
        self, connection: Connection, generation: int, body: Mapping[str, object], *, now: int
    ) -> tuple[int, Checkpoint]:
        """Go on signing with another generation's key: the first size it vouches for, and the first checkpoint of it.

        What is there is signed with the old key before; `body` is what the entry of kind `key` says besides.
        """
        self.checkpoint(connection, now=now)
        size = self.size(connection) + 1
        handed = handover(self._current(connection), self._signer(generation), size)
        self.append(connection, "key", {**body, **handed}, now=now)
        use = key_use.c.use == Use.SIGNING.value
        self._store.update_where(connection, key_use, {"ended_at": now}, use, key_use.c.ended_at.is_(None))
        row: dict[str, list[object]] = {
            "use": [Use.SIGNING.value],
            "generation": [generation],
            "began_at": [now],
            "position": [str(size)],
        }
        self._store.insert(connection, key_use, row)
        return size, self.checkpoint(connection, now=now)

    def _verifier(self, generation: int) -> Verifier:
        return Verifier(self.origin, self._keys.verifying(generation))

    def _signer(self, generation: int) -> Signer:
        return Signer(self.origin, self._keys.signing(generation))

    def _current(self, connection: Connection) -> Signer:
        return self._signer(standing(connection, Use.SIGNING).current)

    def size(self, connection: Connection) -> int:
        """How many entries there are."""
        last: int | None = connection.scalar(select(func.max(log_entry.c.log_index)))
        return 0 if last is None else last + 1

    def root(self, connection: Connection, size: int) -> bytes:
        """The root of the first `size` entries."""
        return merkle.root_at(size, self._nodes(connection))

    def append(
        self,
        connection: Connection,
        kind: str,
        body: Mapping[str, object],
        *,
        now: int,
        members: Members | None = None,
    ) -> int:
        """Append one entry and return its index. Costs O(members + log size) and reads no older entry.

        `members` are those of `member_leaves`; their count and root go into the body as `members` and `root`. The first
        entry of a log is its genesis, which this makes by itself.
        """
        if kind not in KINDS:
            raise ValueError("the log has no entries of that kind")
        size = self._begun(connection, now)
        if members is not None:
            roots = self._put_members(connection, size, members.leaves)
            body = {**body, "members": len(members), "root": merkle.root(roots).hex()}
        self._put(connection, size, kind, body, now)
        return size

    def member_leaves(
        self, connection: Connection, label: str, subject_ids: pa.Array, payloads: list[bytes]
    ) -> Members:
        """Leaves SHA-256(0x00 || nonce || payload), the nonce made of the person's audit key and `label`, sorted.

        Their `positions` are aligned with `subject_ids`. `label` is unlike that of any other entry, and stands in the
        entry's body. Raises `IntegrityError` where a person has no audit key any more.
        """
        keys = self._vault.audit_keys(connection, subject_ids)
        leaves = [leaf for leaf in blind(keys, label, payloads) if leaf is not None]
        if len(leaves) < len(keys):
            gone = len(keys) - len(leaves)
            raise IntegrityError(f"{gone} people of a log entry have no audit key; they were erased.")
        return Members.of(leaves)

    def checkpoint(self, connection: Connection, *, now: int) -> Checkpoint:
        """Sign the log as it is now; the same note again where nothing came since.

        The anchor file gets a new note when the transaction is durable.
        """
        size = self._begun(connection, now)
        root = self.root(connection, size)
        last = connection.execute(select(log_checkpoint).order_by(log_checkpoint.c.size.desc()).limit(1)).first()
        if last is not None and (last.size, last.root) == (size, root):
            return Checkpoint(size, root.hex(), last.note)
        after = 0 if last is None else last.size
        note = self._current(connection).sign(
            checkpoint_text(Said(self.origin, size, root, signed_at=now, after=after))
        )
        values = {"size": [size], "root": [root], "note": [note], "signed_at": [now]}
        self._store.insert(connection, log_checkpoint, values)
        signed = Checkpoint(size, root.hex(), note)
        if self._anchor is not None:
            anchor = self._anchor
            self._store.after_commit(connection, lambda: anchor.append(signed))
        return signed

    def attest(self, digest: str) -> str:
        """A note, signed with the log's key, that evidence with this SHA-256 is from here. No checkpoint reads so."""
        with self._store.read() as connection:
            return self._current(connection).sign(f"passerelle-evidence/1\n{digest}\n")

    def check_anchor(self, connection: Connection, *, catch_up: bool = True) -> None:
        """Raise `IntegrityError` where the log does not continue the last checkpoint in the anchor file.

        Costs O(log size). With `catch_up`, writes the line of a process that died between its commit and its line.
        """
        if self._anchor is None:
            return
        latest = connection.execute(select(log_checkpoint).order_by(log_checkpoint.c.size.desc()).limit(1)).first()
        signed = None if latest is None else Checkpoint(latest.size, latest.root.hex(), latest.note)
        anchored = self._anchor.last(self.verifiers(connection))
        if anchored is not None:
            self._check_continues(connection, anchored)
            if catch_up is False and (signed is None or signed.size < anchored.size):
                raise IntegrityError("The newest checkpoints are in the anchor file and gone from the store.")
        elif (connection.scalar(select(func.count()).select_from(log_checkpoint)) or 0) > 1:
            raise IntegrityError(
                "The log has checkpoints, and its anchor file is gone.",
                advice="Put the anchor file back; without it nobody sees whether the database was rolled back.",
            )
        if catch_up and signed is not None and (anchored is None or anchored.size < signed.size):
            self._anchor.append(signed)

    def verify(self, connection: Connection) -> Verification:
        """Compute everything again: leaves, nodes, roots, checkpoints, and every row that rests on the log.

        Raises nothing for what it finds; `problems` names tables and keys. Memory stays bounded but for 32 bytes an
        entry and a bit a member.
        """
        findings = Findings()
        mistyped.check(connection, findings)
        if findings.told:
            return Verification(ok=False, size=0, root_hex="", problems=findings.told)
        ours = self.verifiers(connection)
        replayed = replay(ours.at(0), connection, findings)
        if replayed.verifiers != ours:
            findings.told.append("key_use: the log's signing keys are not those that its entries hand over to")
        projections = Projections(self._store, self._vault, connection, replayed.entries, findings)
        projections.check()
        witnesses.check(connection, replayed.entries, findings, self._authorities)
        sealed.check(self._store, connection, findings, projections.sums)
        try:
            self.check_anchor(connection, catch_up=False)
        except IntegrityError as problem:
            findings.told.append(f"anchor: {problem.message}")
        return Verification(
            ok=not findings.told,
            size=len(replayed.entries),
            root_hex=replayed.root.hex(),
            problems=findings.told,
            erased=projections.erased,
        )

    # --- proofs

    def continued(self, connection: Connection, note: str) -> int:
        """The size of an earlier checkpoint, held by somebody else, that this log continues.

        Raises `IntegrityError` where it is not signed with this log's key, or the log does not continue it.
        """
        said = parse_checkpoint(self.verifiers(connection).open(note))
        if said.origin != self.origin:
            raise IntegrityError("The checkpoint is of another log.")
        self._check_continues(connection, Checkpoint(said.size, said.root.hex(), note))
        return said.size

    def inclusion(self, connection: Connection, index: int, size: int) -> list[bytes]:
        """The audit path of entry `index` in the log of `size` entries."""
        return merkle.inclusion_proof(index, size, self._nodes(connection))

    def consistency(self, connection: Connection, first: int, second: int) -> list[bytes]:
        """That the log of `first` entries is a prefix of the log of `second`."""
        return merkle.consistency_proof(first, second, self._nodes(connection))

    def member_inclusion(self, connection: Connection, index: int, position: int) -> list[bytes]:
        """The audit path of a member leaf under entry `index`; reads one chunk and the roots of the others."""
        return MemberTree(connection, index).path(position)

    def nonces(self, connection: Connection, label: str, subject_ids: pa.Array) -> list[bytes | None]:
        """What opens these people's leaves under the entry with this label, and no others; None for who was erased."""
        return nonces(self._vault.audit_keys(connection, subject_ids), label)

    # --- inside

    def _begun(self, connection: Connection, now: int) -> int:
        """The log's size, with its genesis."""
        size = self.size(connection)
        if size == 0:
            self._put(connection, 0, "genesis", self._genesis(connection), now)
        return max(size, 1)

    def _genesis(self, connection: Connection) -> dict[str, object]:
        generation = standing(connection, Use.SIGNING).path[0]
        verifier = self._verifier(generation).text
        return {"format": FORMAT, "origin": self.origin, "key": self._keys.id_of(generation), "verifier": verifier}

    def _put(self, connection: Connection, index: int, kind: str, body: Mapping[str, object], now: int) -> None:
        record = canonical({"at": now, "body": body, "kind": kind})
        leaf = merkle.leaf_hash(record)
        entry = {"log_index": [index], "kind": [kind], "body": [record], "leaf": [leaf]}
        self._store.insert(connection, log_entry, entry)
        made = merkle.grow(index, leaf, self._nodes(connection))
        if made:
            nodes: dict[str, list[object]] = {
                "level": [place.level for place in made],
                "position": [place.position for place in made],
                "hash": list(made.values()),
            }
            self._store.insert(connection, log_node, nodes)

    def _put_members(self, connection: Connection, index: int, leaves: bytes) -> bytes:
        width = CHUNK_LEAVES * HASH_BYTES
        chunks = [leaves[at : at + width] for at in range(0, len(leaves), width)]
        roots = [merkle.root(chunk) for chunk in chunks]
        rows: dict[str, list[object]] = {
            "log_index": [index] * len(chunks),
            "chunk": list(range(len(chunks))),
            "leaves": list(chunks),
            "root": list(roots),
        }
        self._store.insert(connection, log_members, rows)
        return b"".join(roots)

    def _nodes(self, connection: Connection) -> merkle.Nodes:
        def node(place: Place) -> bytes:
            if place.level == 0:
                found = connection.scalar(select(log_entry.c.leaf).where(log_entry.c.log_index == place.position))
            else:
                where = tuple_(log_node.c.level, log_node.c.position) == tuple_(*place)
                found = connection.scalar(select(log_node.c.hash).where(where))
            if found is None:
                raise IntegrityError(
                    "The log has a hole: a node of its tree is missing.", advice="Run `passerelle audit verify`."
                )
            return bytes(found)

        return node

    def _check_continues(self, connection: Connection, anchored: Checkpoint) -> None:
        size = self.size(connection)
        advice = "The database was put back to an older copy or rewritten. Send nothing; find out who changed it."
        if size < anchored.size:
            raise IntegrityError(
                f"The log has {size} entries, and its last anchored checkpoint has {anchored.size}.",
                advice=f"{advice} `passerelle audit accept-restore` accepts a backup put back on purpose.",
            )
        old = bytes.fromhex(anchored.root_hex)
        if self.root(connection, anchored.size) != old or not merkle.verify_consistency(
            anchored.size, size, old, self.root(connection, size), self.consistency(connection, anchored.size, size)
        ):
            raise IntegrityError("The log does not continue its last anchored checkpoint.", advice=advice)
