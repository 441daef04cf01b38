"""Decisions made for a plan, with all that they follow from: whoever sends asks whether they are still what they were.

A decision follows from the policy and the notices, from the tables of `TABLES`, and from the time. Each table has a
seal, a keyed sum over its rows. So where the rules and these seals are what they were, and no instant has passed at
which a decision changes by itself, deciding again would read the same rows and come to the same end.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import Connection

from passerelle.privacy.consent.digest import digest
from passerelle.privacy.store import Store
from passerelle.privacy.vocabulary import Destination, Purpose

TABLES = ("subject", "probable_link", "consent_event", "document")
"""What decisions are read from, but for ages: those stand in the vault."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Foreseen:
    """`decisions` are the gate's about `purpose` and `destination`, in the order in which it was asked.

    None of them changes by itself from `made_at` until before `holds_until` (microseconds UTC). `rests_on` is a digest
    of all else that they follow from; None where that is not known, or where ages were looked at: then they are
    good for a plan, and everybody is decided again before they are sent.
    """

    decisions: pa.Table
    purpose: Purpose
    destination: Destination
    made_at: int
    holds_until: int
    rests_on: str | None

    def still(self, ids: npt.NDArray[np.int64], *, now: int, rests_on: str | None) -> pa.Table | None:
        """The decisions on `ids`, in their order; None where somebody must be decided again."""
        if rests_on is None or rests_on != self.rests_on or not self.made_at <= now < self.holds_until:
            return None
        known = self.decisions["subject_id"].to_numpy()
        if not len(ids) or not len(known) or (known[1:] <= known[:-1]).any():
            return None
        place = np.minimum(np.searchsorted(known, ids), len(known) - 1)
        return self.decisions.take(pa.array(place)) if (known[place] == ids).all() else None


def basis(store: Store, connection: Connection, rules: str) -> str | None:
    """A digest of what decisions follow from, as `connection` sees the store; None where that can't be said."""
    state = store.state(connection, TABLES)
    return None if state is None else digest({"rules": rules, "tables": state})
