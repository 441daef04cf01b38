"""Merges that the winner tells of: a row for each record that was merged into another, as every source hands them over.

HubSpot lists in the surviving record the numbers of all the records that it absorbed; these are gone, and in no list
any more. Of each a row is made that says by its key which record it became. It says nothing of consent: what the
winner says is not what the lost record said.
"""

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.records import FieldShape, Shape
from passerelle.connectors.contract.roles import Cursor, Identifier, Key, MergedInto


def with_losers(shape: Shape, rows: pa.Table) -> pa.Table:
    """`rows`, with those of merged records added where the shape's merge target is a list; else as they are.

    The lost record's row has its own key, and the winner's identifiers and cursor, so that it is not older than what
    is known of it. Listing itself makes nothing of a record.
    """
    field = shape.one(MergedInto)
    role = field.role(MergedInto) if field is not None else None
    if field is None or role is None or not role.listed or not rows.num_rows:
        return rows
    keys = rows.column(shape.keys[0]).combine_chunks()
    parts = pc.split_pattern(rows.column(field.name).combine_chunks().cast(pa.string()), role.listed)
    lost, winner = pc.utf8_trim_whitespace(pc.list_flatten(parts)), pc.list_parent_indices(parts)
    into = keys.take(winner).cast(pa.string())
    real = pc.and_(pc.not_equal(lost, ""), pc.not_equal(lost, into))
    lost, winner, into = lost.filter(real), winner.filter(real), into.filter(real)
    standing = _with(rows, field.name, pa.nulls(rows.num_rows, pa.string()))
    if not len(lost):
        return standing
    gone = standing.take(winner)
    for one in shape.fields:
        if not _is_kept(one):
            gone = _with(gone, one.name, pa.nulls(len(lost), gone.column(one.name).type))
    gone = _with(gone, shape.keys[0], lost.cast(keys.type))
    return pa.concat_tables([standing, _with(gone, field.name, into)])


def _is_kept(one: FieldShape) -> bool:
    return any(isinstance(role, Key | Identifier | Cursor) for role in one.roles)


def _with(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, values)
