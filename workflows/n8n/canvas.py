"""A workflow being drawn: nodes on a grid, connected by the names of their outputs, then written as n8n's JSON."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from passerelle.workflows.n8n.nodes import Json, Node, StickyNote
from passerelle.workflows.n8n.nodes.node import JsonObject

# Any fixed UUID will do: node ids must be the same in every export.
_NAMESPACE = uuid.UUID("6f4c1f0e-5d8b-5c52-9a0e-2f6f1d1b7a11")
_COLUMN, _ROW = 240, 176

N = TypeVar("N", bound=Node)


class DrawingError(ValueError):
    """The workflow was drawn wrongly: a name twice, an output that is not there, a node that nothing reaches."""


@dataclass(slots=True)
class Canvas:
    """Collects nodes and connections; `json` checks and writes them. Ids depend on names only."""

    id: str
    name: str
    description: str
    settings: Mapping[str, Json]
    _nodes: dict[str, tuple[Node, int, int]] = field(default_factory=dict)
    _wires: dict[str, dict[int, list[str]]] = field(default_factory=dict)

    def add(self, node: N, column: float, row: float) -> N:
        """Place a node on the grid and hand it back."""
        return self._place(node, round(column * _COLUMN), round(row * _ROW))

    def note(
        self, title: str, words: str, *, at: tuple[float, float], size: tuple[float, float], color: int = 7
    ) -> None:
        """Put a sticky note behind the cells from `at`, `size` cells wide and high."""
        column, row = at
        width, height = round(size[0] * _COLUMN), round(size[1] * _ROW)
        note = StickyNote(
            name=f"Note: {title}", content=f"### {title}\n{words}", width=width, height=height, color=color
        )
        self._place(note, round(column * _COLUMN) - 40, round(row * _ROW) - 40)

    def connect(self, source: Node, target: Node, output: str | None = None) -> None:
        """Lead an output (by default the first) into another node."""
        for node in (source, target):
            if node.name not in self._nodes:
                raise DrawingError(f"`{node.name}` is not on the canvas of {self.name}")
        if not source.outputs or target.is_trigger:
            raise DrawingError(f"`{source.name}` cannot lead to `{target.name}`")
        name = source.outputs[0] if output is None else output
        if name not in source.outputs:
            raise DrawingError(f"`{source.name}` has no output `{name}`")
        self._wires.setdefault(source.name, {}).setdefault(source.outputs.index(name), []).append(target.name)

    def json(self) -> JsonObject:
        """The workflow as n8n imports it. Raises `DrawingError` where an output is loose or a node out of reach."""
        self._check()
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "nodes": [self._node(*placed) for placed in self._nodes.values()],
            "connections": {name: self._outputs(name) for name in self._nodes if name in self._wires},
            "settings": dict(self.settings),
            "pinData": {},
            "active": False,
        }

    def _place(self, node: N, x: int, y: int) -> N:
        if node.name in self._nodes:
            raise DrawingError(f"two nodes are named `{node.name}` in {self.name}")
        self._nodes[node.name] = (node, x, y)
        return node

    def _node(self, node: Node, x: int, y: int) -> JsonObject:
        notes: JsonObject = {"notes": node.notes, "notesInFlow": True} if node.notes else {}
        return {
            "id": str(uuid.uuid5(_NAMESPACE, f"{self.id}/{node.name}")),
            "name": node.name,
            "type": node.type,
            "typeVersion": node.version,
            "position": [x, y],
            "parameters": node.parameters(),
            **node.extras(),
            **node.failure(),
            **notes,
        }

    def _outputs(self, name: str) -> JsonObject:
        node = self._nodes[name][0]
        wires = self._wires[name]
        lists: list[Json] = [
            [{"node": target, "type": "main", "index": 0} for target in wires.get(index, [])]
            for index in range(len(node.outputs))
        ]
        return {"main": lists}

    def _check(self) -> None:
        reached = {
            name for name, (node, _, _) in self._nodes.items() if node.is_trigger or isinstance(node, StickyNote)
        }
        for wires in self._wires.values():
            reached.update(target for targets in wires.values() for target in targets)
        if loose := sorted(set(self._nodes) - reached):
            raise DrawingError(f"nothing leads to {loose} in {self.name}")
        for name, (node, _, _) in self._nodes.items():
            must = [index for index, output in enumerate(node.outputs) if output != "main"]
            if missing := [node.outputs[index] for index in must if index not in self._wires.get(name, {})]:
                raise DrawingError(f"`{name}` leads nowhere from {missing} in {self.name}")
