"""Columns in, columns out: each distinct value is normalised once, the common ones whole columns at a time."""

import hashlib
from binascii import hexlify
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.identifiers.reasons import Refusal

_AT_ONCE = 1 << 16
_HEX = 64
_SAMPLED = 4096
_WORTH_A_COLUMN = 64
"""Fewer distinct values than this go one by one: compiling expressions would cost more."""


@dataclass(frozen=True, slots=True)
class Normalized:
    """One normal form or one reason per row; both null where the row had no value.

    `value` is null where nothing may be sent, and `reason` then holds a code of `REASONS`.
    """

    value: pa.StringArray
    reason: pa.StringArray


@dataclass(frozen=True, slots=True)
class Rule:
    """How one field becomes its normal form for one destination.

    `one` decides, value by value. `many` answers the same for the values it is sure of and leaves both columns null
    for the others.
    """

    one: Callable[[str, str | None], str | Refusal]
    many: Callable[[pa.StringArray, str | None], Normalized] | None = None
    by_country: bool = False


def apply(rule: Rule, values: pa.StringArray, countries: pa.StringArray | str | None, *, hashed: bool) -> Normalized:
    """Apply `rule` to every row of `values`; `countries` (ISO codes) are the rows' own, or one for all.

    `hashed`: the values come out as their SHA-256.
    """
    work = _Work(rule, hashed)
    if not isinstance(countries, pa.Array):
        return work.rows(values, countries)
    codes = countries.dictionary_encode()
    groups = codes.dictionary.to_pylist()
    if len(groups) <= 1 and codes.null_count in {0, len(codes)}:
        return work.rows(values, groups[0] if groups else None)
    return _gathered(work, values, codes, groups)


def sha256_hex(values: pa.StringArray) -> pa.StringArray:
    """The SHA-256 of each value in lower-case hex; null stays null. At most 30 million values a call."""
    if values.null_count:
        return sha256_hex(values.drop_null()).take(_places(_present(values)))
    ends = np.arange(0, (len(values) + 1) * _HEX, _HEX, dtype=np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(ends), pa.py_buffer(b"".join(_digests(values))))


def text_column(values: pa.Array | pa.ChunkedArray) -> tuple[pa.StringArray, npt.NDArray[np.bool_] | None]:
    """`values` as one string array, and which rows are neither text, nor a whole number, nor a date."""
    column = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type):
        return column, None
    if pa.types.is_floating(column.type):
        whole = pc.equal(column, pc.floor(column))
        usable = pc.if_else(pc.and_kleene(whole, pc.less(pc.abs(column), 2**53)), column, None)
        refused = pc.and_(column.is_valid(), usable.is_null()).to_numpy(zero_copy_only=False)
        return usable.cast(pa.int64()).cast(pa.string()), refused
    if pa.types.is_boolean(column.type) or pa.types.is_nested(column.type):
        return pa.nulls(len(column), pa.string()), column.is_valid().to_numpy(zero_copy_only=False)
    return column.cast(pa.string()), None


def refused(values: pa.Array, refusal: Refusal) -> Normalized:
    """Every value refused, for one reason."""
    reason = pc.if_else(values.is_valid(), refusal.value, pa.scalar(None, pa.string()))
    return Normalized(pa.nulls(len(values), pa.string()), reason)


