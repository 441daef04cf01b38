"""The vault: what identifies people, sealed under a key of each person's own.

Each person has a data key (it seals the identifiers and what was sent of them) and an audit key (it blinds what
the log says of them), both random and both wrapped by the key-encryption key. Who destroys the two makes every copy
of their data unreadable and every leaf about them unlinkable. All sealing is AES-256-GCM; the associated data names
the person and the use, so that no row can stand in for another.

Each row says which generation of the master key wraps its two keys. A rotation wraps them anew and touches nothing
else: what is sealed under a person's own keys stays as it is.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, select

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.held import Ints
from passerelle.privacy.keys import Keyring, Random
from passerelle.privacy.opened import MOST, Opened
from passerelle.privacy.rotation.uses import Use, standing
from passerelle.privacy.store import writing
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.reading import legible
from passerelle.privacy.store.tables import vault

_NONCE = 12
_KEY = 32
_WIDTH = 8
_WRAPPING = "vault/key-encryption"
_MOST = MOST
"""People whose accounts are in memory at a time: more than a batch has."""

_ACCOUNT = ("data_key", "audit_key", "generation", "body", "revision")
_GENERATION, _REVISION = _ACCOUNT.index("generation"), _ACCOUNT.index("revision")
_BODY = itemgetter(_ACCOUNT.index("body"))

Account = tuple[Any, ...]
"""The columns of `_ACCOUNT`, as they stand in the store: all that is secret is wrapped or sealed."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Group:
    """Accounts of people, None for who has none, and what was unwrapped of them so far.

    Data keys stand as the ciphers that they are used in: to make one takes as long as to use it.
    """

    accounts: dict[int, Account | None]
    data: dict[int, AESGCM] = field(default_factory=dict)
    audit: dict[int, bytes] = field(default_factory=dict)


