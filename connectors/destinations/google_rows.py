"""Members for Google: one per person, with all e-mails and phones, and an address where it is whole."""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.destination import MatchKeys, Reach
from passerelle.connectors.destinations.wire_columns import (
    Keyed,
    dropped,
    keyed,
    listed,
    newest,
    reached,
    refused_table,
)
from passerelle.privacy.consent.cleared import ClearedBatch
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Destination, Field

LISTS = {"email": (Field.EMAIL, 5), "phone": (Field.PHONE, 4)}
"""Column -> field, and how many at most: with the address, ten identifiers a member, as Google allows."""

ADDRESS = {
    "given_name": Field.FIRST_NAME,
    "family_name": Field.LAST_NAME,
    "region_code": Field.COUNTRY,
    "postal_code": Field.POSTAL_CODE,
}
COLUMNS = (*LISTS, *ADDRESS)


def match_keys(batch: ClearedBatch) -> MatchKeys:
    """Every valid e-mail and phone of each person, newest first, and the address where all four parts are there."""
    people = len(batch.subject_ids)
    keys, parts, whole = _keys(batch.identifiers)
    columns: dict[str, pa.Array] = {}
    surplus = {}
    for name, (field, limit) in LISTS.items():
        columns[name], surplus[field] = listed(keys[field], people, limit)
    nothing = pa.scalar(None, pa.string())
    columns |= {name: pc.if_else(pa.array(whole), part, nothing) for name, part in parts.items()}
    sent = whole | _filled(columns["email"]) | _filled(columns["phone"])
    counts = dropped(keys.values(), sent)
    counts |= {f"{field}.too_many": int(sent[rows].sum()) for field, rows in surplus.items() if len(rows)}
    named = np.asarray(pc.is_valid(parts["family_name"])) | np.asarray(pc.is_valid(parts["postal_code"]))
    incomplete = int((sent & named & ~whole).sum())
    if incomplete:
        counts["address.incomplete"] = incomplete
    return MatchKeys(
        subject_ids=batch.subject_ids.filter(pa.array(sent)),
        rows=Personal(pa.table({name: columns[name] for name in COLUMNS}).filter(pa.array(sent))),
        refused=refused_table(batch.subject_ids, sent),
        dropped=dict(counts),
    )


def reach(identifiers: Personal) -> Reach:
    """Who of these people Google could find."""
    keys, _, whole = _keys(identifiers)
    found = whole.copy()
    for field in _fields():
        key = keys[field]
        if key is not None:
            found[key.rows] = True
    return reached(keys.values(), found)


def _keys(identifiers: Personal) -> tuple[dict[Field, Keyed | None], dict[str, pa.Array], np.ndarray]:
    """Every key of everybody, the parts of their addresses, and whose address is whole."""
    table = identifiers.reveal()
    keys = {field: keyed(table, field, Destination.GOOGLE_ADS) for field in (*_fields(), *ADDRESS.values())}
    parts = {name: newest(keys[field], table.num_rows) for name, field in ADDRESS.items()}
    return keys, parts, np.logical_and.reduce([np.asarray(pc.is_valid(part)) for part in parts.values()])


def nobody() -> pa.Table:
    """One member who doesn't exist, for a request that Google checks and doesn't carry out."""
    digest = hashlib.sha256(b"nobody@passerelle.invalid").hexdigest()
    none = pa.array([None], pa.string())
    lists = {"email": pa.array([[digest]]), "phone": pa.array([[]], pa.list_(pa.string()))}
    return pa.table(lists | dict.fromkeys(ADDRESS, none))


def _fields() -> list[Field]:
    return [field for field, _ in LISTS.values()]


def _filled(column: pa.Array) -> np.ndarray:
    return np.asarray(pc.greater(pc.list_value_length(column), 0))
