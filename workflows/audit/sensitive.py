"""`audit sensitive`: special categories (GDPR art. 9), crimes, children, money troubles in rules, columns and names.

A vetted list of words in French and English is looked for in the words of segments, traits, audiences and sources'
columns. It points at what a person should look at; it proves nothing, and finding nothing proves nothing either.
Words that Meta flags in audience names (operation status 471: health and financial status) are marked.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from passerelle.privacy.audit.answer import Answer, Found, Line, found

if TYPE_CHECKING:
    from passerelle.workflows.settings.document import Document, Place, Value
    from passerelle.workflows.workspace import Workspace

_FOLDERS = ("segments/", "audiences/", "model.yaml")
_META_NAMES = ("display_name", "description")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Word(NamedTuple):
    """A word of the list: without accents, parts joined by `_`. `flagged`: Meta's operation status, or empty."""

    category: str
    pattern: "re.Pattern[str]"
    flagged: str


@cache
def words() -> tuple[Word, ...]:
    """The list. A `*` at the end of a word stands for any letters."""
    text = files("passerelle.workflows.audit").joinpath("sensitive.tsv").read_text("utf-8")
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


def sensitive(workspace: "Workspace") -> Answer:
    """Every word of the list in the workspace's rules and names, with file and line."""
    lines = [line for name, document in sorted(workspace.loaded.documents.items()) for line in _looked(name, document)]
    flagged = sum(line["meta_status"] == "471" and line["seen_at_platform"] for line in lines)
    return Answer(
        facts={"words_on_the_list": len(words()), "places": len(lines)},
        tables={"words": lines},
        findings=found(
            Found("words of special categories are in rules or names", len(lines)),
            Found("of these, words in names or descriptions that Meta flags (operation status 471)", flagged),
        ),
        advice="Let the data protection officer look: special categories need explicit consent, and names are seen.",
    )


def _looked(name: str, document: "Document") -> Iterator[Line]:
    if name == "passerelle.yaml":
        sources = document.data.get("sources")
        texts = _texts(sources, ("sources",)) if isinstance(sources, dict) else iter(())
        texts = ((place, text) for place, text in texts if "fields" in place)
    elif name.startswith(_FOLDERS):
        texts = _texts(document.data, ())
    else:
        return
    for place, text in texts:
        seen = name.startswith("audiences/") and (place[-1] in ("audience", *_META_NAMES))
        for category, word, flagged in tripped(text):
            yield {
                "file": name,
                "line": document.line_of(place),
                "category": category,
                "word": word,
                "meta_status": flagged,
                "seen_at_platform": seen,
            }


def _texts(value: "Value", place: "Place") -> Iterator[tuple["Place", str]]:
    """Every text of a document, keys included, with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*place, key), key
            yield from _texts(inner, (*place, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(inner, (*place, number))
    elif isinstance(value, str):
        yield place, value
