"""The lost-key drill: whether a key, such as one from a backup, opens a sample of everything and the log's whole chain.

Reads only, and asks nothing of the key that the workspace runs with.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sqlalchemy import Column, Connection, Table, func, select

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.held import unpack
from passerelle.privacy.keys import Keyring, Random
from passerelle.privacy.log import Log
from passerelle.privacy.log.entries import parse
from passerelle.privacy.log.note import parse_checkpoint
from passerelle.privacy.log.signers import follow
from passerelle.privacy.rotation.uses import Use, standing
from passerelle.privacy.store import tables as t
from passerelle.privacy.store.engine import Store
from passerelle.privacy.subjects import Subjects
from passerelle.privacy.vault import Vault
from passerelle.privacy.vocabulary import IDENTITY_FIELDS

_FEW = 50
"""People who are looked up one by one."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that the key had to open: how many were tried, and what was wrong, if anything was."""

    what: str
    tried: int
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether it held."""
        return not self.problem


class Drill:
    """One drill, in one read of the store; `sample` rows of each table are tried."""

    def __init__(
        self,
        store: Store,
        connection: Connection,
        keys: Keyring,
        log: Log,
        *,
        sample: int = 200,
        random: Random = os.urandom,
    ) -> None:
        self._store = store
        self._connection = connection
        self._keys = keys
        self._log = log
        self._vault = Vault(store, keys)
        self._subjects = Subjects(store, keys)
        self._sample = sample
        self._draw = np.random.default_rng(int.from_bytes(random(8)))

    def run(self) -> list[Proof]:
        """A proof for each thing."""
        tries: list[tuple[str, Callable[[], int]]] = [
            ("generations of the key", self._generations),
            ("people's keys and what the vault holds", self._bodies),
            ("people found by what they are known by", self._identities),
            ("match keys that were sent", lambda: self._sealed(t.sent, t.sent.c.match_keys, b"membership")),
            ("raw consent signals", lambda: self._sealed(t.consent_event, t.consent_event.c.raw, b"signal")),
            ("checkpoints of the log, and who signed them", self._chain),
            ("the key that signs the log next", self._signing),
        ]
        return [self._proof(what, attempt) for what, attempt in tries]

    def _proof(self, what: str, attempt: Callable[[], int]) -> Proof:
        try:
            return Proof(what, attempt())
        except IntegrityError as problem:
            return Proof(what, 0, problem.message)

    def _generations(self) -> int:
        self._keys.bind(self._connection)
        return self._connection.scalar(select(func.count()).select_from(t.key_generation)) or 0

    def _people(self) -> pa.Array:
        c = t.vault.c.subject_id
        low, high = self._connection.execute(select(func.min(c), func.max(c))).one()
        if low is None:
            return pa.array([], pa.int64())
        wanted = np.unique(self._draw.integers(low, high, self._sample, endpoint=True))
        with self._store.among(self._connection, pa.array(wanted)) as value:
            return self._store.table(self._connection, select(c).where(c.in_(select(value))))["subject_id"].unique()

    def _bodies(self) -> int:
        people = self._people()
        self._vault.audit_keys(self._connection, people)
        unpack(self._vault.bodies(self._connection, people))
        return len(people)

    def _identities(self) -> int:
        c = t.identity.c.subject_id
        found = 0
        people = self._people()[:_FEW]
        for field in IDENTITY_FIELDS:
            owners, values = self._subjects.held(self._connection, people, field)
            for person, value in zip(people.take(owners).to_pylist(), values.to_pylist(), strict=True):
                found += self._subjects.find(self._connection, field, value, None) == person
        if len(people) and not found and self._connection.execute(select(c).where(c > 0).limit(1)).first():
            raise IntegrityError("Nobody is found by what the vault holds of them: the digests are another key's.")
        return found

    def _sealed(self, table: Table, column: "Column[bytes]", use: bytes) -> int:
        """Newest rows first: those are what a removal needs."""
        person = table.c.subject_id
        alive = person.in_(select(t.vault.c.subject_id))
        statement = select(person, column.label("sealed")).where(column.is_not(None), func.length(column) > 0, alive)
        rows = self._store.table(self._connection, statement.limit(self._sample))
        ids, sealed = rows["subject_id"].combine_chunks(), rows["sealed"].to_pylist()
        self._vault.unseal(self._connection, ids, sealed, use=use)
        return len(sealed)

    def _chain(self) -> int:
        c = t.log_entry.c
        entries = self._connection.execute(select(c.log_index, c.body).where(c.kind == "key").order_by(c.log_index))
        ours = self._log.verifiers(self._connection)
        followed = follow(ours.at(0), ((row.log_index, parse(bytes(row.body))[2]) for row in entries))
        if followed != ours:
            raise IntegrityError("The log's entries hand over to other signing keys than these.")
        checked = 0
        for row in self._connection.execute(select(t.log_checkpoint.c.note).order_by(t.log_checkpoint.c.size)):
            parse_checkpoint(followed.open(row.note))
            checked += 1
        return checked

    def _signing(self) -> int:
        generation = standing(self._connection, Use.SIGNING).current
        self._keys.signing(generation)
        return 1
