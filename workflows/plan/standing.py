"""Who is at a place as the ledger knows it, in the form that a plan compares."""

import numpy as np
import pyarrow.compute as pc
from sqlalchemy import Connection

from passerelle.privacy.ledger import Ledger, Place
from passerelle.privacy.ledger.marks import NO_MARK
from passerelle.workflows.plan.moves import LEAVING, THERE, UNCERTAIN, UNSENDABLE, Ids, Standing

_NO_REVISION = -2
"""No identifiers have it: who stands with it counts as changed."""

_KINDS = {"member": THERE, "removing": LEAVING, "unsendable": UNSENDABLE}


def standing(connection: Connection, ledger: Ledger, place: Place, *, values: bool = False) -> Standing:
    """Who is there by our receipts, who may be, and whose removal is owed; with `values`, the marks of theirs."""
    people = ledger.people(connection, place, values=values)
    states = pc.dictionary_encode(people["state"]).combine_chunks()
    by_code = np.array([_KINDS[state] for state in states.dictionary.to_pylist()] or [0], np.int8)
    kind = by_code[states.indices.to_numpy(zero_copy_only=False)] if len(people) else np.empty(0, np.int8)
    uncertain = people["uncertain"].to_numpy()
    kind = np.where(uncertain & (kind == THERE), UNCERTAIN, kind).astype(np.int8)
    revision = people["revision"].to_numpy().astype(np.int32)
    if (kind == UNSENDABLE).any():
        again = np.isin(people["subject_id"].to_numpy(), ledger.stirred(connection, place).to_numpy())
        revision = np.where(again, _NO_REVISION, revision).astype(np.int32)
    marks = pc.fill_null(people["value_mark"], NO_MARK).to_numpy().astype(np.int64) if values else None
    return Standing(people["subject_id"].to_numpy(), kind, revision, owed(connection, ledger, place), marks)


def owed(connection: Connection, ledger: Ledger, place: Place) -> Ids:
    """Whose removal is owed there, ascending."""
    return np.sort(ledger.owed(connection, place)["subject_id"].to_numpy())
