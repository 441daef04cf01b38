"""A command line in this process, as a process of its own takes a second or two to begin."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from passerelle.workflows.cli.main import main


@contextmanager
def logging_as_it_was() -> Iterator[None]:
    """A command that runs in the block leaves no levels or handlers behind."""
    root, ours = logging.getLogger(), logging.getLogger("passerelle")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        ours.setLevel(levels[1])


def told(workspace: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the object that was printed (none: an empty one)."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with logging_as_it_was(), redirect_stdout(out), redirect_stderr(err):
        code = main([*words, "-w", str(workspace), "--json", "--quiet"])
        out.flush()
    printed = out.buffer.getvalue()
    return code, json.loads(printed) if printed else {}
