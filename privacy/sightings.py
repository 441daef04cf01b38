"""What rows of identifiers say about who they are about, as columns of numbers.

Each distinct canonical identifier gets a code; equal codes mean the same person. Placeholders that people and
programs type for "nothing" identify nobody.
"""

from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.held import CODES, LONGEST, Held, Ints, nothing, together
from passerelle.privacy.pseudonyms import DIGEST_BYTES, Pseudonyms
from passerelle.privacy.vocabulary import IDENTITY_FIELDS, Field


class Normalized(Protocol):
    """As far as sightings need it: the canonical values, null where there is none."""

    @property
    def value(self) -> pa.StringArray:
        """Aligned with the input."""
        ...


class Canonical(Protocol):
    """Gives identifiers the form that decides identity."""

    def __call__(self, field: Field, values: pa.Array, country: pa.Array) -> Normalized:
        """Aligned with `values`."""
        ...


_NOBODY = {
    Field.EXTERNAL_ID: (
        r"(?i)^(0+|-+|\.+|x{2,}|unknown|unbekannt|inconnue?|n/?a|null|none|nil|nan|undefined|aucune?|vide|empty|missing"
        r"|anonym(e|ous)?|guest|invite|invité|visiteur|test|default|\(null\)|\(not set\)|#n/a|0{8}(-0{4}){3}-0{12})$"
    ),
    Field.EMAIL: (
        r"(?i)^(no-?e?mail|pas-?d-?e?-?e?mail|sans-?e?mail|aucune?|inconnue?|unknown|none|n-?a|null|undefined|x{2,}|-+"
        r"|no-?reply|ne-?pas-?repondre|anonym(e|ous)?|guest)@"
    ),
    Field.PHONE: r"(0{8}|1{8}|2{8}|3{8}|4{8}|5{8}|6{8}|7{8}|8{8}|9{8})$",
}


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sightings:
    """Rows and what stands in them. `row` and `code` are aligned and rise by row; the rest is per code or per entry."""

    rows: int
    row: Ints
    code: Ints
    field: Ints
    """Per code: the field's number in the vault."""
    digest: pa.Array
    """Per code: the first keyed digest, `binary`; the store may hold it wrapped by later keys."""
    canonical: pa.StringArray
    """Per code."""
    kept: pa.Array
    """Per code: what the vault keeps, `binary`."""
    other: Held
    """Identifiers that decide no identity; `person` is the row, `since` is 0."""

    def __repr__(self) -> str:
        return f"<Sightings: {self.rows} rows>"


def read(table: pa.Table, country: pa.StringArray, pseudonyms: Pseudonyms, canonical: Canonical) -> Sightings:
    """The sightings in a table whose columns are named by `Field`, each `string` or `list<string>`."""
    found = [
        _identities(field, *_flat(table[field.value]), country, pseudonyms, canonical)
        for field in IDENTITY_FIELDS
        if field.value in table.column_names
    ]
    bases = np.cumsum([0, *(len(part.digest) for part in found)])
    row = np.concatenate([np.zeros(0, np.int64), *(part.row for part in found)])
    code = np.concatenate(
        [np.zeros(0, np.int64), *(part.code + base for part, base in zip(found, bases, strict=False))]
    )
    order = np.argsort(row, kind="stable")
    return Sightings(
        rows=table.num_rows,
        row=row[order],
        code=code[order],
        field=np.concatenate([np.zeros(0, np.int64), *(part.field for part in found)]),
        digest=_joined([part.digest for part in found], pa.binary()),
        canonical=_joined([part.canonical for part in found], pa.string()),
        kept=_joined([part.kept for part in found], pa.binary()),
        other=_others(table),
    )


def _identities(
    field: Field, row: Ints, values: pa.Array, country: pa.StringArray, pseudonyms: Pseudonyms, canonical: Canonical
) -> Sightings:
    normal = canonical(field, values, country.take(pa.array(row))).value
    usable = pc.and_not(pc.is_valid(normal), pc.fill_null(pc.match_substring_regex(normal, _NOBODY[field]), False))
    usable = pc.and_(usable, pc.less_equal(pc.binary_length(values), LONGEST))
    here = np.flatnonzero(usable.to_numpy(zero_copy_only=False))
    encoded = pc.dictionary_encode(normal.take(pa.array(here)))
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    distinct = encoded.dictionary
    code = encoded.indices.to_numpy().astype(np.int64)
    # A phone is kept as E.164, since its country of today may not be that of tomorrow; the others as they came.
    kept = distinct if field is Field.PHONE else values.take(pa.array(here[np.unique(code, return_index=True)[1]]))
    return Sightings(
        rows=0,
        row=row[here],
        code=code,
        field=np.full(len(distinct), CODES[field]),
        digest=pa.array(pseudonyms.identity(field, distinct.to_pylist()), pa.binary(DIGEST_BYTES)).cast(pa.binary()),
        canonical=distinct.cast(pa.string()),
        kept=pc.utf8_trim_whitespace(kept.cast(pa.string())).cast(pa.binary()),
        other=nothing(),
    )


def _others(table: pa.Table) -> Held:
    parts = [nothing()]
    for field, number in CODES.items():
        if field in IDENTITY_FIELDS or field is Field.COUNTRY or field.value not in table.column_names:
            continue
        row, values = _flat(table[field.value])
        values = pc.utf8_trim_whitespace(values)
        length = pc.binary_length(values).to_numpy(zero_copy_only=False)
        here = np.flatnonzero((length > 0) & (length <= LONGEST))
        kept = values.take(pa.array(here)).cast(pa.binary())
        parts.append(Held(row[here], np.full(len(here), number), np.zeros(len(here), np.int64), kept))
    return together(parts)


def _flat(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int64], pa.StringArray]:
    """Row numbers and values of a column of strings or lists of strings, nulls left out."""
    values = column.combine_chunks()
    if isinstance(values, pa.ChunkedArray):
        values = values.chunk(0) if values.num_chunks else pa.array([], values.type.value_type)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        row = pc.list_parent_indices(values).to_numpy().astype(np.int64)
        values = pc.list_flatten(values)
    else:
        row = np.arange(len(values))
    here = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
    return row[here], values.take(pa.array(here)).cast(pa.string())


def _joined(parts: list[pa.Array], kind: pa.DataType) -> pa.Array:
    return pa.concat_arrays(parts) if parts else pa.array([], kind)
