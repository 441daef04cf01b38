"""Slips in addresses that were known before quality.yaml named them: tied once, when its dictionary changes."""

import hashlib
import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from passerelle.privacy.store.tables import subject
from passerelle.workflows.settings.names import QUALITY

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace

_NOTE = "email_domains"
_AT_ONCE = 50_000


def tie_known_slips(workspace: "Workspace", *, now: int) -> None:
    """Tie people known by an address that the dictionary now takes for a slip. Who comes later is tied then.

    It opens everybody's addresses, in memory, and only where the dictionary is another than the last time.
    """
    note = workspace.private_folder("var/quality") / _NOTE
    if any(problem.file == QUALITY for problem in workspace.loaded.unready):
        note.unlink(missing_ok=True)  # whoever comes meanwhile is tied by no dictionary
    quality = workspace.quality
    domains = quality.email_domains if quality is not None else {}
    digest = hashlib.sha256(json.dumps(domains, sort_keys=True).encode()).hexdigest()
    if (note.read_text("ascii") if note.is_file() else "") == digest:
        return
    if domains:
        store = workspace.store()
        with store.write() as connection:
            live = select(subject.c.subject_id).where(subject.c.merged_into.is_(None), subject.c.erased_at.is_(None))
            ids = store.table(connection, live.order_by(subject.c.subject_id))["subject_id"].combine_chunks()
            for start in range(0, len(ids), _AT_ONCE):
                workspace.subjects().tie_slips(connection, ids.slice(start, _AT_ONCE), now=now)
    note.write_text(digest, "ascii")
