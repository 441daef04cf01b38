"""libphonenumber's metadata as regular expressions over whole columns.

Nothing is copied by hand: patterns, lengths, trunk and dialling prefixes are read from `phonenumbers` when first
needed, so that a new release of it is followed at once. `valid` answers, for columns, exactly what
`phonenumbers.is_valid_number` answers for one number.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import PhoneMetadata

Mask = npt.NDArray[np.bool_]

_KINDS = (
    *("mobile", "fixed_line", "toll_free", "voip", "premium_rate", "shared_cost", "personal_number", "pager", "uan"),
    "voicemail",
)
_TOO_LONG = 18  # libphonenumber stores no national number of so many digits
_ANY_LENGTH = tuple(range(1, _TOO_LONG))


@dataclass(frozen=True, slots=True)
class Pattern:
    """National numbers of some lengths that fit an expression from end to end."""

    lengths: tuple[int, ...]
    expression: str

    def fits(self, numbers: pa.StringArray) -> Mask:
        """Which numbers fit."""
        found = self.right_length(numbers)
        return found & self.looks_right(numbers) if found.any() else found

    def looks_right(self, numbers: pa.StringArray) -> Mask:
        """Which numbers fit the expression, whatever their length."""
        return matches(numbers, f"^(?:{self.expression})$")

    def right_length(self, numbers: pa.StringArray) -> Mask:
        """Which numbers have one of the lengths."""
        table = np.isin(np.arange(_TOO_LONG + 1), self.lengths)
        fits: Mask = table[np.minimum(lengths(numbers), _TOO_LONG)]
        return fits


@dataclass(frozen=True, slots=True)
class Region:
    """The numbers of a region: `general`, which all fit, and the kinds, one of which each must fit."""

    general: Pattern
    kinds: tuple[Pattern, ...]
    leading_digits: str | None

    def valid(self, numbers: pa.StringArray) -> Mask:
        """Which national numbers are of a known kind here."""
        found = np.zeros(len(numbers), dtype=np.bool_)
        rows = np.flatnonzero(self.general.fits(numbers))
        for kind in self.kinds:
            if not len(rows):
                break
            hits = kind.fits(pick(numbers, rows))
            found[rows[hits]] = True
            rows = rows[~hits]
        return found


@dataclass(frozen=True, slots=True)
class Dialling:
    """What people of a region dial before a national number (`trunk`) and before a country code (`international`).

    A number that fits `odd_trunks` or `odd_international` has a prefix whose handling is left to `phonenumbers`.
    """

    calling_code: str
    general: Pattern
    trunk: str
    odd_trunks: str
    international: str
    odd_international: str


def valid(numbers: pa.StringArray, calling_code: str) -> Mask:
    """Which national numbers `phonenumbers` calls valid under `calling_code`."""
    found = np.zeros(len(numbers), dtype=np.bool_)
    rows = np.arange(len(numbers))
    for region in _regions(calling_code):
        if not len(rows):
            break
        rest = pick(numbers, rows)
        if region.leading_digits is None:
            claimed = hits = region.valid(rest)
        else:
            claimed = matches(rest, f"^(?:{region.leading_digits})")
            hits = np.zeros(len(rows), dtype=np.bool_)
            hits[claimed] = region.valid(pick(rest, np.flatnonzero(claimed)))
        found[rows[hits]] = True
        rows = rows[~claimed]
    return found


@cache
def dialling(region: str) -> Dialling:
    """How numbers are dialled in `region`, a region that `phonenumbers` knows."""
    return _dialling(PhoneMetadata.metadata_for_region(region))


@cache
def dialling_abroad(calling_code: str) -> Dialling:
    """How the number behind `+` and `calling_code` is read: by the rules of its main region."""
    main = phonenumbers.region_code_for_country_code(int(calling_code))
    return _dialling(PhoneMetadata.metadata_for_region_or_calling_code(int(calling_code), main))


@cache
def calling_codes() -> npt.NDArray[np.int32]:
    """The calling code that begins each number, by its first three digits (0 where none does)."""
    table = np.zeros(1000, dtype=np.int32)
    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        width = 10 ** (3 - len(str(code)))
        table[code * width : (code + 1) * width] = code
    return table


def matches(numbers: pa.StringArray, expression: str) -> Mask:
    """Which of `numbers` an RE2 expression finds."""
    found: Mask = pc.match_substring_regex(numbers, expression).to_numpy(zero_copy_only=False)
    return found


def begin(numbers: pa.StringArray, prefix: str) -> Mask:
    """Which of `numbers` begin with `prefix`."""
    found: Mask = pc.starts_with(numbers, prefix).to_numpy(zero_copy_only=False)
    return found


def lengths(numbers: pa.StringArray) -> npt.NDArray[np.int32]:
    """Length of each number, in digits."""
    counted: npt.NDArray[np.int32] = pc.binary_length(numbers).to_numpy()
    return counted


def pick(numbers: pa.StringArray, rows: npt.NDArray[np.intp]) -> pa.StringArray:
    """The numbers at ascending `rows`; the same array when that is all of them."""
    return numbers if len(rows) == len(numbers) else numbers.take(pa.array(rows))


@cache
def _regions(calling_code: str) -> tuple[Region, ...]:
    names = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[int(calling_code)]
    metadata = [PhoneMetadata.metadata_for_region_or_calling_code(int(calling_code), name) for name in names]
    return tuple(_region(each, alone=len(names) == 1) for each in metadata if each is not None)


def _region(metadata: Any, *, alone: bool) -> Region:  # noqa: ANN401 - phonenumbers has no types
    same = metadata.same_mobile_and_fixed_line_pattern
    kinds = [getattr(metadata, kind) for kind in _KINDS if not (same and kind == "mobile")]
    return Region(
        general=_pattern(metadata.general_desc),
        kinds=_by_length([_pattern(each) for each in kinds if each is not None and each.national_number_pattern]),
        leading_digits=None if alone else metadata.leading_digits,
    )


def _by_length(patterns: list[Pattern]) -> tuple[Pattern, ...]:
    """The first pattern (mobiles) alone, the others joined where they have the same lengths: fewer passes."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for each in patterns[1:]:
        groups.setdefault(each.lengths, []).append(each.expression)
    return (*patterns[:1], *(Pattern(key, "|".join(group)) for key, group in groups.items()))


def _pattern(description: Any) -> Pattern:  # noqa: ANN401 - phonenumbers has no types
    return Pattern(tuple(description.possible_length) or _ANY_LENGTH, description.national_number_pattern or "")


def _dialling(metadata: Any) -> Dialling:  # noqa: ANN401 - phonenumbers has no types
    alternatives = _alternatives(metadata.national_prefix_for_parsing or "")
    trunk = next((each for each in alternatives if each.isdecimal()), "")
    international = metadata.international_prefix or ""
    return Dialling(
        calling_code=str(metadata.country_code),
        general=_pattern(metadata.general_desc),
        trunk=trunk,
        odd_trunks="|".join(each for each in alternatives if each != trunk),
        international=international if international.isdecimal() else "",
        odd_international="" if international.isdecimal() else international,
    )


def _alternatives(expression: str) -> list[str]:
    """The parts of `expression` between the bars that stand outside all brackets."""
    parts, depth = [""], 0
    for sign in re.findall(r"\\.|\[[^\]]*\]|.", expression):
        depth += (sign == "(") - (sign == ")")
        if sign == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part for part in parts if part]
