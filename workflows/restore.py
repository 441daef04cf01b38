"""A backup that was put back on purpose: accepted, once it is sound in itself, and never in silence.

The order: everything in the store is verified but that it is the newest; the anchor file and the note of how the
store was left are put aside, not deleted; the log gets an entry that says why, and what the old anchor knew; its
checkpoint begins a new anchor file. Who dies in between can do it again. From then on nobody knows who else is in the
audiences: the next sync replaces all their members.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.privacy.ledger import Doubt
from passerelle.privacy.ledger.replacements import doubt_everywhere

if TYPE_CHECKING:
    from passerelle.privacy.log import Log
    from passerelle.workflows.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Accepted:
    """`problem` is what stopped every run until now; `lost` how many entries of the log are gone for ever."""

    problem: str
    size: int
    lost: int | None
    aside: str


def accept_restore(workspace: "Workspace", *, reason: str, now: int) -> Accepted:
    """Accept the store as it is. Raises `DefinitionError` where it continues its anchor, and nothing is to accept.

    Raises `IntegrityError` where the store is not sound in itself.
    """
    problem = _why_not(workspace)
    if problem is None:
        raise DefinitionError("The store is the one that the last run left: there is nothing to accept.")
    store, anchor = workspace.store(), workspace.anchor
    alone = workspace.unchecked_log(None)
    with store.read() as connection:
        found = alone.verify(connection)
        known = _known(workspace, alone)
    if not found.ok:
        raise IntegrityError(
            f"This copy is not sound in itself: {found.problems[0]}.", advice="Put another one in its place."
        )
    aside = f".{datetime.fromtimestamp(now // 1_000_000, UTC):%Y%m%dT%H%M%S}"
    workspace.watch().take_over(store, aside=aside, now=now)
    if anchor.exists():
        anchor.rename(anchor.with_name(anchor.name + aside))
    log = workspace.unchecked_log(anchor)
    body = {"action": "restore_accepted", "reason": reason, "anchored": known, "problem": problem, "size": found.size}
    with store.write() as connection:
        log.append(connection, "operator", body, now=now)
        doubt_everywhere(connection, store, Doubt("restored", now))
        log.checkpoint(connection, now=now)
    lost = None if known is None else max(0, known - found.size)
    return Accepted(problem, found.size + 1, lost, anchor.name + aside)


def _why_not(workspace: "Workspace") -> str | None:
    try:
        workspace.log()
    except IntegrityError as problem:
        return problem.message
    return None


def _known(workspace: "Workspace", log: "Log") -> int | None:
    """How many entries the anchor file knows of; None where it cannot be read."""
    from passerelle.privacy.log.anchor import Anchor

    try:
        with workspace.store().read() as connection:
            last = Anchor(workspace.anchor).last(log.verifiers(connection))
    except IntegrityError:
        return None
    return None if last is None else last.size
