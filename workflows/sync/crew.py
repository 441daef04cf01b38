"""What a sync works with, and the few things it may not make up itself: the clock, ids of batches, and waiting."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from passerelle.privacy.errors import Stopped
from passerelle.privacy.ledger import Ledger, Place

if TYPE_CHECKING:
    from passerelle.privacy.consent import Gate
    from passerelle.privacy.log import Log
    from passerelle.privacy.store import Store
    from passerelle.privacy.store.locks import Lease
    from passerelle.privacy.subjects import Subjects
    from passerelle.workflows.verbs.contract import Progress
    from passerelle.workflows.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Crew:
    """The rooms that a sync needs, and its surroundings."""

    workspace: "Workspace"
    store: "Store"
    log: "Log"
    subjects: "Subjects"
    gate: "Gate"
    ledger: Ledger
    run_id: str
    now: Callable[[], int]
    sleep: Callable[[float], None]
    progress: "Progress"
    patience: float
    """For how many seconds a sync waits for platforms to settle before it leaves the rest pending."""
    reason: str = ""
    """Why guards are overridden, where they are."""
    stopping: Event = field(default_factory=Event)
    """Set when the run was told to stop: the batch in hand is finished, and no other begun."""

    leases: "dict[Place, Lease]" = field(default_factory=dict)
    """The locks that this run holds, by what they are on."""

    def heed_stop(self) -> None:
        """Raise `Stopped` where the run was told to stop: nothing more is begun."""
        if self.stopping.is_set():
            raise Stopped

    @contextmanager
    def alone_at(self, place: Place, name: str) -> Iterator[None]:
        """Hold the lock `name`, on a place, for the block. Raises `TryLater` where another run holds it."""
        with self.store.exclusive(name) as lease:
            self.leases[place] = lease
            try:
                yield
            finally:
                del self.leases[place]

    def still_alone(self, place: Place) -> None:
        """Raise `LockLost` where this run does not hold the place's lock any more: another may be writing there."""
        if place in self.leases:
            self.leases[place]()

    def may_go_on(self, place: Place) -> None:
        """Before anything is begun at a place: raise `Stopped` or `LockLost` where it may not be."""
        self.heed_stop()
        self.still_alone(place)

    def new_batch_id(self) -> str:
        """A name for a batch that no other batch has, in order of time."""
        return f"b{self.now():016x}{secrets.token_hex(5)}"


def crew(
    workspace: "Workspace",
    *,
    run_id: str,
    now: Callable[[], int],
    sleep: Callable[[float], None],
    progress: "Progress",
    patience: float,
    reason: str = "",
) -> Crew:
    """The crew of a workspace."""
    store, log, subjects = workspace.store(), workspace.log(), workspace.subjects()
    return Crew(
        workspace=workspace,
        store=store,
        log=log,
        subjects=subjects,
        gate=workspace.gate(),
        ledger=Ledger(store, log, subjects),
        run_id=run_id,
        now=now,
        sleep=sleep,
        progress=progress,
        patience=patience,
        reason=reason,
    )
