"""Who would enter and leave each audience under another policy. Nothing is written, nothing is sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from passerelle.privacy.consent import Policy
from passerelle.privacy.errors import DefinitionError
from passerelle.privacy.ledger import Ledger
from passerelle.workflows.engine import look_at_segments
from passerelle.workflows.plan.aims import Aim, aims

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from passerelle.segmentation import Membership
    from passerelle.workflows.verbs.contract import Progress
    from passerelle.workflows.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Move:
    """How many people would enter or leave one audience at one destination, and why.

    `reason` is why they may not be there: under the policy of now for who enters, under the other one for who leaves.
    `refs` are the pseudonyms of the first of them, where they were asked for.
    """

    audience: str
    destination: str
    direction: str
    """enters | leaves"""
    reason: str
    people: int
    refs: Sequence[str] = field(default=())


@dataclass(frozen=True, slots=True)
class Effect:
    """`moves` of `judged` people; `whole` is False where only people who are there now could be judged."""

    moves: Sequence[Move]
    judged: int
    whole: bool


def effect(
    workspace: "Workspace",
    connection: "Connection",
    before: Policy,
    after: Policy,
    *,
    listed: int,
    now: int,
    progress: "Progress",
) -> Effect:
    """Judge the people of every audience's segment, and who is there now, by both policies."""
    wanted = aims(workspace, [])
    segments = _segments(workspace, wanted, now, progress)
    moves = list[Move]()
    judged = 0
    with progress.step("Judging by both policies", total=len(wanted)) as step:
        for aim in wanted:
            people = _people(workspace, connection, aim, segments)
            judged += len(people)
            moves += _moves(workspace, connection, aim, people, (before, after), listed, now)
            step.advance()
    return Effect(moves, judged, segments is not None)


def _segments(
    workspace: "Workspace", wanted: Sequence[Aim], now: int, progress: "Progress"
) -> "dict[str, Membership] | None":
    """The people of each segment; None where nothing was pulled yet."""
    try:
        found = look_at_segments(workspace, sorted({aim.segment for aim in wanted}), now=now, progress=progress)
    except DefinitionError:
        if workspace.lake().tables():
            raise
        return None
    return found


def _people(
    workspace: "Workspace", connection: "Connection", aim: Aim, segments: "dict[str, Membership] | None"
) -> pa.Array:
    ledger = Ledger(workspace.store(), workspace.log(), workspace.subjects())
    there = np.asarray(ledger.people(connection, aim.place)["subject_id"].to_numpy())
    chosen = aim.members_of(segments[aim.segment]).to_numpy() if segments else there
    return pa.array(np.union1d(there, chosen), pa.int64())


def _moves(
    workspace: "Workspace",
    connection: "Connection",
    aim: Aim,
    people: pa.Array,
    policies: tuple[Policy, Policy],
    listed: int,
    now: int,
) -> Iterator[Move]:
    old, new = (
        workspace.gate().under(policy).decide(connection, people, purpose=aim.purpose, destination=aim.platform, at=now)
        for policy in policies
    )
    for direction, was, becomes in (("enters", old, new), ("leaves", new, old)):
        moved = was.filter(pc.and_(pc.invert(was["allowed"]), becomes["allowed"]))
        for reason in sorted(moved["reason"].unique().to_pylist()):
            ids = moved.filter(pc.equal(moved["reason"], reason))["subject_id"].combine_chunks()
            refs = workspace.subjects().refs(connection, ids.slice(0, listed)).to_pylist() if listed else []
            yield Move(aim.place.audience, aim.place.destination, direction, reason, len(ids), refs)
