"""Places where nothing was to do: kept with all that this rests on, so that the next run need not look at everybody.

A plan is made of the store's tables, of policy, notices and settings, of who is in the segment, and of the time. Each
table has a seal, a keyed sum over its rows: as long as the seals are what they were, so are the tables, whoever wrote
in between. Of the time, the instant is kept at which a consent next begins or expires, or somebody may come of age. So
whatever could change the plan (a withdrawal, an erasure, changed identifiers, a debt, a push without its receipt, an
older copy of the store, an edited file) makes another digest, and the plan is made as ever.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from sqlalchemy import Connection, and_, select

from passerelle.privacy.consent.digest import digest
from passerelle.privacy.ledger import Place
from passerelle.privacy.store.tables import standstill

if TYPE_CHECKING:
    from passerelle.privacy.store import Store
    from passerelle.workflows.plan.aims import Aim
    from passerelle.workflows.plan.draw import Drawn
    from passerelle.workflows.plan.values import Worth
    from passerelle.workflows.workspace import Workspace

ASIDE = frozenset(
    {
        # What of the log counts for a plan stands elsewhere.
        "log_entry",
        "log_members",
        "log_node",
        "log_checkpoint",
        "log_witness",
        # Segments and freshness are looked at each time.
        "run",
        "quarantine",
        "threshold",
        "cursor",
        "standstill",
    }
)
"""Tables that no plan is made of. Every other one counts, whatever is added to the store."""

OF_THE_LEDGER = frozenset(
    {"batch", "batch_member", "decision", "holdout", "membership", "remote_audience", "removal", "sent"}
)
"""Tables that a sync itself changes: who may be sent does not follow from them, but who is there."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Digests of what plans rest on, in one state of the store. `consents` leaves out the ledger's tables.

    `others` counts the writes that made the store so and were not this process's: where two states of a run have the
    same, nobody else wrote in between.
    """

    everything: str
    consents: str
    others: int

    @classmethod
    def of(cls, workspace: "Workspace", connection: Connection) -> "Basis | None":
        """That of a workspace now; None for a store without seals."""
        content = workspace.store().content(connection)
        if content is None:
            return None
        rules = {"rules": workspace.gate().rules(), "program": version("passerelle")}
        counting = {name: said for name, said in content.tables.items() if name not in ASIDE}
        consents = {name: said for name, said in counting.items() if name not in OF_THE_LEDGER}
        others = content.writes - workspace.store().writes
        return cls(digest({**rules, "tables": counting}), digest({**rules, "tables": consents}), others)


@dataclass(frozen=True, slots=True)
class Unmoved:
    """A place where nothing is to do, and what there would be to tell: members, and who is withheld, by reason.

    `asked` is a digest of what is asked for there (see `asked`); `holds_until` the instant at which somebody's consent
    next changes by itself.
    """

    place: Place
    members: int
    withheld: Mapping[str, int]
    asked: str
    holds_until: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What is kept, as one state of the store and one instant (microseconds UTC) see it."""

    workspace: "Workspace"
    connection: Connection
    basis: Basis | None
    now: int

    @classmethod
    def of(cls, workspace: "Workspace", connection: Connection, *, now: int) -> "Memory":
        """The memory of a workspace."""
        return cls(workspace, connection, Basis.of(workspace, connection), now)

    def of_aim(self, aim: "Aim", drawn: "Drawn", stale: Sequence[str], worth: "Worth | None" = None) -> Unmoved | None:
        """That a plan for these people of its segment would have nothing to do; None where that is not known."""
        found = self.of_place(aim.place)
        return found if found and found.asked == asked(self.workspace, aim, drawn, stale, worth) else None

    def of_place(self, place: Place) -> Unmoved | None:
        """That whoever is there may stay, and nobody's removal is owed; None where that is not known."""
        c = standstill.c
        where = and_(c.destination == place.destination, c.audience == place.audience)
        found = self.connection.execute(select(standstill).where(where)).first() if self.basis else None
        if found is None or self.basis is None or found.rests_on != self.basis.everything:
            return None
        if not found.kept_at <= self.now < found.holds_until:
            return None
        return Unmoved(place, found.members, json.loads(found.withheld), found.asked, found.holds_until)


def keep(store: "Store", rests_on: Basis, kept: Sequence[Unmoved], *, now: int) -> None:
    """Remember that nothing is to do at these places, in the state of the store that `rests_on` was taken of."""
    rows: dict[str, list[object]] = {
        "destination": [one.place.destination for one in kept],
        "audience": [one.place.audience for one in kept],
        "rests_on": [rests_on.everything] * len(kept),
        "asked": [one.asked for one in kept],
        "members": [one.members for one in kept],
        "withheld": [json.dumps(dict(one.withheld)) for one in kept],
        "kept_at": [now] * len(kept),
        "holds_until": [one.holds_until for one in kept],
    }
    with store.write() as connection:
        store.insert(connection, standstill, rows, on_conflict="replace")


def asked(
    workspace: "Workspace", aim: "Aim", drawn: "Drawn", stale: Sequence[str], worth: "Worth | None" = None
) -> str:
    """A digest of what is asked for at a place: audience, destination, who is in it or held out, and what holds it up.

    Of people's values, where they are sent, it holds their marks.
    """
    settings = workspace.destinations[aim.place.destination].settings.model_dump_json()
    said = "\n".join([repr(aim), settings, *sorted(stale)])  # all that an aim says, whatever is added to it
    parts = [said.encode(), drawn.people.to_numpy().tobytes(), drawn.held_out.tobytes()]
    if worth is not None:
        parts += [worth.values.subject_id.tobytes(), worth.marks.tobytes()]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
