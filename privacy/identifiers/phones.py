"""Phone numbers: libphonenumber decides which exist, in E.164; Meta wants them without the plus sign.

`phone` asks `phonenumbers` about one number. `common_phones` gives the same answers for whole columns, from the same
metadata, wherever the number is written in digits and everyday punctuation and can be read in one way only; the rest
it leaves to `phone`.
"""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.identifiers.numbering import (
    Dialling,
    Mask,
    begin,
    calling_codes,
    dialling,
    dialling_abroad,
    lengths,
    matches,
    pick,
    valid,
)
from passerelle.privacy.identifiers.reasons import Refusal
from passerelle.privacy.identifiers.text import has_letter, looks_hashed, tidy_code

_SPREADSHEET = re.compile(r"\+?\d+(?:[.,]\d+)?e\+?\d+", re.IGNORECASE)
_FLOAT = re.compile(r"(\d{7,})\.0")  # a column of whole numbers that once had a gap
_DIALLED = re.compile(r"[^\d+]")
_SHORTEST, _LONGEST = 4, 17
_CODE_WIDTH = 3
_DIGIT, _SEPARATOR, _PLUS, _OTHER = 0, 1, 2, 3


def phone(value: str, region: str | None) -> str | Refusal:
    """The E.164 form of one number, read in `region` where it has no country code, or why there is none."""
    text = tidy_code(value)
    if not text:
        return Refusal.BLANK
    if looks_hashed(text):
        return Refusal.ALREADY_HASHED
    if _SPREADSHEET.fullmatch(text):
        return Refusal.PHONE_SPREADSHEET
    if floating := _FLOAT.fullmatch(text):
        text = floating[1]
    if has_letter(text) and phonenumbers.is_alpha_number(text):
        return Refusal.PHONE_LETTERS
    known = region if region in phonenumbers.SUPPORTED_REGIONS else None
    dialled = _DIALLED.sub("", text)
    found = _parse(text, known)
    if found is None and dialled.startswith("00"):
        found = _parse(f"+{dialled[2:]}", None)
    if found is not None:
        return found
    return Refusal.PHONE_INVALID if known or dialled.startswith(("+", "00")) else Refusal.PHONE_COUNTRY


def common_phones(values: pa.StringArray, region: str | None) -> tuple[pa.StringArray, Mask, Mask]:
    """E.164 forms, and which rows are refused as invalid and for want of a country; where neither, ask `phone`."""
    known = region if region in phonenumbers.SUPPORTED_REGIONS else None
    dialled = _dialled(values)
    answers = _Answers(len(values))
    abroad = np.flatnonzero(dialled.plain & dialled.plus)
    home = np.flatnonzero(dialled.plain & ~dialled.plus)
    _answer_abroad(answers, pick(dialled.digits, abroad), abroad)
    if known is None:
        _answer_nowhere(answers, pick(dialled.digits, home), home)
    else:
        _answer_home(answers, pick(dialled.digits, home), home, dialling(known))
    return answers.value(), answers.invalid, answers.no_country


@dataclass(frozen=True, slots=True)
class _Dialled:
    """Digits of each value; whether it is digits and punctuation alone; whether a plus sign leads."""

    digits: pa.StringArray
    plain: Mask
    plus: Mask


class _Answers:
    """What is known so far, row by row; rows never told stay open."""

    def __init__(self, count: int) -> None:
        self.invalid = np.zeros(count, dtype=np.bool_)
        self.no_country = np.zeros(count, dtype=np.bool_)
        self._rows: list[npt.NDArray[np.intp]] = []
        self._found: list[pa.StringArray] = []
        self._count = count

    def tell(self, rows: npt.NDArray[np.intp], numbers: pa.StringArray, code: str, good: Mask, bad: Mask) -> None:
        """Rows that are `good` are the number behind `code`; rows that are `bad` are no number."""
        self.invalid[rows[bad]] = True
        hits = np.flatnonzero(good)
        self._rows.append(rows[hits])
        self._found.append(pc.binary_join_element_wise(f"+{code}", pick(numbers, hits), ""))

    def value(self) -> pa.StringArray:
        """The E.164 form of every row told, null elsewhere."""
        if not self._rows:
            return pa.nulls(self._count, pa.string())
        rows = np.concatenate(self._rows)
        found = pa.concat_arrays(self._found)
        if len(rows) == self._count and np.array_equal(rows, np.arange(self._count)):
            return found
        places = np.full(self._count, -1, dtype=np.int64)
        places[rows] = np.arange(len(rows))
        return found.take(pa.array(places, mask=places < 0))


