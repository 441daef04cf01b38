"""How two versions of a definition differ, in lines that a person reads. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any


@dataclass(frozen=True, slots=True)
class Edit:
    """One place: what stood there and what stands there now, as YAML in one line; empty where nothing does."""

    where: str
    before: str
    after: str


def edits(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Edit]:
    """Every difference between documents, by file and key."""
    return list(_mapping("", before, after))


def _edits(where: str, before: Any, after: Any) -> Iterator[Edit]:  # noqa: ANN401 - any value of a document
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _mapping(where, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _sequence(where, before, after)
    elif before != after or type(before) is not type(after):
        yield Edit(where, flow(before), flow(after))


def _mapping(where: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Edit]:
    for key in sorted(before.keys() | after.keys()):
        # A file's name is followed by a space: the keys of `segments/rich.yaml` are its own.
        here = key if not where else f"{where} {key}" if where.endswith((".yaml", ".yml")) else f"{where}.{key}"
        if key not in after:
            yield Edit(here, flow(before[key]), "")
        elif key not in before:
            yield Edit(here, "", flow(after[key]))
        else:
            yield from _edits(here, before[key], after[key])


def _sequence(where: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[Edit]:
    old, new = ([json.dumps(each, sort_keys=True) for each in items] for items in (before, after))
    for kind, i, k, j, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "replace" and k - i == m - j:
            for place in range(k - i):
                yield from _edits(f"{where}.item {j + place + 1}", before[i + place], after[j + place])
        elif kind != "equal":
            yield from (Edit(f"{where}.item {place + 1}", flow(before[place]), "") for place in range(i, k))
            yield from (Edit(f"{where}.item {place + 1}", "", flow(after[place])) for place in range(j, m))


def flow(value: Any) -> str:  # noqa: ANN401 - any value of a document
    """A value as YAML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(inner) for inner in value) + "]"
    return value if isinstance(value, str) else json.dumps(value)
