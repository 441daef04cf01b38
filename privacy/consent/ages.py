"""How old people are at most certain to be, from whatever is known of their birth."""

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.personal import Personal
from passerelle.privacy.vocabulary import Destination, Field

Ints = npt.NDArray[np.int64]
UNKNOWN = -1
_DAY = 86_400_000_000


def ages(people: Personal, *, at: int) -> Ints:
    """Whole years that each person has certainly lived at `at` (microseconds UTC); -1 where no year of birth is known.

    Of several years the latest counts; an unknown month or day counts as the end of the year or month.
    """
    table = people.reveal()
    today = datetime.fromtimestamp(at / 1_000_000, UTC)
    year = _latest(table, Field.BIRTH_YEAR, otherwise=UNKNOWN)
    month = _latest(table, Field.BIRTH_MONTH, otherwise=12)
    day = _latest(table, Field.BIRTH_DAY, otherwise=31)
    had_birthday = (month < today.month) | ((month == today.month) & (day <= today.day))
    lived = today.year - year - np.where(had_birthday, 0, 1)
    return np.where(year == UNKNOWN, UNKNOWN, np.maximum(lived, 0))


def next_birthday(at: int) -> int:
    """The next instant at which anybody may have lived another year: the end of the day, in UTC."""
    return at - at % _DAY + _DAY


def _latest(table: pa.Table, field: Field, *, otherwise: int) -> Ints:
    """The greatest number that any of a person's values of `field` says; `otherwise` where none says one."""
    from passerelle.privacy.identifiers import (
        normalize,
    )  # the rules for phones weigh much, and few policies ask for ages

    found = np.full(table.num_rows, UNKNOWN)
    if field.value in table.column_names:
        values = table[field.value].combine_chunks()
        listed = pa.types.is_list(values.type)
        people = pc.list_parent_indices(values) if listed else pa.array(np.arange(len(values)))
        flat = pc.list_flatten(values) if listed else values
        said = normalize(field, Destination.META, flat, None).value.cast(pa.int64())
        known = said.is_valid()
        np.maximum.at(found, people.filter(known).to_numpy(), said.filter(known).to_numpy())
    return np.where(found == UNKNOWN, otherwise, found)
