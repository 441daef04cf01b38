"""First and last names, and initials.

Both destinations: lower case, accents kept, no titles. Meta: no punctuation, so `Jean-Pierre` is `jeanpierre`.
Google: hyphen and apostrophe stay, a family name loses its suffix (`Jr.`). Spaces inside a name stay, one at a time.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.identifiers.reasons import Refusal
from passerelle.privacy.identifiers.text import has_letter, latin, looks_hashed, lower, tidy, without_punctuation
from passerelle.privacy.vocabulary import Destination, Field

_ONLY_TITLES = ("mr", "mrs", "mme", "mmes", "mlle", "mlles", "ms", "mx", "monsieur", "madame", "mademoiselle")
_TITLES = (
    *_ONLY_TITLES,
    *("mm", "messieurs", "mesdames", "miss", "mister", "dr", "dre", "docteur", "doctor", "pr", "prof", "professeur"),
    *(
        "professor",
        "me",
        "maître",
        "mgr",
        "vve",
        "veuve",
        "sir",
        "herr",
        "frau",
        "sig",
        "sra",
        "srta",
        "señor",
        "señora",
    ),
)
_TITLE = re.compile(
    r"(?:m[.r]?\.?\s+(?:et|ou|&)\s+m(?:me|rs)\.?"  # a couple in one field: M. et Mme
    rf"|(?:{'|'.join(_TITLES)})\.?|m\.)(?:\s+|$)"
    r"|(?:mr|mrs|mme|mlle|ms|dr|pr|me|m)\.(?=[^\W\d_]{2})"  # M.Dupont, but not the initials M.A.
)
_BARE_M = re.compile(r"m\s+(?=[^\W\d_]{2})")  # M DUPONT; in a first name it would be M HAMED
_SUFFIX = re.compile(r"(?:,\s*|\s+)(?:jr\.?|sr\.?|2nd|3rd|ii|iii|iv|v|vi|cpa|dc|dds|vm|jd|md|phd)$")
_TYPEWRITER = str.maketrans(
    dict.fromkeys("\u2019\u2018\u02bc\u0060\u00b4\u2032", "'") | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014", "-")
)

_COMMON = r"^[A-Za-z]+(?:[-'][A-Za-z]+)*$"
_COMMON_LENGTH = 31  # shorter than any hash in hex


def name(value: str, field: Field, destination: Destination) -> str | Refusal:
    """The normal form of a first or last name for `destination`, or why there is none.

    Taken until nothing changes: without its hyphen, `M-r Dupont` begins with a title.
    """
    before, after = value, _name(value, field, destination)
    while not isinstance(after, Refusal) and after != before:
        before, after = after, _name(after, field, destination)
    return after


def _name(value: str, field: Field, destination: Destination) -> str | Refusal:
    text = lower(tidy(value))
    if not text:
        return Refusal.BLANK
    if looks_hashed(text):
        return Refusal.ALREADY_HASHED
    if not has_letter(text):
        return Refusal.NAME_NO_LETTER
    bare = _without_titles(text.translate(_TYPEWRITER), field)
    if not has_letter(bare):
        return Refusal.NAME_TITLE
    if destination is Destination.META:
        return tidy(without_punctuation(bare))
    return _without_suffix(bare) if field is Field.LAST_NAME else bare


def first_initial(value: str, destination: Destination) -> str | Refusal:
    """The first letter of a first name, a to z (Meta keeps special characters in whole names alone)."""
    whole = name(value, Field.FIRST_NAME, destination)
    if isinstance(whole, Refusal):
        lone = lower(tidy(value)).rstrip(".")
        return lone if whole is Refusal.NAME_TITLE and lone == "m" else whole
    letters = latin(whole[:1])
    return letters[0] if letters else Refusal.NOT_LATIN


def common_names(values: pa.StringArray, destination: Destination) -> pa.StringArray:
    """Names of ASCII letters, hyphens and apostrophes, whole columns at a time; null where `name` must look."""
    plain = pc.and_(pc.match_substring_regex(values, _COMMON), pc.less_equal(pc.binary_length(values), _COMMON_LENGTH))
    lowered = pc.ascii_lower(pc.if_else(plain, values, None))
    if destination is Destination.META:
        for mark in ("-", "'"):
            lowered = pc.replace_substring(lowered, mark, "")
    return pc.if_else(pc.is_in(lowered, pa.array(_ALONE)), None, lowered)


_ALONE = [title for title in _TITLES if title.isascii()]


def _without_titles(text: str, field: Field) -> str:
    """`text` without the titles in front of it; a word that is only sometimes a title stays when it stands alone."""
    while True:
        found = _TITLE.match(text) or (_BARE_M.match(text) if field is Field.LAST_NAME else None)
        if found is None:
            return text
        rest = text[found.end() :]
        if not has_letter(rest):
            return "" if text.rstrip(".") in (*_ONLY_TITLES, "m") or " " in text else text
        text = rest


def _without_suffix(text: str) -> str:
    while (found := _SUFFIX.search(text)) and has_letter(text[: found.start()]):
        text = text[: found.start()]
    return text
