"""Cities, states and postal codes.

Meta takes cities and states in a to z alone, without spaces: accents are taken off (`Nîmes` is `nimes`, never `nmes`).
Postal codes: Meta in lower case without spaces and dashes, five digits in the United States; Google as written.
"""

import re
from functools import cache
from importlib.resources import files

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.identifiers.reasons import Refusal
from passerelle.privacy.identifiers.text import has_letter, latin, looks_hashed, lower, tidy, tidy_code
from passerelle.privacy.vocabulary import Destination

_CEDEX = re.compile(r"\s+cedex(?:\s+\d{1,2})?$")
_DISTRICT = re.compile(r"\s+\d{1,2}\s*(?:er|ème|eme|e)?(?:\s+arr(?:ondissement|\.|dt)?)?$")
_POSTAL = re.compile(r"(?=.*[0-9])[0-9A-Za-z](?:[ -]?[0-9A-Za-z]){1,11}")
_PREFIXED = re.compile(r"(?:F|FR|D|B|BE|CH|L|LU|A|I|E|NL)[ -](?=\d{4,5}$)", re.IGNORECASE)
_US_ZIP = re.compile(r"(\d{5})(?:[ -]?(\d{4}))?")
_UK = re.compile(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}", re.IGNORECASE)
_FIVE_DIGITS = ("FR", "US")
_UNITED_KINGDOM = ("GB", "UK")

_COMMON = r"^[A-Za-z]+(?:[ -][A-Za-z]+)*$"
_COMMON_LENGTH = 31
_COMMON_POSTAL = r"^[0-9]{5}$"


def city(value: str) -> str | Refusal:
    """A city for Meta: a to z, nothing else. CEDEX and the number of a district are the post's, not the city's."""
    text = lower(tidy(value))
    return _letters(_DISTRICT.sub("", _CEDEX.sub("", text)), text)


def state(value: str, country: str | None) -> str | Refusal:
    """A state or region for Meta: two letters in the United States, the name in a to z elsewhere."""
    text = lower(tidy(value))
    letters = _letters(text, text)
    if country != "US" or isinstance(letters, Refusal):
        return letters
    return us_states().get(letters, Refusal.STATE_UNKNOWN)


def postal_code(value: str, country: str | None, destination: Destination) -> str | Refusal:
    """A postal code for `destination`, checked where its country's form is fixed (FR, US, GB)."""
    text = tidy_code(value)
    if not text:
        return Refusal.BLANK
    if looks_hashed(text):
        return Refusal.ALREADY_HASHED
    text = _PREFIXED.sub("", re.sub(r"\s*cedex.*$", "", text, flags=re.IGNORECASE))
    if country in _FIVE_DIGITS and text.isdecimal() and len(text) == len("1000"):
        text = f"0{text}"  # a spreadsheet took 01000 for a number
    form = _postal_form(text, country)
    if form is None:
        return Refusal.POSTAL_CODE_INVALID
    if destination is Destination.GOOGLE_ADS:
        return form
    compact = form.replace(" ", "").replace("-", "").lower()
    return compact[:5] if country == "US" else compact


def common_cities(values: pa.StringArray) -> pa.StringArray:
    """Cities of ASCII letters, whole columns at a time; null where `city` must look."""
    plain = pc.and_(pc.match_substring_regex(values, _COMMON), pc.less_equal(pc.binary_length(values), _COMMON_LENGTH))
    lowered = pc.ascii_lower(pc.if_else(plain, values, None))
    kept = pc.if_else(pc.match_substring(lowered, "cedex"), None, lowered)
    for mark in (" ", "-"):
        kept = pc.replace_substring(kept, mark, "")
    return kept


def common_postal_codes(values: pa.StringArray) -> pa.StringArray:
    """Five digits, which are right in every country but one; null where `postal_code` must look."""
    return pc.if_else(pc.match_substring_regex(values, _COMMON_POSTAL), values, None)


@cache
def us_states() -> dict[str, str]:
    """The two letters of each state by its name and by its two letters, all in a to z."""
    lines = files(__package__).joinpath("us_states.tsv").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t") for line in lines]
    return {key: code.lower() for code, title in pairs for key in (code.lower(), latin(title) or "")}


def _letters(text: str, whole: str) -> str | Refusal:
    if not whole:
        return Refusal.BLANK
    if looks_hashed(whole):
        return Refusal.ALREADY_HASHED
    if not has_letter(text):
        return Refusal.PLACE_NO_LETTER
    return latin(text) or Refusal.NOT_LATIN


def _postal_form(text: str, country: str | None) -> str | None:
    """`text` when it can be a postal code of `country`: its plain written form, in the country's own grouping."""
    if country == "US":
        found = _US_ZIP.fullmatch(text)
        return None if found is None else "-".join(part for part in found.groups() if part)
    if country == "FR":
        digits = text.replace(" ", "")
        return digits if digits.isdecimal() and digits.isascii() and len(digits) == len("59000") else None
    if country in _UNITED_KINGDOM:
        return text if _UK.fullmatch(text) else None
    return text if _POSTAL.fullmatch(text) else None
