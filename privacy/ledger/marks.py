"""Marks of values: they tell whether a person's value is the one that was sent, and nothing else.

The value itself stands in the ledger only sealed, under the person's own key, so comparing the values of everybody
would open everything. A mark is a keyed digest of person and value: who has the store without the key learns nothing
by it. Like digests of identifiers, marks rest on a key that outlives rotations.
"""

import hashlib
from typing import Final

import numpy as np
import numpy.typing as npt

from passerelle.privacy.keys import Keyring

NO_MARK: Final = -1
"""Stands where no value was sent."""

_DOMAIN = "membership/value"
_PAIR, _MARK = 16, 8
"""Bytes."""
_CHUNK = 1 << 16


def marks(keys: Keyring, ids: npt.NDArray[np.int64], amounts: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """A mark per person and value, aligned with both; never negative."""
    begun = hashlib.blake2b(key=keys.lasting(_DOMAIN), digest_size=_MARK).copy
    pairs = np.rec.fromarrays([ids.astype("<i8"), amounts.astype("<f8") + 0.0])  # -0.0 is 0.0
    found = np.empty(len(ids), np.int64)
    for start in range(0, len(ids), _CHUNK):
        raw = pairs[start : start + _CHUNK].tobytes()
        digests = []
        for at in range(0, len(raw), _PAIR):
            digest = begun()
            digest.update(raw[at : at + _PAIR])
            digests.append(digest.digest())
        found[start : start + _CHUNK] = np.frombuffer(b"".join(digests), "<i8") & np.iinfo(np.int64).max
    return found
