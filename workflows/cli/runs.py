"""Keeps each run of a recorded verb in the table `run`: begun before the work, ended with its outcome.

A run that was killed stays without an end; `status` shows it so. With its end, the log is signed and anchored as far
as it has come, so that what the run recorded cannot be taken back unnoticed.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from passerelle.workflows.verbs.contract import Result

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace


def new_run_id(now: int) -> str:
    """A name for a run that begins at `now` (microseconds UTC): sorts by time, and is unique."""
    return f"{datetime.fromtimestamp(now // 1_000_000, UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


@contextmanager
def watched(workspace: Path) -> Iterator["Workspace"]:
    """Make sure that the store is what its last writer left, and watch over it for as long as the block lasts.

    Whatever the block writes is then compared and written down once, at its ends. Raises `IntegrityError`.
    """
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(workspace) as opened:
        opened.check()
        yield opened


def begin(opened: "Workspace", run_id: str, verb: str, now: int) -> None:
    """Record that a run begins."""
    from passerelle.privacy.store.tables import run

    with opened.store().write() as connection:
        opened.store().insert(connection, run, {"run_id": [run_id], "verb": [verb], "started_at": [now]})


def end(workspace: Path, run_id: str, result: Result, now: int) -> None:
    """Record how a run ended, and sign the log: with the settings and keys that the run may have changed."""
    from passerelle.privacy.store.tables import run
    from passerelle.workflows.workspace import Workspace

    values = {
        "ended_at": now,
        "outcome": result.outcome.value,
        "exit_code": result.exit_code,
        "result": result.model_dump_json(),
    }
    with Workspace.open(workspace) as opened, opened.store().write() as connection:
        opened.store().update_where(connection, run, values, run.c.run_id == run_id)
        if opened.log().size(connection):
            opened.log().checkpoint(connection, now=now)
