"""The vault: what identifies people, sealed under a key of each person's own.

Each person has a data key (it seals the identifiers and what was sent of them) and an audit key (it blinds what
the log says of them), both random and both wrapped by the key-encryption key. Who destroys the two makes every copy
of their data unreadable and every leaf about them unlinkable. All sealing is AES-256-GCM; the associated data names
the person and the use, so that no row can stand in for another.
"""

import os
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, select

from passerelle.privacy.errors import IntegrityError
from passerelle.privacy.held import Ints
from passerelle.privacy.keys import Keyring, Random
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.tables import vault

_NONCE = 12
_KEY = 32
_WIDTH = 8


class Vault:
    """Keys and bodies by `subject_id`. Ids are taken as they are: merges are not followed here."""

    def __init__(self, store: Store, keys: Keyring, *, random: Random = os.urandom) -> None:
        self._store = store
        self._wrap = AESGCM(keys.derive("vault/key-encryption"))
        self._random = random

    def open_accounts(self, connection: Connection, ids: Sequence[int], bodies: Sequence[bytes]) -> None:
        """Make keys for new people and seal their first bodies."""
        count = len(ids)
        fresh = _pieces(self._random(2 * count * _KEY), _KEY)
        data, audit = fresh[:count], fresh[count:]
        rows: dict[str, pa.Array | list[object]] = {
            "subject_id": pa.array(ids, pa.int64()),
            "data_key": list(self._wrapped(b"data", ids, data)),
            "audit_key": list(self._wrapped(b"audit", ids, audit)),
            "body": list(self._sealed(b"vault", ids, data, bodies)),
            "revision": pa.array(np.ones(count, np.int64)),
        }
        self._store.insert(connection, vault, rows)

    def bodies(self, connection: Connection, ids: pa.Array) -> list[bytes]:
        """The bodies of people, empty for who has no account. Raises `IntegrityError` where one was changed."""
        rows = self._rows(connection, ids, "data_key", "body")
        there = rows["subject_id"].combine_chunks()
        keys = self._unwrapped(b"data", there, rows["data_key"].to_pylist())
        opened = self._opened(b"vault", there, keys, rows["body"].to_pylist())
        return [b"" if place is None else opened[place] for place in pc.index_in(ids, there).to_pylist()]

    def replace_bodies(self, connection: Connection, ids: pa.Array, bodies: Sequence[bytes]) -> None:
        """Seal new bodies for people who have an account. Their revision does not change by itself."""
        columns = self._columns(connection, ids, "data_key")
        numbers = ids.to_pylist()
        keys = self._unwrapped(b"data", ids, columns["data_key"])
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
        rows = self._rows(connection, ids, "audit_key")
        wanted = pc.index_in(ids, rows["subject_id"].combine_chunks())
        known = rows["subject_id"].to_pylist()
        keys = self._unwrap(b"audit", known, rows["audit_key"].to_pylist())
        return [None if place is None else keys[place] for place in wanted.to_pylist()]

    def seal(self, connection: Connection, ids: pa.Array, payloads: Sequence[bytes], *, use: bytes) -> list[bytes]:
        """Seal a payload for each person under their data key. Opened only with the same id and use."""
        columns = self._columns(connection, ids, "data_key")
        keys = self._unwrapped(b"data", ids, columns["data_key"])
        return list(self._sealed(use, ids.to_pylist(), keys, payloads))

    def unseal(self, connection: Connection, ids: pa.Array, sealed: Sequence[bytes], *, use: bytes) -> list[bytes]:
        """The payloads again. Raises `IntegrityError` where one was changed, or its person's key is destroyed."""
        columns = self._columns(connection, ids, "data_key")
        return self._opened(use, ids, self._unwrapped(b"data", ids, columns["data_key"]), sealed)

    def _rows(self, connection: Connection, ids: pa.Array, *names: str) -> pa.Table:
        with self._store.among(connection, ids) as wanted:
            columns = [vault.c[name] for name in ("subject_id", *names)]
            return self._store.table(connection, select(*columns).where(vault.c.subject_id.in_(select(wanted))))

    def _columns(self, connection: Connection, ids: pa.Array, *names: str) -> dict[str, list[bytes]]:
        rows = self._rows(connection, ids, *names)
        places = pc.index_in(ids, rows["subject_id"].combine_chunks())
        if places.null_count:
            raise IntegrityError(
                f"{places.null_count} people have no keys in the vault.",
                advice="They were erased, or the store was changed by hand; `passerelle audit verify` tells.",
            )
        return {name: rows[name].take(places).to_pylist() for name in names}

    def _wrapped(self, kind: bytes, ids: Sequence[int], keys: Sequence[bytes]) -> Iterable[bytes]:
        encrypt = self._wrap.encrypt
        nonces = _pieces(self._random(len(ids) * _NONCE), _NONCE)
        for subject, nonce, key in zip(ids, nonces, keys, strict=True):
            yield nonce + encrypt(nonce, key, kind + subject.to_bytes(_WIDTH))

    def _unwrapped(self, kind: bytes, ids: pa.Array, wrapped: Sequence[bytes]) -> list[bytes]:
        return self._unwrap(kind, ids.to_pylist(), wrapped)

    def _unwrap(self, kind: bytes, ids: Sequence[int], wrapped: Sequence[bytes]) -> list[bytes]:
        decrypt = self._wrap.decrypt
        try:
            return [
                decrypt(one[:_NONCE], one[_NONCE:], kind + subject.to_bytes(_WIDTH))
                for subject, one in zip(ids, wrapped, strict=True)
            ]
        except (InvalidTag, ValueError):
            raise IntegrityError("A key in the vault was changed, or the master key is another one.") from None

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
