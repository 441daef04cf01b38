"""Writes the workflows as files that n8n imports, the same bytes for the same options."""

import json
from pathlib import Path

from passerelle.workflows.n8n.catalogue import build
from passerelle.workflows.n8n.nodes.node import JsonObject
from passerelle.workflows.n8n.options import Options


def export(options: Options, folder: Path) -> list[Path]:
    """Write one file per workflow into `folder`, made where needed. Returns them in publishing order."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, workflow in build(options).items():
        path = folder / name
        path.write_text(as_text(workflow), encoding="utf-8")
        written.append(path)
    return written


def as_text(workflow: JsonObject) -> str:
    """A workflow as its file holds it."""
    return json.dumps(workflow, indent=2, ensure_ascii=False) + "\n"
