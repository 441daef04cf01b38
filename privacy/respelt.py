"""People whose addresses differ by a slip of the pen only: a no of one is a no of both, and nothing else follows.

Nobody is recognised, merged, sent or consented for by an address that they did not write (decision 26).
"""

from collections.abc import Callable
from typing import final

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from passerelle.privacy.consent.likely import tie
from passerelle.privacy.identifiers.spellings import Spellings
from passerelle.privacy.store.engine import Store

SOURCE = "spelling"
_SCORE = 1000

Known = Callable[[Connection, pa.StringArray], pa.Int64Array]
"""Who has each address in canonical form; null where nobody has."""


@final
class Respelt:
    """Ties people by the addresses that they may have meant."""

    def __init__(self, store: Store, spellings: Spellings, known: Known) -> None:
        self._store = store
        self._spellings = spellings
        self._known = known

    def tie(self, connection: Connection, addresses: pa.StringArray, *, now: int) -> None:
        """Tie whoever has one of these addresses to whoever has it in another spelling of the dictionary."""
        place, others = self._spellings.others(addresses)
        theirs = self._known(connection, others)
        there = theirs.is_valid()
        owners = self._known(connection, addresses.take(pa.array(place)).filter(there))
        pairs = pa.table({"subject_id": owners, "other_id": theirs.filter(there)}).drop_null()
        if pairs.num_rows:
            scored = pairs.append_column("score", pa.repeat(pa.scalar(_SCORE, pa.int64()), pairs.num_rows))
            tie(self._store, connection, scored, source=SOURCE, now=now)

    def slips(self, addresses: pa.StringArray) -> pa.StringArray:
        """Of these addresses, those that are slips by the dictionary: each is tied to all that it may stand for."""
        return addresses.filter(pc.not_equal(self._spellings.corrected(addresses), addresses))
