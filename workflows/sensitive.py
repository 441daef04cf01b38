"""Words of special categories in what segments, clusters and traits are made of, flagged before anybody is sent for it.

What counts is not the name alone. A segment called `winter` whose rule asks for a trait called `w1`, which counts
visits to a page about diabetes, chooses people by their health.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from passerelle.privacy.sensitive_words import unfit_names

if TYPE_CHECKING:
    from passerelle.workflows.settings.document import Document, Place, Value
    from passerelle.workflows.workspace import Workspace

_WORD = re.compile(r"[a-z0-9_]+")
_OTHERS = ("audiences", "notices", "")
"""Folders whose files are no part of a rule. The files beside them are, but for model.yaml, no part of one either."""


def words_in(workspace: "Workspace", shown: str) -> tuple[str, ...]:
    """The words in a file of rules (`segments/winter.yaml`) and in all that it refers to, as `word (category)`."""
    document = workspace.loaded.documents.get(shown)
    return () if document is None else unfit_names(_reached(workspace, document.data))


def words_in_part(workspace: "Workspace", name: str) -> tuple[str, ...]:
    """The words in a part of model.yaml, such as a trait or a funnel, its name included, and in all it refers to."""
    return unfit_names(_reached(workspace, name))


def warnings_of(workspace: "Workspace", shown: str) -> list[str]:
    """The same as a sentence for people; none where there is nothing to say."""
    found = words_in(workspace, shown)
    if not found:
        return []
    told = f"What may be a special category (GDPR art. 9), or what platforms forbid, is in it: {', '.join(found)}."
    return [f"{told} Let the data protection officer look before anybody is sent."]


def texts(value: "Value", place: "Place" = ()) -> "Iterator[tuple[Place, str]]":
    """Every text of a document, keys included, with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*place, key), key
            yield from texts(inner, (*place, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from texts(inner, (*place, number))
    elif isinstance(value, str):
        yield place, value


def _reached(workspace: "Workspace", start: "Value") -> Iterator[str]:
    """Every text of a value, and of whatever definition is called by a word in one of them."""
    named = _definitions(workspace)
    waiting = [start]
    while waiting:
        for _, text in texts(waiting.pop()):
            yield text
            for word in _WORD.findall(text):
                waiting += named.pop(word, [])


def _definitions(workspace: "Workspace") -> "dict[str, list[Value]]":
    """What has a name of its own: traits, thresholds and the like of model.yaml, segments, clusters."""
    named: dict[str, list[Value]] = {}
    documents: dict[str, Document] = workspace.loaded.documents
    model = documents["model.yaml"].data if "model.yaml" in documents else {}
    for section, parts in model.items():
        if section != "tables" and isinstance(parts, dict):  # a table lists every event that it may hold
            for name, definition in parts.items():
                named.setdefault(name, []).append({name: definition})
    for shown, document in documents.items():
        folder, _, file = shown.rpartition("/")
        if folder not in _OTHERS:
            named.setdefault(file.rpartition(".")[0], []).append(document.data)
    return named