def _dialled(values: pa.StringArray) -> _Dialled:
    text = _ascii(values)
    offsets = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    data = np.frombuffer(text.buffers()[2] or b"", np.uint8)[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    kinds = _CLASSES[data]
    digit_ends = _running(kinds == _DIGIT)
    digits = pa.StringArray.from_buffers(
        len(text), pa.py_buffer(digit_ends[offsets]), pa.py_buffer(data[kinds == _DIGIT])
    )
    counts = np.diff(digit_ends[offsets])
    plain = (counts >= _SHORTEST) & (counts <= _LONGEST)
    others = kinds == _OTHER
    if others.any():
        plain &= np.diff(_running(others)[offsets]) == 0
    plain &= ~pc.ends_with(text, ".0").to_numpy(zero_copy_only=False)
    pluses = np.flatnonzero(kinds == _PLUS)
    owners = np.searchsorted(offsets, pluses, side="right") - 1
    plus = np.zeros(len(text), dtype=np.bool_)
    plus[owners] = True
    misplaced = digit_ends[pluses] != digit_ends[offsets[owners]]
    plain[owners[misplaced]] = False
    plain[owners[1:][owners[1:] == owners[:-1]]] = False
    return _Dialled(digits, plain, plus)


def _running(flags: Mask) -> npt.NDArray[np.int32]:
    """How many flags are set before each place, and at the end."""
    counted = np.zeros(len(flags) + 1, dtype=np.int32)
    np.cumsum(flags, out=counted[1:])
    return counted


def _ascii(values: pa.StringArray) -> pa.StringArray:
    """`values`, with those that are not ASCII tidied (a narrow space in a number is one more separator)."""
    odd = pc.invert(pc.string_is_ascii(values))
    if not pc.any(odd).as_py():
        return values
    tidied = [tidy_code(value) for value in values.filter(odd).to_pylist()]
    return pc.replace_with_mask(values, odd, pa.array(tidied, pa.string()))


def _answer_abroad(answers: _Answers, digits: pa.StringArray, rows: npt.NDArray[np.intp]) -> None:
    """Numbers that begin with a country code. An unknown code is left open: `+06…` has a second reading."""
    if not len(rows):
        return
    codes = _calling_codes(digits)
    for code in np.unique(codes[codes > 0]).tolist():
        mine = np.flatnonzero(codes == code)
        numbers = _without_first(pick(digits, mine), len(str(code)))
        _answer_national(answers, numbers, rows[mine], dialling_abroad(str(code)))


def _answer_nowhere(answers: _Answers, digits: pa.StringArray, rows: npt.NDArray[np.intp]) -> None:
    """Numbers without a plus sign and without a region: 00 stands for the plus sign."""
    zeros = begin(digits, "00")
    answers.no_country[rows[~zeros]] = True
    abroad = np.flatnonzero(zeros & ~begin(digits, "000"))
    _answer_abroad(answers, _without_first(pick(digits, abroad), 2), rows[abroad])


def _answer_home(answers: _Answers, digits: pa.StringArray, rows: npt.NDArray[np.intp], plan: Dialling) -> None:
    """Numbers dialled in a region: to another country, with the own country code, or plainly."""
    if not len(rows):
        return
    zeros = begin(digits, "00")  # dialled so from most countries: `phone` tries that reading too
    open_rows = ~zeros if plan.international != "00" else np.ones(len(rows), dtype=np.bool_)
    if plan.international:
        abroad = open_rows & begin(digits, plan.international) & ~begin(digits, f"{plan.international}0")
        hits = np.flatnonzero(abroad)
        _answer_abroad(answers, _without_first(pick(digits, hits), len(plan.international)), rows[hits])
        open_rows &= ~abroad
    if plan.odd_international:
        open_rows &= ~matches(digits, f"^(?:{plan.odd_international})")
    open_rows &= ~zeros
    own = _own_code(answers, digits, rows, plan, open_rows)
    left = np.flatnonzero(open_rows & ~own)
    _answer_national(answers, pick(digits, left), rows[left], plan)


def _own_code(
    answers: _Answers, digits: pa.StringArray, rows: npt.NDArray[np.intp], plan: Dialling, open_rows: Mask
) -> Mask:
    """Which rows may begin with the own country code (33 6 12 …); those of one reading are told."""
    own = open_rows & begin(digits, plan.calling_code)
    places = np.flatnonzero(own)
    if not len(places):
        return own
    numbers = pick(digits, places)
    short = lengths(numbers) <= max(plan.general.lengths)
    national = plan.general.looks_right(numbers) & short
    own[places[national]] = False
    rest = _without_first(numbers, len(plan.calling_code))
    one_way = plan.general.looks_right(rest) & ~plan.general.looks_right(numbers)
    main = dialling_abroad(plan.calling_code)
    prefixes = {plan.trunk, plan.odd_trunks, main.trunk, main.odd_trunks} - {""}
    if prefixes:
        one_way &= ~matches(rest, f"^(?:{'|'.join(sorted(prefixes))})")
    told = np.flatnonzero(one_way & ~national)
    good = valid(pick(rest, told), plan.calling_code)
    answers.tell(rows[places[told]], pick(rest, told), plan.calling_code, good, ~good)
    return own


def _answer_national(answers: _Answers, numbers: pa.StringArray, rows: npt.NDArray[np.intp], plan: Dialling) -> None:
    """National numbers, with or without their trunk prefix.

    `phonenumbers` strips the prefix unless that turns a viable number into one that is not; where that could matter,
    the row is told only if both readings fail.
    """
    if not len(rows):
        return
    odd = matches(numbers, f"^(?:{plan.odd_trunks})") if plan.odd_trunks else np.zeros(len(rows), dtype=np.bool_)
    begins = begin(numbers, plan.trunk) & bool(plan.trunk)
    stripped = _strip(numbers, begins, len(plan.trunk))
    good = valid(stripped, plan.calling_code)
    sure = np.ones(len(rows), dtype=np.bool_)
    places = np.flatnonzero(begins)
    whole = pick(numbers, places)
    sure[places] = ~plan.general.looks_right(whole) & plan.general.right_length(pick(stripped, places))
    hopeless = ~good
    hopeless[places] &= ~valid(whole, plan.calling_code)
    answers.tell(rows, stripped, plan.calling_code, good & sure & ~odd, (hopeless | (sure & ~good)) & ~odd)


def _strip(numbers: pa.StringArray, begins: Mask, count: int) -> pa.StringArray:
    if begins.all():
        return _without_first(numbers, count)
    if not begins.any():
        return numbers
    return pc.if_else(pa.array(begins), _without_first(numbers, count), numbers)


def _without_first(numbers: pa.StringArray, count: int) -> pa.StringArray:
    return pc.utf8_slice_codeunits(numbers, count)


def _calling_codes(digits: pa.StringArray) -> npt.NDArray[np.int32]:
    """The calling code that begins each number; 0 where none does or the number is too short to tell."""
    long = lengths(digits) >= _CODE_WIDTH
    leading = pc.if_else(pa.array(long), pc.utf8_slice_codeunits(digits, 0, _CODE_WIDTH), "000")
    codes: npt.NDArray[np.int32] = calling_codes()[leading.cast(pa.int16()).to_numpy()]
    return codes


def _parse(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _classes() -> npt.NDArray[np.uint8]:
    table = np.full(256, _OTHER, dtype=np.uint8)
    table[list(b"0123456789")] = _DIGIT
    table[list(b" .-()/")] = _SEPARATOR
    table[ord("+")] = _PLUS
    return table


_CLASSES = _classes()
