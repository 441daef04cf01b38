"""How many of the identifiers that come cannot be used. Counted while they are there; no value is kept."""

from collections import Counter
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.identifiers import normalize
from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Destination, Field


class Formats:
    """Counts of some fields, by the rules of Google, which takes each of them; postal codes by their country."""

    def __init__(self, fields: Iterable[str]) -> None:
        self._fields = [Field(name) for name in fields]
        self._given: Counter[str] = Counter()
        self._unusable: Counter[str] = Counter()

    def look(self, identifiers: Personal) -> None:
        """Count one page."""
        if not self._fields:
            return
        table = identifiers.reveal()
        country = table["country"] if "country" in table.column_names else pa.nulls(len(table), pa.string())
        for field in self._fields:
            if field.value in table.column_names:
                self._count(field, table[field.value], country)

    def take(self) -> dict[str, tuple[int, int]]:
        """(given, unusable) by field since the last call."""
        taken = {name: (count, self._unusable[name]) for name, count in sorted(self._given.items())}
        self._given.clear()
        self._unusable.clear()
        return taken

    def _count(self, field: Field, values: pa.ChunkedArray, country: pa.ChunkedArray) -> None:
        column, where = values.combine_chunks(), country
        if pa.types.is_list(column.type):
            where = country.take(pc.list_parent_indices(column))
            column = pc.list_flatten(column)
        given = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(column), ""), fill_value=False)
        found = normalize(field, Destination.GOOGLE_ADS, column.filter(given), where.filter(given))
        self._given[field.value] += len(found.value)
        self._unusable[field.value] += found.value.null_count
