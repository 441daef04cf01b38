"""Countries by code and by name, in French, English, their own languages and a dozen others.

The table beside this file is made from Unicode CLDR; names that mean two countries (`Kongo`) were left out.
"""

import unicodedata
from functools import cache
from importlib.resources import files

from passerelle.privacy.identifiers.reasons import Refusal
from passerelle.privacy.identifiers.text import tidy_code
from passerelle.privacy.vocabulary import Destination

_SMALL_WORDS = frozenset({"and", "et", "und", "the", "la", "le", "les", "l", "of", "de", "du", "des"})
_SAINTS = {"st": "saint", "ste": "sainte"}


def country_code(value: str) -> str | Refusal:
    """The ISO 3166 code of two letters, in capitals, or why there is none."""
    text = tidy_code(value)
    if not text:
        return Refusal.BLANK
    return codes().get(text.replace(".", "").lower()) or codes().get(_key(text)) or Refusal.COUNTRY_UNKNOWN


def country(value: str, destination: Destination) -> str | Refusal:
    """The code as `destination` writes it: Meta in lower case (and hashed), Google in capitals."""
    code = country_code(value)
    return code if isinstance(code, Refusal) or destination is Destination.GOOGLE_ADS else code.lower()


@cache
def codes() -> dict[str, str]:
    """The code of each country by every key it is known under."""
    rows = _rows()
    named = {_key(each): code for code, _, names in rows for each in names.split("|") if _key(each)}
    return named | {key.lower(): code for code, long_code, _ in rows for key in (long_code, code)}


def every_code() -> frozenset[str]:
    """The codes of all countries. Names are not read for it: that takes a hundred times as long."""
    return frozenset(code for code, _, _ in _rows())


@cache
def _rows() -> list[tuple[str, str, str]]:
    """The table: a code of two letters, one of three, and names."""
    text = files(__package__).joinpath("countries.tsv").read_text(encoding="utf-8")
    parts = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    return [(code, long_code, names) for code, long_code, names in parts]


def _key(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    spaced = "".join(letter if letter.isalnum() else "" if unicodedata.combining(letter) else " " for letter in plain)
    return "".join(_SAINTS.get(word, word) for word in spaced.split() if word not in _SMALL_WORDS)
