"""How many of the identifiers that come cannot be used, and which domains of addresses look like slips of the pen.

Counted while they are there; no value is kept, but for domains that are a letter from a well-known one.
"""

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.identifiers import normalize
from passerelle.privacy.personal import Personal
from passerelle.privacy.providers import slip_of
from passerelle.privacy.vocabulary import Destination, Field


class Formats:
    """Counts of some fields, by the rules of Google, which takes each of them; postal codes by their country."""

    def __init__(self, fields: Iterable[str], *, looked: bool) -> None:
        """`looked`: whether domains are counted."""
        self._fields = [Field(name) for name in fields]
        self._looked = looked
        self._slips: Counter[str] = Counter()
        self._given: Counter[str] = Counter()
        self._unusable: Counter[str] = Counter()

    def look(self, identifiers: Personal) -> None:
        """Count one page."""
        if not self._fields and not self._looked:
            return
        table = identifiers.reveal()
        country = table["country"] if "country" in table.column_names else pa.nulls(len(table), pa.string())
        for field in self._fields:
            if field.value in table.column_names:
                self._count(field, table[field.value], country)
        if self._looked and Field.EMAIL.value in table.column_names:
            self._look_at_domains(table[Field.EMAIL.value].combine_chunks())

    def slips(self) -> dict[str, int]:
        """How many addresses have each domain that looks like a slip, since the last call."""
        taken = dict(sorted(self._slips.items()))
        self._slips.clear()
        return taken

    def take(self) -> dict[str, tuple[int, int]]:
        """(given, unusable) by field since the last call."""
        taken = {name: (count, self._unusable[name]) for name, count in sorted(self._given.items())}
        self._given.clear()
        self._unusable.clear()
        return taken

    def _look_at_domains(self, values: pa.Array) -> None:
        flat = pc.list_flatten(values) if pa.types.is_list(values.type) else values
        domains = pc.utf8_lower(pc.utf8_trim_whitespace(pc.replace_substring_regex(flat, r"^.*@", "")))
        for entry in pc.value_counts(domains.drop_null()).to_pylist():
            if slip_of(entry["values"]) is not None:
                self._slips[entry["values"]] += entry["counts"]

    def _count(self, field: Field, values: pa.ChunkedArray, country: pa.ChunkedArray) -> None:
        column, where = values.combine_chunks(), country
        if pa.types.is_list(column.type):
            where = country.take(pc.list_parent_indices(column))
            column = pc.list_flatten(column)
        given = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(column), ""), fill_value=False)
        found = normalize(field, Destination.GOOGLE_ADS, column.filter(given), where.filter(given))
        self._given[field.value] += len(found.value)
        self._unusable[field.value] += found.value.null_count
