"""GraphQL: what a record asks for, its fields as a selection set and no others; and a document with its variables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from passerelle.connectors.contract.asking import Step, Window
from passerelle.connectors.contract.records import Shape
from passerelle.connectors.exchange import Ask

Tree = dict[str, "Tree"]
FIELDS = "...fields"


def selection(shape: Shape) -> str:
    """`id emails { value } defaultEmailAddress { marketingState }`, each field once, in the record's order.

    A list is asked for whole: its numbers are no names.
    """
    tree: Tree = {}
    for one in shape.fields:
        place = tree
        for part in one.path or (one.asked,):
            place = place.setdefault(part, {}) if isinstance(part, str) else place
    return _written(tree)


@dataclass(frozen=True, slots=True)
class Document:
    """A query that is posted to `path`; its fields are `written` in.

    Its variables are what `query` says of the window, as text, and the page's step: as numbers where pages are
    `counted`. A variable that is not there is left out, so that GraphQL takes its default.
    """

    path: str
    text: str
    query: Callable[[Window], Mapping[str, Any]]
    counted: bool

    def ask(self, window: Window, step: Step) -> Ask:
        """The request for a page."""
        page = {name: int(value) if self.counted else value for name, value in step.items() if not name.startswith("#")}
        variables = {**self.query(window), **page}
        return Ask(self.path, method="POST", json={"query": self.text, "variables": variables})


def written(text: str, shape: Shape) -> str:
    """A document with the record's fields where it says `...fields`."""
    return text.replace(FIELDS, selection(shape))


def _written(tree: Tree) -> str:
    return " ".join(f"{name} {{ {_written(inner)} }}" if inner else name for name, inner in tree.items())
