"""What a rule found, and what a rule is given."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
"""A JSON object of unknown shape: rules ask for keys with `get` and expect nothing."""

PREFIX = "n8n-nodes-base."
TRIGGERS = frozenset(
    ["scheduleTrigger", "manualTrigger", "errorTrigger", "formTrigger", "webhook", "executeWorkflowTrigger"]
)
STICKY = "stickyNote"


@dataclass(frozen=True, slots=True)
class Found:
    """One thing wrong. `node` is empty where the workflow as a whole is meant."""

    file: str
    node: str
    rule: str
    message: str


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the rules see it; only made of objects with the keys that n8n insists on."""

    name: str
    kind: str
    version: float | None
    data: Object

    @property
    def parameters(self) -> Object:
        """Its parameters, an empty object where there are none."""
        given = self.data.get("parameters")
        return given if isinstance(given, dict) else {}

    @property
    def credentials(self) -> Object:
        """What it refers to, an empty object where nothing."""
        given = self.data.get("credentials")
        return given if isinstance(given, dict) else {}

    def at(self, *keys: str) -> Object:
        """The object deeper in its parameters, an empty one where there is none."""
        value: object = self.parameters
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return value if isinstance(value, dict) else {}

    def objects(self, *keys: str) -> list[Object]:
        """The objects of a list deeper in its parameters."""
        given = self.at(*keys[:-1]).get(keys[-1])
        return [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text in its parameters with the key it stands under."""
        yield from _texts("", self.parameters)

    def expressions(self) -> Iterator[str]:
        """Every parameter that n8n computes."""
        yield from (text for _, text in self.texts() if text.startswith("="))


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow whose structure n8n would import."""

    file: str
    data: Object
    nodes: tuple[Node, ...]
    wires: dict[str, list[list[str]]]
    """By source name: per output, the names it leads to."""

    @property
    def id(self) -> str:
        """Its id, or empty."""
        return str(self.data.get("id", ""))

    @property
    def settings(self) -> Object:
        """Its settings, an empty object where there are none."""
        given = self.data.get("settings")
        return given if isinstance(given, dict) else {}

    def of_kind(self, *kinds: str) -> list[Node]:
        """Nodes of these types, named without n8n's prefix."""
        return [node for node in self.nodes if node.kind in kinds]

    def found(self, rule: str, message: str, node: Node | None = None) -> Found:
        """A finding here."""
        return Found(self.file, node.name if node else "", rule, message)


Rule = Callable[[Workflow], Iterator[Found]]


def interpolations(text: str) -> list[str]:
    """The code between `{{` and `}}`, as n8n cuts it: at the first closing braces."""
    return re.findall(r"\{\{(.*?)\}\}", text, re.DOTALL)


def _texts(key: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _texts(str(name), each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(key, each)
