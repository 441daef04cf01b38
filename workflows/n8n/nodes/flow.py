"""Nodes that steer: values, choices, pauses, ends, and the notes beside them."""

from dataclasses import dataclass
from typing import ClassVar

from passerelle.workflows.n8n.nodes.node import Json, JsonObject, Node

_STRICT: JsonObject = {"caseSensitive": True, "leftValue": "", "typeValidation": "strict", "version": 2}
_IS_TRUE: JsonObject = {"type": "boolean", "operation": "true", "singleValue": True}


@dataclass(frozen=True, kw_only=True)
class SetJson(Node):
    """Makes one item of a JSON text, which may be an expression."""

    type: ClassVar[str] = "n8n-nodes-base.set"
    version: ClassVar[float] = 3.4

    text: str

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        return {"mode": "raw", "jsonOutput": self.text, "options": {}}


@dataclass(frozen=True, kw_only=True)
class Switch(Node):
    """Sends an item to the first output whose condition, a boolean expression, is true; else to `fallback`."""

    type: ClassVar[str] = "n8n-nodes-base.switch"
    version: ClassVar[float] = 3.4

    rules: tuple[tuple[str, str], ...]
    fallback: str

    def own_outputs(self) -> tuple[str, ...]:
        """The rules' names, then the fallback's."""
        return (*(name for name, _ in self.rules), self.fallback)

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        rules: list[Json] = [_rule(name, condition) for name, condition in self.rules]
        options: JsonObject = {"fallbackOutput": "extra", "renameFallbackOutput": self.fallback}
        return {"mode": "rules", "rules": {"values": rules}, "options": options}


def _rule(name: str, condition: str) -> JsonObject:
    test: JsonObject = {"id": name, "leftValue": condition, "rightValue": "", "operator": _IS_TRUE}
    conditions: JsonObject = {"options": _STRICT, "conditions": [test], "combinator": "and"}
    return {"outputKey": name, "renameOutput": True, "conditions": conditions}


@dataclass(frozen=True, kw_only=True)
class Wait(Node):
    """Waits so many seconds, a number or an expression. Past 65 seconds n8n parks the run in its database."""

    type: ClassVar[str] = "n8n-nodes-base.wait"
    version: ClassVar[float] = 1.1

    seconds: str

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        return {"resume": "timeInterval", "amount": self.seconds, "unit": "seconds"}


@dataclass(frozen=True, kw_only=True)
class NoOp(Node):
    """A quiet end, which shows on the canvas where a run went."""

    type: ClassVar[str] = "n8n-nodes-base.noOp"
    version: ClassVar[float] = 1

    def parameters(self) -> JsonObject:
        """None."""
        return {}


@dataclass(frozen=True, kw_only=True)
class StopAndError(Node):
    """Ends the run as failed, so that the error workflow starts."""

    type: ClassVar[str] = "n8n-nodes-base.stopAndError"
    version: ClassVar[float] = 1

    message: str

    def own_outputs(self) -> tuple[str, ...]:
        """None: nothing follows."""
        return ()

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        return {"errorType": "errorMessage", "errorMessage": self.message}


@dataclass(frozen=True, kw_only=True)
class StickyNote(Node):
    """Words on the canvas, in Markdown. Colours: 4 explains, 5 warns, 7 is quiet."""

    type: ClassVar[str] = "n8n-nodes-base.stickyNote"
    version: ClassVar[float] = 1

    content: str
    width: int
    height: int
    color: int = 7

    def own_outputs(self) -> tuple[str, ...]:
        """None: it takes no part in the run."""
        return ()

    def parameters(self) -> JsonObject:
        """The node's parameters as n8n stores them."""
        return {"content": self.content, "width": self.width, "height": self.height, "color": self.color}
