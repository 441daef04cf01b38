"""Where something stands in a definition, and errors that say so."""

from collections.abc import Iterable
from dataclasses import dataclass

from passerelle.privacy.errors import DefinitionError, quoted
from passerelle.segmentation.language.words import suggestion


class Misdefined(DefinitionError):
    """A definition is wrong. `document` is the file as the workspace names it; `path` leads to the key in it."""

    def __init__(self, message: str, *, document: str, path: tuple[str | int, ...] = (), advice: str = "") -> None:
        super().__init__(message, advice=advice, path=path)
        self.document = document


@dataclass(frozen=True, slots=True)
class Place:
    """A key in a document."""

    document: str
    path: tuple[str | int, ...] = ()

    def __truediv__(self, key: str | int) -> "Place":
        return Place(self.document, (*self.path, key))

    def wrong(self, message: str, advice: str = "") -> Misdefined:
        """The error to raise."""
        return Misdefined(message, document=self.document, path=self.path, advice=advice)

    def unknown(self, what: str, word: str, known: Iterable[str]) -> Misdefined:
        """The error for a word that is not known."""
        return self.wrong(f"There is no {what} {quoted(word)}.", suggestion(word, known))


def model_place() -> Place:
    """The top of model.yaml."""
    return Place("model.yaml")


def segment_place(name: str) -> Place:
    """The top of a segment's file."""
    return Place(f"segments/{name}.yaml")
