"""What a page says of who people are, as the registry of people takes it in."""

from collections import defaultdict

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.connectors.contract.records import Shape
from passerelle.connectors.contract.roles import Identifier, Key, MergedInto
from passerelle.privacy.identifiers import country_codes
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Field


def people(shape: Shape, table: pa.Table, *, default_country: str, source: str = "") -> Personal:
    """The identifiers of each record: `string`, or `list<string>` where several fields say the same thing.

    A record that was merged into another is known by both keys, which is what makes the two one person. A person
    whose record says no country is in `default_country`; one whose country is not understood is nowhere; and an
    event without a country says nothing of where the person is. Numbers of the source's own carry its name.
    """
    found: dict[Field, list[pa.Array]] = defaultdict(list)
    for one in shape.fields:
        for role in one.roles:
            if isinstance(role, Identifier):
                found[role.field].append(_known_as(table.column(one.name), role, source))
    merged, key = shape.one(MergedInto), shape.one(Key)
    by_key = key.role(Identifier) if key is not None else None
    if merged is not None and by_key is not None:
        found[by_key.field].append(_known_as(table.column(merged.name), by_key, source))
    countries = found.pop(Field.COUNTRY, [])
    columns = {field.value: arrays[0] if len(arrays) == 1 else _lists(arrays) for field, arrays in found.items()}
    if countries or shape.grain == "person":
        said = countries[0] if countries else pa.nulls(table.num_rows, pa.string())
        columns["country"] = pc.if_else(said.is_null(), default_country, country_codes(said))
    return Personal(pa.table(columns))


def _known_as(column: pa.ChunkedArray, role: Identifier, source: str) -> pa.Array:
    values = _text(column)
    return pc.binary_join_element_wise(pa.scalar(source), values, ":") if role.own else values


def _text(column: pa.ChunkedArray) -> pa.Array:
    values = column.combine_chunks()
    return values if pa.types.is_string(values.type) else values.cast(pa.string())


def _lists(arrays: list[pa.Array]) -> pa.Array:
    """Row by row the values that are there."""
    count = len(arrays[0])
    flat = pa.concat_arrays(arrays)
    rows = pa.concat_arrays([pa.array(range(count), pa.int32())] * len(arrays))
    present = pc.indices_nonzero(flat.is_valid())
    rows, flat = rows.take(present), flat.take(present)
    order = pc.sort_indices(pa.table({"row": rows, "place": present}), [("row", "ascending"), ("place", "ascending")])
    counts = pc.value_counts(pa.concat_arrays([rows, pa.array(range(count), pa.int32())]))
    sizes = counts.field("counts").take(pc.sort_indices(counts.field("values")))
    ends = pc.cumulative_sum(pc.subtract(sizes, 1)).cast(pa.int32())
    return pa.ListArray.from_arrays(pa.concat_arrays([pa.array([0], pa.int32()), ends]), flat.take(order))
