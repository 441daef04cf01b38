"""Words that stand for special categories (GDPR art. 9), crimes, children and money troubles, in five languages.

French, English, German, Spanish and Italian. The list points at what a person should look at; it proves nothing, and
finding nothing proves nothing either. Words of the kinds that Meta flags in audiences (operation status 471: health
and financial status) are marked.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ORDINARY = "children"
"""A shop may well sell toys, and say so; what it may not is choose people by their age."""


class Word(NamedTuple):
    """A word of the list: without accents, parts joined by `_`. `flagged`: Meta's operation status, or empty."""

    category: str
    pattern: "re.Pattern[str]"
    flagged: str


@cache
def words() -> tuple[Word, ...]:
    """The list. A `*` at the end of a word stands for any letters."""
    text = files("passerelle.privacy").joinpath("sensitive_words.tsv").read_text("utf-8")
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    return tuple(Word(category, _pattern(word), flagged) for category, word, flagged in rows)


def _pattern(word: str) -> "re.Pattern[str]":
    ending = "[a-z]*" if word.endswith("*") else ""
    return re.compile(rf"(?<![a-z0-9]){re.escape(word.removesuffix('*'))}{ending}(?![a-z0-9])")


def plain(text: str) -> str:
    """Small letters without accents; what is between words is one `_`."""
    folded = unicodedata.normalize("NFKD", _CAMEL.sub("_", text).replace("œ", "oe")).casefold()
    letters = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9]+", "_", letters)


def tripped(text: str) -> list[tuple[str, str, str]]:
    """The words of the list in a text: category, the word as it stands there, Meta's status."""
    spaced = plain(text)
    return [
        (word.category, match.group().replace("_", " "), word.flagged)
        for word in words()
        for match in word.pattern.finditer(spaced)
    ]


def unfit_names(texts: Iterable[str]) -> tuple[str, ...]:
    """What may not stand in a name or description that a platform sees: `word (category)`, each once, in order."""
    found = [f"{word} ({category})" for text in texts for category, word, _ in tripped(text) if category != _ORDINARY]
    return tuple(dict.fromkeys(found))
