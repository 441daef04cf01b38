"""Fingerprints of erased people's identifiers: how somebody who comes back is known to have asked to be gone.

A fingerprint is an HMAC under a key of its own domain, so it equals no other digest in the store, and it stands
without a number: it tells that some erased person had this identifier, and not which. Its times are whole days, shared
by all who were erased that day, so that it is tied to nobody's erasure by the microsecond.
"""

from typing import final

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, select

from passerelle.privacy.keys import Keyring
from passerelle.privacy.pseudonyms import DIGEST_BYTES, Wrapping, keyed_digests
from passerelle.privacy.rotation.uses import Use
from passerelle.privacy.store.engine import Store
from passerelle.privacy.store.tables import suppression
from passerelle.privacy.vocabulary import Field

DOMAIN = "suppression"
"""What the key is derived for."""


@final
class Suppression:
    """The fingerprints in a store, under its keys."""

    def __init__(self, store: Store, keys: Keyring) -> None:
        self._store = store
        self._key = keys.lasting(DOMAIN)
        self._wrapping = Wrapping(keys, Use.SUPPRESSION)

    def fingerprints(self, field: Field, canonical: pa.StringArray) -> pa.Array:
        """16 bytes per canonical identifier, as `binary`: wrapped by later keys in the store."""
        encoded = (str(value).encode() for value in canonical.to_pylist())
        digests = keyed_digests(self._key, f"{field}\0".encode(), encoded)
        return pa.array([digest[:DIGEST_BYTES] for digest in digests], pa.binary())

    def keep(self, connection: Connection, fingerprints: pa.Array, *, now: int, until: int) -> int:
        """Have these known until `until` as somebody's who was erased at `now`; how many they are."""
        distinct, generation = self._wrapping.current(connection, fingerprints.unique())
        count = len(distinct)
        rows: dict[str, pa.Array | list[object]] = {
            "digest": distinct.take(pc.sort_indices(distinct)),
            "erased_at": [now] * count,
            "until": [until] * count,
            "generation": [generation] * count,
        }
        self._store.insert(connection, suppression, rows, on_conflict="replace")
        return count

    def any(self, connection: Connection) -> bool:
        """Whether anybody is remembered at all."""
        return connection.execute(select(suppression.c.digest).limit(1)).first() is not None

    def erased_at(self, connection: Connection, fingerprints: pa.Array) -> pa.Int64Array:
        """When the person of each fingerprint was erased; null where it is nobody's."""
        forms = self._wrapping.forms(connection, fingerprints)
        return pc.coalesce(*(self._erased_at(connection, form) for form in forms))

    def _erased_at(self, connection: Connection, fingerprints: pa.Array) -> pa.Int64Array:
        c = suppression.c
        with self._store.among(connection, fingerprints) as value:
            statement = select(c.digest, c.erased_at).where(c.digest.in_(select(value)))
            rows = self._store.table(connection, statement)
        places = pc.index_in(fingerprints, rows["digest"].combine_chunks())
        return rows["erased_at"].combine_chunks().take(places)

    def expire(self, connection: Connection, *, now: int) -> int:
        """Destroy the fingerprints whose time is over; how many those were."""
        if connection.execute(select(suppression.c.digest).where(suppression.c.until <= now).limit(1)).first() is None:
            return 0
        return self._store.delete(connection, suppression, suppression.c.until <= now)
