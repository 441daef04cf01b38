"""Open sealed evidence: who opens it, and why, goes into the log before anybody sees it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from passerelle.privacy.erasure import Opener
from passerelle.privacy.erasure.evidence import Proven, proven, read
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.store import tables as t

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace

_LARGEST = 64 << 20


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """Evidence in clear, and how much of it the log confirms."""

    erasure: str
    evidence: dict[str, Any]
    content: bytes
    proven: Proven
    log_index: int


def sealed(workspace: "Workspace", named: str) -> bytes:
    """The sealed evidence of an erasure of this workspace, by its id; or of a file, by its path."""
    with workspace.store().read() as connection:
        c = t.erasure.c
        row = connection.execute(select(c.evidence, c.state).where(c.erasure_id == named)).first()
    if row is not None and row.evidence is None:
        kept = "It was destroyed at its date, or none was kept." if row.state == "done" else "It is not done yet."
        raise DefinitionError("There is no evidence of this erasure.", advice=kept)
    if row is not None:
        return bytes(row.evidence)
    try:
        with Path(named).open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError:
        raise DefinitionError(
            "There is no such erasure, and no such file.", advice="`passerelle erase --status` lists all."
        ) from None
    if len(content) > _LARGEST:
        raise DefinitionError("That file is too large to be sealed evidence.")
    return content


def open_evidence(workspace: "Workspace", blob: bytes, opener: Opener, *, who: str, reason: str, now: int) -> Opened:
    """The evidence, once the log says who opened it and why."""
    name, content = opener.open(blob)
    evidence = read(content)
    log, store = workspace.log(), workspace.store()
    body = {
        "action": "evidence_opened",
        "erasure": name,
        "actor": who,
        "key": opener.recipient.key_id,
        "reason": reason,
    }
    with store.write() as connection:
        index = log.append(connection, "operator", body, now=now)
        log.checkpoint(connection, now=now)
    with store.read() as connection:
        return Opened(name, evidence, content, proven(connection, evidence), index)


def write_private(path: Path, content: bytes) -> None:
    """A new file that only this user can read. Raises `DefinitionError` where there is one."""
    import os

    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise DefinitionError(f"{path.name} cannot be written: {problem.strerror}.") from None
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def indented(evidence: dict[str, Any]) -> bytes:
    """Evidence for people."""
    return json.dumps(evidence, indent=1, ensure_ascii=False, sort_keys=True).encode() + b"\n"
