"""A page, sorted by what is to become of each record."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.casting import typed
from passerelle.connectors.contract.records import FieldShape, Shape
from passerelle.connectors.contract.roles import Cursor, Detail, EventName, EventTime, Kind, MergedInto, Tombstone
from passerelle.workflows.pull.consents import Statement, statements
from passerelle.workflows.pull.digest import keys
from passerelle.workflows.pull.strings import Strings, strings

Mask = npt.NDArray[np.bool_]


@dataclass(slots=True, eq=False)
class Sorted:
    """One page. Masks and arrays are aligned with its rows.

    `sound`: nothing is wrong with the record. `deleted`, `merged`: it is gone, or part of another one. `speaking`:
    it is heard about people and consent: sound records, and others as far as they refuse or withdraw, since a broken
    amount must not hide a withdrawal. `faults` has `row`, `field`, `reason`.
    """

    raw: pa.Table
    table: pa.Table
    key: pa.Array
    version: pa.Array
    said: list[Statement | Strings]
    sound: Mask
    deleted: Mask
    merged: Mask
    speaking: Mask
    faults: pa.Table


def sort(shape: Shape, raw: pa.Table, *, now: int, timezone: str, secret: bytes) -> Sorted:
    """Cast a page and look at each record's roles. `secret` makes the lake's keys."""
    made = typed(shape, raw, timezone=timezone)
    table, count = made.table, raw.num_rows
    key = keys(shape, table, secret)
    faults = [made.bad, _missing(key.is_null(), shape.keys[0] if shape.keys else "", "no_key")]
    for role in (EventName, EventTime):
        field = shape.one(role)
        if field is not None:
            faults.append(_missing(table.column(field.name).combine_chunks().is_null(), field.name, "missing"))
    details = {field.name for field, _ in shape.having(Detail)}
    held = np.zeros(count, bool)
    for bad in faults:
        fatal = bad.filter(pc.invert(pc.is_in(bad["field"], pa.array(sorted(details), pa.string()))))
        held[fatal["row"].to_numpy()] = True
    said: list[Statement | Strings] = [*statements(shape, table), *strings(shape, table)]
    merged = _merged(shape, table) & ~held
    deleted = _deleted(shape, table) & ~mask(key.is_null())
    vetoes = np.zeros(count, bool)
    for statement in said:
        vetoes |= mask(statement.vetoes)
    return Sorted(
        raw=raw,
        table=table,
        key=key,
        version=_version(shape.cursor, table, now),
        said=said,
        sound=~held & ~deleted,
        deleted=deleted & ~merged,
        merged=merged,
        speaking=(~held & ~deleted) | (vetoes & ~deleted) | merged,
        faults=pa.concat_tables(faults),
    )


def mask(values: Any) -> Mask:  # noqa: ANN401 - an Arrow array
    """Arrow's truth values as numpy's; null is false."""
    return np.asarray(pc.fill_null(values, fill_value=False).to_numpy(zero_copy_only=False), bool)


def places(found: Mask) -> pa.Array:
    """Which rows, as Arrow's places."""
    return pa.array(np.flatnonzero(found))


def fault_rows(rows: pa.Array, field: str, reason: str) -> pa.Table:
    """Faults of these rows, all alike."""
    return pa.table({"row": rows.cast(pa.int64()), "field": [field] * len(rows), "reason": [reason] * len(rows)}).cast(
        pa.schema([("row", pa.int64()), ("field", pa.string()), ("reason", pa.string())])
    )


def _missing(absent: pa.Array, field: str, reason: str) -> pa.Table:
    return fault_rows(pc.indices_nonzero(absent), field, reason)


def _deleted(shape: Shape, table: pa.Table) -> Mask:
    for field, role in shape.having(Tombstone):
        values = table.column(field.name).combine_chunks()
        if not role.values:
            return mask(values)
        words = pc.utf8_lower(values)
        return mask(pc.is_in(words, pa.array(sorted(value.lower() for value in role.values))))
    return np.zeros(table.num_rows, bool)


def _merged(shape: Shape, table: pa.Table) -> Mask:
    field = shape.one(MergedInto)
    return (
        np.zeros(table.num_rows, bool) if field is None else mask(table.column(field.name).combine_chunks().is_valid())
    )


def _version(cursor: FieldShape | None, table: pa.Table, now: int) -> pa.Array:
    """What tells the newer of two records: the cursor as a number. A time that is yet to come counts as now."""
    if cursor is None or cursor.kind is Kind.STRING:
        return pa.nulls(table.num_rows, pa.int64())
    values = table.column(cursor.name).combine_chunks()
    if cursor.kind is Kind.INTEGER:
        return values
    moments = values.cast(pa.timestamp("us")).cast(pa.int64())
    return pc.min_element_wise(moments, pa.scalar(now), skip_nulls=False)


__all__ = ["Cursor", "Sorted", "fault_rows", "mask", "places", "sort"]
