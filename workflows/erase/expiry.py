"""What ends with time: fingerprints and evidence. Each pull asks for it, so nothing of a sync is loaded for it."""

import os
from typing import TYPE_CHECKING

from passerelle.privacy.erasure import Desk, Expired, expire

if TYPE_CHECKING:
    from passerelle.workflows.workspace import Workspace


def desk_of(workspace: "Workspace") -> Desk:
    """The desk of a workspace."""
    return Desk(workspace.store(), workspace.log(), workspace.subjects(), os.urandom)


def expire_now(workspace: "Workspace", *, now: int) -> Expired:
    """Destroy fingerprints and evidence whose time is over."""
    with workspace.store().write() as connection:
        return expire(desk_of(workspace), connection, now=now)
