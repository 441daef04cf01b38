"""The report's words in English and French, and how each writes numbers and times."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Code = Literal["en", "fr"]
CODES: tuple[Code, ...] = ("en", "fr")


@cache
def texts() -> dict[str, tuple[str, str]]:
    """English and French by key, from words.tsv."""
    found: dict[str, tuple[str, str]] = {}
    for line in files("passerelle.workflows.report").joinpath("words.tsv").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            key, english, french = line.split("\t")
            if key in found:
                raise ValueError(f"words.tsv says {key} twice")
            found[key] = (english, french)
    return found


@dataclass(frozen=True, slots=True)
class Language:
    """One of the two."""

    code: Code

    def say(self, key: str, **values: object) -> str:
        """The text of `key`, with its values. Raises `KeyError` where there is none."""
        text = texts()[key][CODES.index(self.code)]
        return text.format(**{name: self.cell(value) for name, value in values.items()})

    def word(self, kind: str, value: str) -> str:
        """A word of the program (a reason, a state) in this language; itself, made readable, where none is written."""
        key = f"{kind}.{value}"
        return self.say(key) if key in texts() else value.replace("_", " ")

    def head(self, column: str) -> str:
        """A column's name; a platform's, where there is a column for each."""
        return self.word("col" if f"col.{column}" in texts() else "platform", column)

    def cell(self, value: object, kind: str = "") -> str:
        """A value as people read it; `kind` names the words it may be one of."""
        if isinstance(value, dict):
            return ", ".join(f"{self.word(kind, str(name))} ({self.cell(one)})" for name, one in value.items())
        if isinstance(value, list | tuple):
            return ", ".join(self.cell(one, kind) for one in value)
        return self._single(value, kind)

    def _single(self, value: object, kind: str) -> str:
        match value:
            case None:
                return ""
            case bool():
                return self.say("yes" if value else "no")
            case int():
                return self._grouped(f"{value:,}")
            case float():
                return self._grouped(f"{value:,.1f}")
            case _:
                return self.word(kind, str(value)) if kind else str(value)

    def time(self, text: str | None) -> str:
        """An ISO 8601 time to the minute; it is UTC, as the page says once."""
        return "" if text is None else text[:16].replace("T", " ")

    def _grouped(self, text: str) -> str:
        return text if self.code == "en" else text.replace(",", "\u202f").replace(".", ",")
