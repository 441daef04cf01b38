"""A command line in this process, as a process of its own takes a second or two to begin."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from passerelle.workflows.cli.main import main


def told(workspace: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the object that was printed (none: an empty one)."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        code = main([*words, "-w", str(workspace), "--json", "--quiet"])
        out.flush()
    printed = out.buffer.getvalue()
    return code, json.loads(printed) if printed else {}