class Vault:
    """Keys and bodies by `subject_id`. Ids are taken as they are: merges are not followed here."""

    def __init__(self, store: Store, keys: Keyring, *, random: Random = os.urandom) -> None:
        self._store = store
        self._keys = keys
        self._held = Opened[_Group]()
        self._wraps: dict[int, AESGCM] = {}
        self._random = random

    def open_accounts(self, connection: Connection, ids: Sequence[int], bodies: Sequence[bytes]) -> None:
        """Make keys for new people and seal their first bodies."""
        count = len(ids)
        fresh = _pieces(self._random(2 * count * _KEY), _KEY)
        data, audit = fresh[:count], fresh[count:]
        ciphers = list(map(AESGCM, data))
        generation = standing(connection, Use.VAULT).current
        rows: dict[str, pa.Array | list[object]] = {
            "subject_id": pa.array(ids, pa.int64()),
            "data_key": list(self._wrapped(b"data", ids, data, generation)),
            "audit_key": list(self._wrapped(b"audit", ids, audit, generation)),
            "body": list(self._sealed(b"vault", ids, ciphers, bodies)),
            "revision": pa.array(np.ones(count, np.int64)),
            "generation": pa.array(np.full(count, generation)),
        }
        self._store.insert(connection, vault, rows)

    def bodies(self, connection: Connection, ids: pa.Array) -> list[bytes]:
        """The bodies of people, empty for who has no account. Raises `IntegrityError` where one was changed."""
        opened: list[bytes] = []
        for numbers, group in self._groups(connection, ids):
            ciphers = dict(zip(numbers, self._ciphers(group, numbers), strict=True))
            there = {number: cipher for number, cipher in ciphers.items() if cipher is not None}
            sealed = (_BODY(group.accounts[number] or ()) for number in there)
            found = dict(zip(there, self._opened(b"vault", there, there.values(), sealed), strict=True))
            opened += [found.get(number, b"") for number in numbers]
        return opened

    def replace_bodies(self, connection: Connection, ids: pa.Array, bodies: Sequence[bytes]) -> None:
        """Seal new bodies for people who have an account. Their revision does not change by itself."""
        ciphers = self._everybody(connection, ids)
        sealed: list[object] = list(self._sealed(b"vault", ids.to_pylist(), ciphers, bodies))
        self._store.update(connection, vault, {"subject_id": ids, "body": sealed})

    def count_revision(self, connection: Connection, changed: Ints, losers: Ints, winners: Ints) -> None:
        """Raise the revision of people whose identifiers changed, above that of the `losers` merged into `winners`."""
        if not len(changed):
            return
        everybody = pa.array(np.unique(np.concatenate([changed, losers])))
        rows = self._rows(connection, everybody, "revision").sort_by("subject_id")
        ids, now = rows["subject_id"].to_numpy(), rows["revision"].to_numpy().copy()
        np.maximum.at(now, np.searchsorted(ids, winners), now[np.searchsorted(ids, losers)])
        mine = now[np.searchsorted(ids, changed)] + 1
        self._store.update(connection, vault, {"subject_id": pa.array(changed), "revision": pa.array(mine)})

    def revisions(self, connection: Connection, ids: pa.Array) -> pa.Int32Array:
        """Aligned with `ids`; null for who has no account."""
        if writing.remembered(connection, vault) or self._held.holds(ids):
            groups = self._groups(connection, ids)
            rows = [group.accounts[number] for numbers, group in groups for number in numbers]
            return pa.array([None if row is None else row[_REVISION] for row in rows], pa.int32())
        found = self._rows(connection, ids, "revision")
        places = pc.index_in(ids, found["subject_id"].combine_chunks())
        return found["revision"].combine_chunks().take(places).cast(pa.int32())

    def audit_keys(self, connection: Connection, ids: pa.Array) -> list[bytes | None]:
        """The keys that blind people's leaves, aligned with `ids`; None for who has none any more."""
        return [key for numbers, group in self._groups(connection, ids) for key in self._audit_keys(group, numbers)]

    def seal(self, connection: Connection, ids: pa.Array, payloads: Sequence[bytes], *, use: bytes) -> list[bytes]:
        """Seal a payload for each person under their data key. Opened only with the same id and use."""
        return list(self._sealed(use, ids.to_pylist(), self._everybody(connection, ids), payloads))

    def unseal(self, connection: Connection, ids: pa.Array, sealed: Sequence[bytes], *, use: bytes) -> list[bytes]:
        """The payloads again. Raises `IntegrityError` where one was changed, or its person's key is destroyed."""
        return self._opened(use, ids.to_pylist(), self._everybody(connection, ids), sealed)

    def rewrap(self, connection: Connection, ids: pa.Array) -> int:
        """Wrap the keys of these people with the current generation; how many were not yet. Opens no body."""
        now = standing(connection, Use.VAULT).current
        old: dict[int, Account] = {}
        for numbers, group in self._groups(connection, ids):
            rows = ((number, group.accounts[number]) for number in numbers)
            old |= {number: row for number, row in rows if row is not None and row[_GENERATION] != now}
        changed: dict[str, pa.Array | list[object]] = {"subject_id": pa.array(old, pa.int64())}
        for kind, name in ((b"data", "data_key"), (b"audit", "audit_key")):
            keys = self._unwrapped(kind, old)
            changed[name] = list(self._wrapped(kind, list(old), keys, now))
        changed["generation"] = pa.array(np.full(len(old), now))
        self._store.update(connection, vault, changed)
        return len(old)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold what was read and unwrapped last, while the block lasts: for platforms that take the same people."""
        with self._held.holding():
            yield

    def _groups(self, connection: Connection, ids: pa.Array) -> "Iterator[tuple[list[int], _Group]]":
        """At most so many people at a time, in the order of `ids`, with a group that has the accounts of them all."""
        for start in range(0, len(ids), _MOST):
            part = ids.slice(start, _MOST)
            numbers = part.to_pylist()
            yield numbers, self._group(connection, part, numbers)

    def _group(self, connection: Connection, ids: pa.Array, numbers: list[int]) -> "_Group":
        """Within a write, those read last are not read again; nor while they are held and the vault is as it was."""
        last = writing.remembered(connection, vault)
        found: _Group | None = last.get(0) if last is not None else None
        if found is not None and found.accounts.keys() >= set(numbers):
            return found
        state = self._store.state(connection, (vault.name,)) if self._held.holds(ids) else None
        group = self._held.get(ids, state) if state is not None else None
        if group is None:
            group = _Group(self._read(connection, ids, numbers))
            self._held.put(ids, state, group)
        if last is not None:
            last[0] = group
        return group

    def _read(self, connection: Connection, ids: pa.Array, numbers: list[int]) -> dict[int, Account | None]:
        with self._store.among(connection, ids.drop_null()) as wanted, legible():
            columns = select(*(vault.c[name] for name in ("subject_id", *_ACCOUNT)))
            rows = connection.execute(columns.where(vault.c.subject_id.in_(select(wanted)))).cursor.fetchall()
        return dict.fromkeys(numbers) | {row[0]: row[1:] for row in rows}

    def _rows(self, connection: Connection, ids: pa.Array, *names: str) -> pa.Table:
        """Columns of people's rows; of very many people's, those of whoever stands between them come along."""
        columns = select(*(vault.c[name] for name in ("subject_id", *names)))
        if len(ids) > _MOST:
            ends = pc.min_max(ids).as_py()
            return self._store.table(connection, columns.where(vault.c.subject_id.between(ends["min"], ends["max"])))
        with self._store.among(connection, ids) as wanted:
            return self._store.table(connection, columns.where(vault.c.subject_id.in_(select(wanted))))

    def _everybody(self, connection: Connection, ids: pa.Array) -> list[AESGCM]:
        """What seals and opens of each of these people, of whom each must have an account."""
        groups = self._groups(connection, ids)
        ciphers = [cipher for numbers, group in groups for cipher in self._ciphers(group, numbers)]
        found = [cipher for cipher in ciphers if cipher is not None]
        if gone := len(ciphers) - len(found):
            raise IntegrityError(
                f"{gone} people have no keys in the vault.",
                advice="They were erased, or the store was changed by hand; `passerelle audit verify` tells.",
            )
        return found

    def _ciphers(self, group: _Group, numbers: Sequence[int]) -> list[AESGCM | None]:
        """Of people of a group, aligned; None for who has no account. Each key is unwrapped once."""
        if missing := _missing(group, group.data, numbers):
            group.data.update(zip(missing, map(AESGCM, self._unwrapped(b"data", missing)), strict=True))
        return list(map(group.data.get, numbers))

    def _audit_keys(self, group: _Group, numbers: Sequence[int]) -> list[bytes | None]:
        """Likewise the audit keys."""
        if missing := _missing(group, group.audit, numbers):
            group.audit.update(zip(missing, self._unwrapped(b"audit", missing), strict=True))
        return list(map(group.audit.get, numbers))

    def _wrapped(self, kind: bytes, ids: Sequence[int], keys: Sequence[bytes], generation: int) -> Iterable[bytes]:
        encrypt = self._wrapper(generation).encrypt
        nonces = _pieces(self._random(len(ids) * _NONCE), _NONCE)
        for subject, nonce, key in zip(ids, nonces, keys, strict=True):
            yield nonce + encrypt(nonce, key, kind + subject.to_bytes(_WIDTH))

    def _unwrapped(self, kind: bytes, accounts: Mapping[int, Account]) -> list[bytes]:
        """The keys of one kind, in the order of the accounts."""
        place = _ACCOUNT.index(f"{kind.decode()}_key")
        decrypts = {number: self._wrapper(number).decrypt for number in {row[_GENERATION] for row in accounts.values()}}
        try:
            return [
                decrypts[row[_GENERATION]](row[place][:_NONCE], row[place][_NONCE:], kind + subject.to_bytes(_WIDTH))
                for subject, row in accounts.items()
            ]
        except (InvalidTag, ValueError, TypeError):
            raise IntegrityError("A key in the vault was changed, or the master key is another one.") from None

    def _wrapper(self, generation: int) -> AESGCM:
        if generation not in self._wraps:
            self._wraps[generation] = AESGCM(self._keys.derive(_WRAPPING, generation=generation))
        return self._wraps[generation]

    def _sealed(
        self, use: bytes, ids: Sequence[int], ciphers: Sequence[AESGCM], payloads: Sequence[bytes]
    ) -> Iterable[bytes]:
        nonces = _pieces(self._random(len(ids) * _NONCE), _NONCE)
        for subject, cipher, nonce, payload in zip(ids, ciphers, nonces, payloads, strict=True):
            yield nonce + cipher.encrypt(nonce, payload, use + subject.to_bytes(_WIDTH))

    def _opened(
        self, use: bytes, ids: Iterable[int], ciphers: Iterable[AESGCM], sealed: Iterable[bytes]
    ) -> list[bytes]:
        try:
            return [
                cipher.decrypt(one[:_NONCE], one[_NONCE:], use + subject.to_bytes(_WIDTH))
                for subject, cipher, one in zip(ids, ciphers, sealed, strict=True)
            ]
        except (InvalidTag, ValueError, TypeError):
            raise IntegrityError(
                "Sealed data of a person was changed.", advice="Restore the store from a backup; send nothing."
            ) from None


def _missing(group: _Group, known: Mapping[int, object], numbers: Sequence[int]) -> dict[int, Account]:
    """The accounts of those of these people who have one, of whom nothing is known yet."""
    rows = ((number, group.accounts[number]) for number in numbers if number not in known)
    return {number: row for number, row in rows if row is not None}


def _pieces(blob: bytes, width: int) -> list[bytes]:
    return [blob[at : at + width] for at in range(0, len(blob), width)]
