"""What a verb needs around it, for tests that call it directly."""

import io
from pathlib import Path

from passerelle.workflows.cli.progress import Silent
from passerelle.workflows.verbs.contract import Environment

NOW = 1_795_219_200_000_000
"""2026-11-21T00:00:00Z."""


def surroundings(workspace: Path, *, now: int = NOW, stdin: bytes = b"", run_id: str = "") -> Environment:
    """An environment with a fixed clock; what a verb streams is in its `stdout`."""
    return Environment(
        workspace=workspace,
        now=lambda: now,
        stdin=io.BytesIO(stdin),
        stdout=io.BytesIO(),
        progress=Silent(),
        run_id=run_id,
    )