@dataclass(frozen=True, slots=True)
class _Work:
    """A rule, and whether its answers are hashed."""

    rule: Rule
    hashed: bool

    def rows(self, values: pa.StringArray, country: str | None) -> Normalized:
        """An answer per row, having looked at each distinct value once (or at each row, where hardly any repeats)."""
        if _hardly_repeats(values):
            if not values.null_count:
                return self.distinct(values, country)
            answers, rows = self.distinct(values.drop_null(), country), _places(_present(values))
        else:
            encoded = values.dictionary_encode()
            answers, rows = self.distinct(encoded.dictionary, country), encoded.indices
        quiet = answers.reason.null_count == len(answers.reason)
        return Normalized(
            answers.value.take(rows), pa.nulls(len(values), pa.string()) if quiet else answers.reason.take(rows)
        )

    def distinct(self, values: pa.StringArray, country: str | None) -> Normalized:
        """An answer per value, none of which is null; a piece at a time, so that memory stays bounded."""
        pieces = [values.slice(start, _AT_ONCE) for start in range(0, len(values), _AT_ONCE)] or [values]
        parts = [_answers(self.rule, piece, country) for piece in pieces]
        return Normalized(
            pa.concat_arrays([sha256_hex(part.value) if self.hashed else part.value for part in parts]),
            pa.concat_arrays([part.reason for part in parts]),
        )


def _answers(rule: Rule, values: pa.StringArray, country: str | None) -> Normalized:
    if rule.many is None or len(values) < _WORTH_A_COLUMN:
        return _one_by_one(rule, values, country)
    quick = rule.many(values, country)
    left = pc.and_(quick.value.is_null(), quick.reason.is_null())
    if not pc.any(left).as_py():
        return quick
    slow = _one_by_one(rule, values.filter(left), country)
    return Normalized(
        pc.replace_with_mask(quick.value, left, slow.value), pc.replace_with_mask(quick.reason, left, slow.reason)
    )


def _one_by_one(rule: Rule, values: pa.StringArray, country: str | None) -> Normalized:
    answers = [rule.one(value, country) for value in values.to_pylist()]
    return Normalized(
        pa.array([None if isinstance(each, Refusal) else each for each in answers], pa.string()),
        pa.array([each.value if isinstance(each, Refusal) else None for each in answers], pa.string()),
    )


def _gathered(work: _Work, values: pa.StringArray, codes: pa.DictionaryArray, groups: list[str]) -> Normalized:
    """Country by country, then back into the order of the rows."""
    numbers = pc.fill_null(codes.indices, len(groups)).to_numpy()
    rows = [np.flatnonzero(numbers == number) for number in range(len(groups) + 1)]
    parts = [
        work.rows(values.take(pa.array(mine)), country) for mine, country in zip(rows, [*groups, None], strict=True)
    ]
    back = np.empty(len(values), dtype=np.int64)
    back[np.concatenate(rows)] = np.arange(len(values))
    order = pa.array(back)
    return Normalized(
        pa.concat_arrays([part.value for part in parts]).take(order),
        pa.concat_arrays([part.reason for part in parts]).take(order),
    )


def _digests(values: pa.StringArray) -> Iterator[bytes]:
    """The hex digests of many values, one after the other, so many at once that the objects stay few."""
    sha256 = hashlib.sha256
    for start in range(0, len(values), _AT_ONCE):
        chunk = values.slice(start, _AT_ONCE).cast(pa.binary()).to_numpy(zero_copy_only=False).tolist()
        yield hexlify(b"".join([sha256(each).digest() for each in chunk]))


def _hardly_repeats(values: pa.StringArray) -> bool:
    """Whether encoding the column would find next to nothing twice, judged by the repeats among some rows.

    Among s rows drawn from p values about s²/2p repeat; more than twice as many values as rows are not worth it.
    """
    if len(values) < _SAMPLED:
        return False
    sample = values.slice(0, _SAMPLED)
    present = _SAMPLED - int(sample.null_count)
    repeats = present - int(pc.count_distinct(sample).as_py())
    return repeats * 4 * len(values) < present * present


def _present(values: pa.StringArray) -> npt.NDArray[np.bool_]:
    present: npt.NDArray[np.bool_] = values.is_valid().to_numpy(zero_copy_only=False)
    return present


def _places(present: npt.NDArray[np.bool_]) -> pa.Array:
    """Indices that spread the present values over all rows."""
    return pa.array(np.cumsum(present) - 1, mask=~present)
