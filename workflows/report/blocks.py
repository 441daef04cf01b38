"""What sections are made of: tables of lines, definition lists, cards. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence

from passerelle.privacy.audit.answer import Line
from passerelle.workflows.report.language import Language
from passerelle.workflows.report.markup import Markup, joined, tag

KINDS: Mapping[str, str] = {
    "purpose": "purpose",
    "purposes": "purpose",
    "consents": "purpose",
    "basis": "basis",
    "lawful_basis": "basis",
    "platform": "platform",
    "recipients": "platform",
    "reason": "reason",
    "cause": "cause",
    "age": "age",
    "missing": "missing",
    "state": "state",
    "identifiers": "field",
    "categories_of_people": "said",
    "retention": "said",
    "what": "said",
    "why": "said",
}
"""Columns whose values are words of the program, and which words."""

_LONG = re.compile(r"(?<=_)|(?<=/)")
_PIECE = re.compile(r".{1,24}", re.DOTALL)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\Z")


class Blocks:
    """Blocks in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def table(self, lines: Sequence[Line], columns: Sequence[str]) -> Markup:
        """A line each, without columns that are empty; those of numbers stand to the right."""
        if not lines:
            return tag("p", self.language.say("none"), class_="none")
        columns = [name for name in columns if any(line.get(name) not in (None, "", []) for line in lines)]
        right = {name: _numeric(line.get(name) for line in lines) for name in columns}
        head = tag("tr", *(tag("th", self.language.head(name), class_=right[name]) for name in columns))
        rows = [
            tag("tr", *(tag("td", breakable(self._cell(name, line.get(name))), class_=right[name]) for name in columns))
            for line in lines
        ]
        return tag("table", tag("thead", head), tag("tbody", *rows))

    def facts(self, facts: Iterable[tuple[str, object]]) -> Markup:
        """What each thing is called and what it is; empty ones are left out."""
        told = [(name, value) for name, value in facts if value not in (None, "", [])]
        return tag(
            "dl",
            *(
                joined([tag("dt", self.language.say(f"fact.{name}")), tag("dd", self._cell(name, value))])
                for name, value in told
            ),
        )

    def cards(self, facts: Iterable[tuple[str, object]]) -> Markup:
        """A few figures that are seen first."""
        made = [
            tag(
                "div",
                tag("b", self._figure(name, value)),
                tag("span", self.language.say(f"fact.{name}")),
                class_="card",
            )
            for name, value in facts
            if value is not None
        ]
        return tag("div", *made, class_="cards")

    def headed(self, key: str, inside: Markup) -> Markup:
        """A block under a small heading."""
        return joined([tag("h3", self.language.say(f"head.{key}")), inside])

    def lead(self, name: str, **values: object) -> Markup:
        """What a section is about."""
        return tag("p", self.language.say(f"lead.{name}", **values), class_="lead")

    def _figure(self, name: str, value: object) -> str:
        shown = self.language.cell(value)
        return f"{shown} {self.language.say('hours')}" if name.endswith("_hours") else shown

    def _cell(self, name: str, value: object) -> str:
        if isinstance(value, str) and _TIME.match(value):
            return self.language.time(value)
        return self.language.cell(value, KINDS.get(name, ""))


def listed(heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int) -> Markup:
    """A table of texts as they are; the last `numbers` columns stand to the right."""
    right = [None] * (len(heads) - numbers) + ["n"] * numbers
    head = tag("tr", *(tag("th", text, class_=side) for text, side in zip(heads, right, strict=True)))
    body = [tag("tr", *(tag("td", text, class_=side) for text, side in zip(row, right, strict=True))) for row in rows]
    return tag("table", tag("thead", head), tag("tbody", *body))


def breakable(text: str) -> Markup:
    """The text with places where a long word may be broken: names are long, and the page is narrow."""
    parts = [part for word in _LONG.split(text) for part in _PIECE.findall(word)]
    return joined([one for part in parts for one in (part, tag("wbr"))][:-1])


def _numeric(values: Iterable[object]) -> str | None:
    found = [value for value in values if value is not None]
    return "n" if found and all(type(value) in {int, float} for value in found) else None
