"""The vault: what identifies people, sealed under a key of each person's own.

Each person has a data key (it seals the identifiers and what was sent of them) and an audit key (it blinds what
the log says of them), both random and both wrapped by the key-encryption key. Who destroys the two makes every copy
of their data unreadable and every leaf about them unlinkable. All sealing is AES-256-GCM; the associated data names
the person and the use, so that no row can stand in for another.

Each row says which generation of the master key wraps its two keys. A rotation wraps them anew and touches nothing
else: what is sealed under a person's own keys stays as it is.
"""

import os
from collections.abc import Iterable, Sequence
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
from passerelle.privacy.rotation.uses import Use, standing
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.tables import vault

_NONCE = 12
_KEY = 32
_WIDTH = 8
_WRAPPING = "vault/key-encryption"


class Vault:
    """Keys and bodies by `subject_id`. Ids are taken as they are: merges are not followed here."""

    def __init__(self, store: Store, keys: Keyring, *, random: Random = os.urandom) -> None:
        self._store = store
        self._keys = keys
        self._wraps: dict[int, AESGCM] = {}
        self._random = random

    def open_accounts(self, connection: Connection, ids: Sequence[int], bodies: Sequence[bytes]) -> None:
        """Make keys for new people and seal their first bodies."""
        count = len(ids)
        fresh = _pieces(self._random(2 * count * _KEY), _KEY)
        data, audit = fresh[:count], fresh[count:]
        generation = standing(connection, Use.VAULT).current
        rows: dict[str, pa.Array | list[object]] = {
            "subject_id": pa.array(ids, pa.int64()),
            "data_key": list(self._wrapped(b"data", ids, data, generation)),
            "audit_key": list(self._wrapped(b"audit", ids, audit, generation)),
            "body": list(self._sealed(b"vault", ids, data, bodies)),
            "revision": pa.array(np.ones(count, np.int64)),
            "generation": pa.array(np.full(count, generation)),
        }
        self._store.insert(connection, vault, rows)

    def bodies(self, connection: Connection, ids: pa.Array) -> list[bytes]:
        """The bodies of people, empty for who has no account. Raises `IntegrityError` where one was changed."""
        rows = self._rows(connection, ids, "data_key", "generation", "body")
        there = rows["subject_id"].combine_chunks()
        keys = self._unwrapped(b"data", there, rows.to_pydict())
        opened = self._opened(b"vault", there, keys, rows["body"].to_pylist())
        return [b"" if place is None else opened[place] for place in pc.index_in(ids, there).to_pylist()]

    def replace_bodies(self, connection: Connection, ids: pa.Array, bodies: Sequence[bytes]) -> None:
        """Seal new bodies for people who have an account. Their revision does not change by itself."""
        numbers = ids.to_pylist()
        keys = self._data_keys(connection, ids)
        sealed: list[object] = list(self._sealed(b"vault", numbers, keys, bodies))
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
        rows = self._rows(connection, ids, "revision")
        places = pc.index_in(ids, rows["subject_id"].combine_chunks())
        return rows["revision"].combine_chunks().take(places).cast(pa.int32())

    def audit_keys(self, connection: Connection, ids: pa.Array) -> list[bytes | None]:
        """The keys that blind people's leaves, aligned with `ids`; None for who has none any more."""
        rows = self._rows(connection, ids, "audit_key", "generation")
        there = rows["subject_id"].combine_chunks()
        wanted = pc.index_in(ids, there)
        keys = self._unwrapped(b"audit", there, rows.to_pydict())
        return [None if place is None else keys[place] for place in wanted.to_pylist()]

    def seal(self, connection: Connection, ids: pa.Array, payloads: Sequence[bytes], *, use: bytes) -> list[bytes]:
        """Seal a payload for each person under their data key. Opened only with the same id and use."""
        return list(self._sealed(use, ids.to_pylist(), self._data_keys(connection, ids), payloads))

    def unseal(self, connection: Connection, ids: pa.Array, sealed: Sequence[bytes], *, use: bytes) -> list[bytes]:
        """The payloads again. Raises `IntegrityError` where one was changed, or its person's key is destroyed."""
        return self._opened(use, ids, self._data_keys(connection, ids), sealed)

    def rewrap(self, connection: Connection, ids: pa.Array) -> int:
        """Wrap the keys of these people with the current generation; how many were not yet. Opens no body."""
        now = standing(connection, Use.VAULT).current
        rows = self._rows(connection, ids, "data_key", "audit_key", "generation")
        rows = rows.filter(pc.not_equal(rows["generation"], now))
        there = rows["subject_id"].combine_chunks()
        changed: dict[str, pa.Array | list[object]] = {"subject_id": there}
        for kind, name in ((b"data", "data_key"), (b"audit", "audit_key")):
            keys = self._unwrapped(kind, there, rows.to_pydict())
            changed[name] = list(self._wrapped(kind, there.to_pylist(), keys, now))
        changed["generation"] = pa.array(np.full(len(there), now))
        self._store.update(connection, vault, changed)
        return len(there)

    def _rows(self, connection: Connection, ids: pa.Array, *names: str) -> pa.Table:
        with self._store.among(connection, ids) as wanted:
            columns = [vault.c[name] for name in ("subject_id", *names)]
            return self._store.table(connection, select(*columns).where(vault.c.subject_id.in_(select(wanted))))

    def _data_keys(self, connection: Connection, ids: pa.Array) -> list[bytes]:
        """Aligned with `ids`, of which each must have an account."""
        rows = self._rows(connection, ids, "data_key", "generation")
        places = pc.index_in(ids, rows["subject_id"].combine_chunks())
        if places.null_count:
            raise IntegrityError(
                f"{places.null_count} people have no keys in the vault.",
                advice="They were erased, or the store was changed by hand; `passerelle audit verify` tells.",
            )
        return self._unwrapped(b"data", ids, rows.take(places).to_pydict())

    def _wrapped(self, kind: bytes, ids: Sequence[int], keys: Sequence[bytes], generation: int) -> Iterable[bytes]:
        encrypt = self._wrapper(generation).encrypt
        nonces = _pieces(self._random(len(ids) * _NONCE), _NONCE)
        for subject, nonce, key in zip(ids, nonces, keys, strict=True):
            yield nonce + encrypt(nonce, key, kind + subject.to_bytes(_WIDTH))

    def _unwrapped(self, kind: bytes, ids: pa.Array, rows: dict[str, list[Any]]) -> list[bytes]:
        """The keys of one kind in `rows`, which are aligned with `ids`."""
        decrypts = {number: self._wrapper(number).decrypt for number in set(rows["generation"])}
        triples = zip(ids.to_pylist(), rows[f"{kind.decode()}_key"], rows["generation"], strict=True)
        try:
            return [
                decrypts[number](one[:_NONCE], one[_NONCE:], kind + subject.to_bytes(_WIDTH))
                for subject, one, number in triples
            ]
        except (InvalidTag, ValueError):
            raise IntegrityError("A key in the vault was changed, or the master key is another one.") from None

    def _wrapper(self, generation: int) -> AESGCM:
        if generation not in self._wraps:
            self._wraps[generation] = AESGCM(self._keys.derive(_WRAPPING, generation=generation))
        return self._wraps[generation]

    def _sealed(
        self, use: bytes, ids: Sequence[int], keys: Sequence[bytes], payloads: Sequence[bytes]
    ) -> Iterable[bytes]:
        nonces = _pieces(self._random(len(ids) * _NONCE), _NONCE)
        for subject, key, nonce, payload in zip(ids, keys, nonces, payloads, strict=True):
            yield nonce + AESGCM(key).encrypt(nonce, payload, use + subject.to_bytes(_WIDTH))

    def _opened(self, use: bytes, ids: pa.Array, keys: Sequence[bytes], sealed: Sequence[bytes]) -> list[bytes]:
        try:
            return [
                AESGCM(key).decrypt(one[:_NONCE], one[_NONCE:], use + subject.to_bytes(_WIDTH))
                for subject, key, one in zip(ids.to_pylist(), keys, sealed, strict=True)
            ]
        except (InvalidTag, ValueError):
            raise IntegrityError(
                "Sealed data of a person was changed.", advice="Restore the store from a backup; send nothing."
            ) from None


def _pieces(blob: bytes, width: int) -> list[bytes]:
    return [blob[at : at + width] for at in range(0, len(blob), width)]
