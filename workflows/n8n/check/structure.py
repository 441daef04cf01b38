"""What n8n itself insists on at import, and what it should have: names, ids, positions, connections."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from passerelle.workflows.n8n.check.finding import PREFIX, Found, Node, Object, Workflow

RULE = "structure"


def read(file: str, text: str) -> Workflow | list[Found]:
    """The workflow in a text, or everything that keeps n8n from importing it."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return [Found(file, "", RULE, "is not JSON")]
    found = list(_broken(file, data))
    if found:
        return found
    nodes = tuple(_node(each) for each in data["nodes"])
    wires = {source: _outputs(ports) for source, ports in data["connections"].items()}
    return Workflow(file, data, nodes, wires)


def _broken(file: str, data: object) -> Iterator[Found]:
    if not isinstance(data, dict):
        yield Found(file, "", RULE, "is not a JSON object")
        return
    for key, kind in (("id", str), ("name", str), ("nodes", list), ("connections", dict)):
        if not isinstance(data.get(key), kind) or (kind is str and not data[key]):
            yield Found(file, "", RULE, f"has no proper `{key}`")
    nodes, connections = data.get("nodes"), data.get("connections")
    if not isinstance(nodes, list) or not isinstance(connections, dict):
        return
    proper = [node for node in nodes if isinstance(node, dict)]
    if len(proper) < len(nodes):
        yield Found(file, "", RULE, "has a node that is not an object")
    for node in proper:
        yield from _broken_node(file, node)
    for key in ("name", "id"):
        counts = Counter(str(node.get(key)) for node in proper)
        for value in sorted(value for value, count in counts.items() if count > 1):
            yield Found(file, value, RULE, f"two nodes have this {key}")
    yield from _broken_wires(file, connections, {str(node.get("name")) for node in proper})


def _broken_node(file: str, node: Object) -> Iterator[Found]:
    name = str(node.get("name", ""))
    for key in ("id", "name", "type"):
        if not isinstance(node.get(key), str) or not node[key]:
            yield Found(file, name, RULE, f"has no proper `{key}`")
    place = node.get("position")
    if not isinstance(place, list) or len(place) != 2 or not all(isinstance(each, int | float) for each in place):  # noqa: PLR2004 - x and y
        yield Found(file, name, RULE, "its `position` is not two numbers")


def _broken_wires(file: str, connections: Object, names: set[str]) -> Iterator[Found]:
    for source, ports in connections.items():
        if source not in names:
            yield Found(file, source, RULE, "a connection comes from a node that is not there")
        try:
            targets = {target for output in _outputs(ports) for target in output}
        except (TypeError, KeyError, AttributeError):
            yield Found(file, source, RULE, "its connections have not the shape n8n knows")
            continue
        for target in sorted(targets - names):
            yield Found(file, source, RULE, f"leads to `{target}`, which is not there")


def _outputs(ports: Any) -> list[list[str]]:  # noqa: ANN401 - JSON of unknown shape
    return [[str(wire["node"]) for wire in output or []] for output in ports.get("main", [])]


def _node(data: Object) -> Node:
    version = data.get("typeVersion")
    return Node(
        name=data["name"],
        kind=str(data["type"]).removeprefix(PREFIX),
        version=version if isinstance(version, int | float) else None,
        data=data,
    )
