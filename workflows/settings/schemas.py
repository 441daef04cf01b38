"""JSON Schemas of the workspace's files, for editors."""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.settings import plugins
from passerelle.workflows.settings.audience import Audience
from passerelle.workflows.settings.project import Project


def _policy() -> type[BaseModel]:
    from passerelle.privacy.consent.policy import Policy

    return Policy


def _notice() -> type[BaseModel]:
    from passerelle.privacy.consent.notice import Notice

    return Notice


def _model() -> type[BaseModel]:
    from passerelle.segmentation import ModelFile

    return ModelFile


def _signal() -> type[BaseModel]:
    from passerelle.privacy.consent.signals.mapping import SignalMapping

    return SignalMapping


def _quality() -> type[BaseModel]:
    from passerelle.segmentation.quality.file import QualityFile

    return QualityFile


def _segment() -> type[BaseModel]:
    from passerelle.segmentation import SegmentFile

    return SegmentFile


def _cluster() -> type[BaseModel]:
    from passerelle.segmentation.clusters.file import ClusterFile

    return ClusterFile


def _score() -> type[BaseModel]:
    from passerelle.segmentation.scores.file import ScoreFile

    return ScoreFile


FILES: dict[str, Callable[[], type[BaseModel]]] = {
    "project": lambda: Project,
    "policy": _policy,
    "notice": _notice,
    "model": _model,
    "quality": _quality,
    "segment": _segment,
    "cluster": _cluster,
    "score": _score,
    "audience": lambda: Audience,
    "signal": _signal,
}
"""The files of a workspace, and mappings of signals."""

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def file_schema(name: str) -> dict[str, Any]:
    """The JSON Schema of one of `FILES`. That of `project` knows every installed kind of source and destination."""
    schema = FILES[name]().model_json_schema(mode="validation")
    if name == "project":
        definitions = schema.setdefault("$defs", {})
        for section, group in (("sources", "passerelle.sources"), ("destinations", "passerelle.destinations")):
            wanted = _plugged(definitions, group)  # type: ignore[arg-type]
            schema["properties"][section]["additionalProperties"] = wanted
    return {"$schema": _DIALECT, **schema}


def write(folder: Path) -> list[Path]:
    """Write every file's schema into `folder` (a workspace's .schemas/), for editors; the paths written."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in _texts(tuple(sys.path)).items():
        path = folder / f"{name}.json"
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


@cache
def _texts(_path: tuple[str, ...]) -> dict[str, str]:
    """Each file's schema as it is written, made once for a path: it depends on what is installed there."""
    import json

    return {name: json.dumps(file_schema(name), indent=1, ensure_ascii=False) + "\n" for name in FILES}


def _plugged(definitions: dict[str, Any], group: plugins.Group) -> dict[str, Any]:
    """`anyOf` over the settings of every kind in `group`; their definitions go into `definitions`."""
    choices = []
    for kind in plugins.kinds(group):
        prefix = f"{group.rpartition('.')[2]}.{kind}"
        try:
            settings = plugins.load(group, kind).Settings
        except DefinitionError:  # a broken package must not keep editors from the rest
            continue
        schema = settings.model_json_schema(mode="validation", ref_template=f"#/$defs/{prefix}.{{model}}")
        definitions.update({f"{prefix}.{name}": value for name, value in schema.pop("$defs", {}).items()})
        definitions[prefix] = schema
        choices.append({"$ref": f"#/$defs/{prefix}"})
    return {"anyOf": choices} if choices else {"type": "object"}
