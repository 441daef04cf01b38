"""Whether a plan is carried out row by row, or by replacing all members: pure arithmetic and a word for the reason."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from passerelle.connectors.contract.destination import Replaces
from passerelle.workflows.plan.guards import Guarded
from passerelle.workflows.plan.moves import Ids, Moves, Wish, sought, union

if TYPE_CHECKING:
    from passerelle.workflows.plan.aims import Aim

MARGIN = 1.2
"""A replacement must save so many times the rows: it has requests of its own, and blocks or waits longer."""
REFUSALS = 2
"""A removal refused so often is taken out by a replacement."""

WHY: dict[str, str] = {
    "adopted": "the audience was found there: nobody knows who else is in it",
    "restored": "the store is an older copy: nobody knows who was sent since",
    "removals_refused": "the platform keeps refusing removals",
    "cheaper": "it takes fewer rows than adding and removing",
    "always": "the audience's file says so",
    "under_way": "an earlier replacement is still under way",
    "held_back": "a guard holds something back",
    "consent_stale": "nobody may be sent anew while consent is stale",
    "minimum_size": "fewer people than the minimum size would be sent",
    "nobody_left": "an audience is never replaced by nobody",
}
"""What each word means: why all members are replaced, or why they are not although that would be better."""


@dataclass(frozen=True, slots=True)
class How:
    """`why` is a word of `WHY`; empty for a plan that is carried out row by row because that is best."""

    how: Literal["diff", "replace"] = "diff"
    why: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of a place that speaks for a replacement, or against it."""

    doubt: str | None = None
    """`adopted`, `restored`: people may be there whom nobody here knows."""
    refused: int = 0
    """Removals that the platform refused `REFUSALS` times or more."""
    under_way: bool = False
    """An earlier replacement is not concluded."""


def choose(aim: "Aim", guarded: Guarded, wish: Wish, known: Known, *, stale: bool, unfit: bool) -> How:
    """How to carry out a plan's moves."""
    if aim.replace == "never" or aim.replaces is Replaces.NEVER:
        return How()
    stopped, _ = sought(_blocked(guarded.moves), wish.allowed)
    size = len(wish.allowed) - int(stopped.sum())
    why = _wanted(aim, guarded.moves, known, size)
    if not why:
        return How()
    against = _against(aim, guarded, known, size, stale=stale, unfit=unfit)
    return How("diff", against) if against else How("replace", why)


def whole(wish: Wish, moves: Moves) -> Ids:
    """Everybody who is sent in a replacement: who may be there, can be, and is not to be taken out first."""
    return np.setdiff1d(wish.allowed, _blocked(moves), assume_unique=True)


def explained(how: How, replaces: Replaces) -> str:
    """The reason, in words that a marketer can act on."""
    told = WHY.get(how.why, how.why)
    if how.how == "replace" and replaces is Replaces.SWITCH:
        return f"{told}; ad sets keep what they have learned, which additions and removals reset"
    return told


def _wanted(aim: "Aim", moves: Moves, known: Known, size: int) -> str:
    if known.doubt is not None:
        return known.doubt
    if known.refused:
        return "removals_refused"
    rows = len(moves.adds) + sum(len(ids) for ids in moves.removes.values())
    if rows > MARGIN * size:
        return "cheaper"
    return "always" if aim.replace == "always" and rows else ""


def _against(aim: "Aim", guarded: Guarded, known: Known, size: int, *, stale: bool, unfit: bool) -> str:
    if known.under_way:
        return "under_way"
    if stale:
        return "consent_stale"
    if guarded.held or unfit:
        return "held_back"
    if not size:
        return "nobody_left"
    return "minimum_size" if size < aim.limits.minimum_size else ""


def _blocked(moves: Moves) -> Ids:
    """Who is taken out before they are put in again, or has no key that can be sent."""
    out = [ids for cause, ids in moves.removes.items() if cause != "identifiers_changed"]
    return union([*out, moves.unsendable])
