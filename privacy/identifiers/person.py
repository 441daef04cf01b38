"""Gender and date of birth, which only Meta takes."""

import re
from datetime import date

from passerelle.privacy.identifiers.reasons import Refusal
from passerelle.privacy.identifiers.text import looks_hashed, lower, tidy_code, without_punctuation
from passerelle.privacy.vocabulary import Field

_MALE = (
    "m h mr monsieur homme masculin male man mister herr mann männlich señor sr hombre masculino "
    "signor signore uomo maschio maschile senhor homem meneer dhr heer man mannelijk"
)
_FEMALE = (
    "f mme mlle madame mademoiselle femme féminin female woman mrs ms miss frau weiblich señora sra "
    "señorita srta mujer femenino signora signorina donna femmina femminile senhora mulher feminino mevrouw mevr mw "
    "vrouw vrouwelijk"
)
_GENDERS = dict.fromkeys(_MALE.split(), "m") | dict.fromkeys(_FEMALE.split(), "f") | {"feminin": "f"}

_EARLIEST, _LATEST = 1900, 2099
_YEAR_FIRST = re.compile(r"(\d{4})[-/. ](\d{1,2})[-/. ](\d{1,2})(?:[T ]\d{1,2}:\d{2}.*)?", re.ASCII)
_YEAR_LAST = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4})(?:[T ]\d{1,2}:\d{2}.*)?", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})", re.ASCII)
_NUMBER = re.compile(r"\d{1,4}(?:\.0)?", re.ASCII)  # 1984.0: a column of whole numbers that once had a gap
_MONTH_FIRST = ("US",)
_WIDTH = {Field.BIRTH_YEAR: 4, Field.BIRTH_MONTH: 2, Field.BIRTH_DAY: 2}
_LIMITS = {Field.BIRTH_YEAR: (_EARLIEST, _LATEST), Field.BIRTH_MONTH: (1, 12), Field.BIRTH_DAY: (1, 31)}


def gender(value: str) -> str | Refusal:
    """`m` or `f` from a word or a title; whatever else it says is not sent."""
    text = lower(tidy_code(value))
    if not text:
        return Refusal.BLANK
    return _GENDERS.get(without_punctuation(text), Refusal.GENDER_UNKNOWN)


def birth(value: str, field: Field, country: str | None) -> str | Refusal:
    """One part of a date of birth: YYYY, MM or DD, from that part alone or from a whole date.

    A date written 09/03/1984 is the ninth of March, except in the United States.
    """
    text = tidy_code(value)
    if not text:
        return Refusal.BLANK
    if looks_hashed(text):
        return Refusal.ALREADY_HASHED
    whole = _whole_date(text, country)
    if whole is not None:
        number = {Field.BIRTH_YEAR: whole.year, Field.BIRTH_MONTH: whole.month, Field.BIRTH_DAY: whole.day}[field]
    elif _NUMBER.fullmatch(text):
        number = int(text.partition(".")[0])
    else:
        return Refusal.BIRTH_INVALID
    least, most = _LIMITS[field]
    return f"{number:0{_WIDTH[field]}d}" if least <= number <= most else Refusal.BIRTH_INVALID


def _whole_date(text: str, country: str | None) -> date | None:
    if found := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _YEAR_LAST.fullmatch(text):
        day, month, year = map(int, found.groups())
        if country in _MONTH_FIRST:
            day, month = month, day
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None
