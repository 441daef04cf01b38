"""From a cleared batch to wire columns: every identifier normalised and hashed, in whole columns."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.destination import Reach
from passerelle.privacy.identifiers import match_key
from passerelle.privacy.vocabulary import Destination, Field

NO_KEY = "no_match_key"
"""Reason for a person of whom nothing may be sent that the platform could find them by."""


@dataclass(frozen=True, slots=True, eq=False)
class Keyed:
    """One field's match keys: `values` in wire form, `rows` the person of each, in order, newest value first.

    `refused_reasons` (string) and `refused_rows` are the values that may not be sent.
    """

    field: Field
    values: pa.Array
    rows: np.ndarray
    refused_reasons: pa.Array
    refused_rows: np.ndarray


def keyed(table: pa.Table, field: Field, platform: Destination) -> Keyed | None:
    """Normalise and hash one field of everybody; None where nobody has it."""
    if field not in table.column_names:
        return None
    column = table.column(field).combine_chunks()
    values, rows = _flat(column)
    country = table.column(Field.COUNTRY).combine_chunks() if Field.COUNTRY in table.column_names else None
    if country is not None and field is not Field.COUNTRY:
        country = country.take(pa.array(rows))
    made = match_key(field, platform, values, None if field is Field.COUNTRY else country)
    sendable = np.asarray(pc.is_valid(made.value))
    told = np.asarray(pc.is_valid(made.reason))
    return Keyed(
        field,
        made.value.filter(pa.array(sendable)),
        rows[sendable],
        made.reason.filter(pa.array(told & ~sendable)),
        rows[told & ~sendable],
    )


def _flat(column: pa.Array) -> tuple[pa.Array, np.ndarray]:
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return column.flatten(), np.asarray(pc.list_parent_indices(column))
    return column, np.arange(len(column))


def newest(key: Keyed | None, people: int) -> pa.Array:
    """Each person's newest value that may be sent, as a string column with null where there is none."""
    if key is None or not len(key.rows):
        return pa.nulls(people, pa.string())
    owners, firsts = np.unique(key.rows, return_index=True)
    places = np.full(people, -1)
    places[owners] = firsts
    return key.values.take(pa.array(places, mask=places < 0))


def listed(key: Keyed | None, people: int, limit: int) -> tuple[pa.Array, np.ndarray]:
    """Each person's distinct values that may be sent, newest first, at most `limit`; and whose were left out for it."""
    if key is None or not len(key.rows):
        return pa.ListArray.from_arrays(pa.array(np.zeros(people + 1, np.int32)), pa.array([], pa.string())), np.array(
            [], int
        )
    codes = np.asarray(key.values.dictionary_encode().indices)
    _, kept = np.unique(key.rows.astype(np.int64) * (codes.max() + 1) + codes, return_index=True)
    kept.sort()
    rows = key.rows[kept]
    starts = np.searchsorted(rows, rows, side="left")
    within = np.arange(len(rows)) - starts < limit
    offsets = np.searchsorted(rows[within], np.arange(people + 1), side="left").astype(np.int32)
    values = key.values.take(pa.array(kept[within]))
    return pa.ListArray.from_arrays(pa.array(offsets), values), rows[~within]


def dropped(keys: Iterable[Keyed | None], sent: np.ndarray) -> Counter[str]:
    """How many single identifiers of people who are sent (a mask) were left out, by `field.reason`."""
    counts: Counter[str] = Counter()
    for key in keys:
        if key is None or not len(key.refused_rows):
            continue
        reasons = key.refused_reasons.filter(pa.array(sent[key.refused_rows]))
        for entry in pc.value_counts(reasons).to_pylist():
            counts[f"{key.field}.{entry['values']}"] += entry["counts"]
    return counts


def reached(keys: Iterable[Keyed | None], sent: np.ndarray) -> Reach:
    """How well the people of `sent` (a mask: who can be found) could be matched, by these keys."""
    there = [key for key in keys if key is not None]
    by_key = {str(key.field): len(np.unique(key.rows)) for key in there if len(key.rows)}
    defects = dropped(there, np.ones(len(sent), bool))
    return Reach(len(sent), int(sent.sum()), by_key, dict(defects))


def refused_table(subject_ids: pa.Array, sent: np.ndarray) -> pa.Table:
    """People who are not sent at all, with the reason."""
    people = subject_ids.filter(pa.array(~sent))
    return pa.table({"subject_id": people, "reason": pa.array([NO_KEY] * len(people), pa.string())})
