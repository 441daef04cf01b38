"""Make a plan: read who is chosen, who agreed and who is there; nothing is sent and nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from passerelle.privacy.consent import Foreseen
from passerelle.privacy.ledger import Ledger, Place, Remote, Replacements
from passerelle.segmentation.learning.unfit import Unfit
from passerelle.workflows.engine import dataset, run_segments
from passerelle.workflows.plan.aims import Aim, aims
from passerelle.workflows.plan.draw import Drawn, draw
from passerelle.workflows.plan.guards import Guarded, guard
from passerelle.workflows.plan.moves import NOBODY, Ids, Wish, diff, union
from passerelle.workflows.plan.naming import unfit
from passerelle.workflows.plan.replace import REFUSALS, How, Known, choose
from passerelle.workflows.plan.standing import owed, standing
from passerelle.workflows.plan.standstill import Basis, Memory, Unmoved
from passerelle.workflows.plan.values import Values, Worth
from passerelle.workflows.plan.worth import relied_on, traits_of, worth_of
from passerelle.workflows.snapshots.taking import Computed

if TYPE_CHECKING:
    from passerelle.workflows.verbs.contract import Progress
    from passerelle.workflows.workspace import Workspace


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """Who is wanted at one place, whoever is there.

    `foreseen` holds the gate's decisions on everybody who is `drawn`, whom a holdout keeps out among them.
    `stale` names sources that are too old.
    """

    aim: Aim
    drawn: Drawn
    foreseen: Foreseen
    wish: Wish
    stale: tuple[str, ...]
    worth: Worth | None = None
    """What is sent of each person as their value, where the audience has values."""
    unfit: Unfit | None = None
    """Why a model that the segment or its people's values rest on may not be relied on."""


@dataclass(frozen=True, slots=True, eq=False)
class PlacePlan:
    """The plan for one audience at one destination."""

    choice: Choice
    guarded: Guarded
    wish: Wish
    """Who is wanted, but for those who must leave every audience first."""
    known: Remote | None
    """The audience at the platform, where there is one yet."""
    unfit: tuple[str, ...]
    """Words of special categories in what the platform would be told of the audience, and was not told before."""
    how: How

    @property
    def aim(self) -> Aim:
        """What is asked for."""
        return self.choice.aim

    @property
    def segment_size(self) -> int:
        """How many people the segment has."""
        return len(self.choice.drawn.people)

    @property
    def decisions(self) -> pa.Table:
        """The gate's, of everybody in the segment."""
        return self.choice.foreseen.decisions

    @property
    def held_out(self) -> Ids:
        """Who would be sent, and is kept out by a holdout: whoever may not be sent has no part in the comparison."""
        return self.choice.wish.withheld.get("holdout", NOBODY)

    @property
    def values(self) -> Values | None:
        """What is sent of each allowed person as their value, where the audience has values."""
        return None if self.choice.worth is None else self.choice.worth.values

    @property
    def withheld(self) -> dict[str, int]:
        """How many people of the segment are kept out, by reason."""
        counts = {reason: len(ids) for reason, ids in sorted(self.wish.withheld.items()) if len(ids)}
        if len(self.guarded.moves.unsendable):
            counts["no_sendable_key"] = len(self.guarded.moves.unsendable)
        return counts


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Plans for some places, under one policy and one size of the log. `stale` names sources that are too old.

    `unmoved` are places that were not looked at, since nothing can have changed there. `jumped` names thresholds that
    jumped, so that their guards keep the values of the run before.
    """

    places: Sequence[PlacePlan]
    made_at: int
    policy: str
    log_size: int
    stale: tuple[str, ...]
    unmoved: Sequence[Unmoved] = ()
    basis: Basis | None = field(default=None)
    jumped: tuple[str, ...] = ()
    computed: Computed | None = None
    """The segments, and what they were computed from."""


def make(
    workspace: "Workspace",
    names: Sequence[str],
    *,
    now: int,
    progress: "Progress",
    approved: frozenset[str] = frozenset(),
    as_of: int | None = None,
    recalls: bool = False,
) -> Plan:
    """Plan the named audiences, or all: segments as of `as_of` (by default this hour), consent as of `now`.

    With `recalls`, places where an earlier run left nothing to do are not looked at, if nothing can have changed there.
    """
    wanted, data = aims(workspace, names), dataset(workspace)
    memberships = run_segments(
        workspace,
        sorted({aim.segment for aim in wanted}),
        as_of=as_of,
        now=now,
        progress=progress,
        values=traits_of(wanted),
        data=data,
    )
    ledger = Ledger(workspace.store(), workspace.log(), workspace.subjects())
    gate = workspace.gate()
    with (
        workspace.store().read() as connection,
        progress.step("Comparing with who is there", total=len(wanted)) as step,
    ):
        places, unmoved, stale = [], list[Unmoved](), set[str]()
        memory = Memory.of(workspace, connection, now=now)
        for aim in wanted:
            found = relied_on(aim, memberships[aim.segment])
            drawn, worth = draw(aim, found), worth_of(workspace.subjects(), aim, found)
            old = gate.stale(connection, now=now, purpose=aim.purpose, destination=aim.platform)
            late = tuple(source.source for source in old)
            stale.update(late)
            known = memory.of_aim(aim, drawn, late, worth) if recalls and found.held is None else None
            if known is not None:
                unmoved.append(known)
            else:
                choice = _choose(workspace, connection, aim, drawn, worth, now, late)
                choice = replace(choice, unfit=found.held)
                places.append(held_against(workspace, connection, ledger, choice, now=now, approved=approved))
            step.advance()
        size = workspace.log().size(connection)
    kept = {each.name for found in memberships.values() for each in found.thresholds if each.kept}
    late = tuple(sorted(stale))
    return Plan(
        places,
        now,
        workspace.policy.digest,
        size,
        late,
        unmoved,
        memory.basis,
        tuple(sorted(kept)),
        Computed(memberships, data),
    )


def _choose(
    workspace: "Workspace",
    connection: Connection,
    aim: Aim,
    drawn: Drawn,
    worth: Worth | None,
    now: int,
    stale: tuple[str, ...],
) -> Choice:
    foreseen = workspace.gate().foresee(connection, drawn.people, purpose=aim.purpose, destination=aim.platform, at=now)
    wish = wish_of(workspace, connection, foreseen.decisions)
    wish = without(wish, {**({} if worth is None else worth.unfit), "holdout": drawn.held_out})
    if worth is not None:
        wish = replace(wish, mark=worth.marks_of(wish.allowed))
    return Choice(aim, drawn, foreseen, wish, stale, worth)


def held_against(
    workspace: "Workspace",
    connection: Connection,
    ledger: Ledger,
    choice: Choice,
    *,
    now: int,
    approved: frozenset[str],
) -> PlacePlan:
    """The plan that leads from who is there to who is chosen."""
    aim, stale = choice.aim, bool(choice.stale)
    wish = without(choice.wish, {"leaving_everywhere": _leaving_everywhere(workspace, connection, ledger, aim)})
    here = standing(connection, ledger, aim.place, values=choice.worth is not None)
    asked = choice.foreseen.decisions["subject_id"].to_numpy()
    lost = _lost(workspace, connection, aim, np.setdiff1d(here.subject_id, asked), now)
    causes = {cause: union([ids, lost.get(cause, NOBODY)]) for cause, ids in wish.withheld.items()}
    moves = diff(replace(wish, withheld={**lost, **causes}), here)
    known = ledger.remote(connection, aim.place)
    words = unfit(workspace, aim, known)
    guarded = guard(
        moves,
        aim.limits,
        segment_size=len(choice.drawn.people),
        stale=stale,
        approved=approved,
        unfit=bool(words),
        mixed=_mixed(aim, known),
        model=choice.unfit is not None,
    )
    speaks = _speaks(workspace, connection, ledger, aim.place, known)
    how = choose(aim, guarded, wish, speaks, stale=stale, unfit=bool(words))
    return PlacePlan(choice, guarded, wish, known, words, how)


def _mixed(aim: Aim, known: Remote | None) -> bool:
    """Whether people would come with values to an audience that was made without, or the other way round."""
    if known is None or not aim.value_column:
        return False
    return (aim.value_column in known.columns) != (aim.value is not None)


def _speaks(
    workspace: "Workspace", connection: Connection, ledger: Ledger, place: Place, remote: Remote | None
) -> Known:
    """What the ledger knows that speaks for a replacement of all members, or against it."""
    if remote is None:
        return Known()
    replacements = Replacements(workspace.store(), ledger)
    return Known(
        doubt=remote.doubt.why if remote.doubt else None,
        refused=replacements.refused(connection, place, tries=REFUSALS),
        under_way=replacements.under_way(connection, place),
    )


def _leaving_everywhere(workspace: "Workspace", connection: Connection, ledger: Ledger, aim: Aim) -> Ids:
    """Who must first be dropped from every audience there: put in before, they would be taken out again unnoticed."""
    leaving = owed(connection, ledger, Place.everywhere(aim.place.destination))
    return np.unique(workspace.gate().today(connection, pa.array(leaving)).to_numpy()) if len(leaving) else NOBODY


def without(wish: Wish, causes: Mapping[str, Ids]) -> Wish:
    """The same wish, but for people who are kept out by a cause."""
    for cause, ids in causes.items():
        out = np.isin(wish.allowed, ids)
        if out.any():
            withheld = {**wish.withheld, cause: wish.allowed[out]}
            mark = None if wish.mark is None else wish.mark[~out]
            wish = Wish(wish.allowed[~out], wish.revision[~out], withheld, mark)
    return wish


def _lost(workspace: "Workspace", connection: Connection, aim: Aim, ids: Ids, now: int) -> dict[str, Ids]:
    """Those of `ids`, who are there and not wanted any more, that may not be there at all: by reason.

    They go because of their consent, so no guard on a marketer's choice holds them back.
    """
    if not len(ids):
        return {}
    gate = workspace.gate()
    decisions = gate.decide(connection, pa.array(ids), purpose=aim.purpose, destination=aim.platform, at=now)
    return _withheld(decisions)


def wish_of(workspace: "Workspace", connection: Connection, decisions: pa.Table) -> Wish:
    """Who the decisions allow, with the revision of their identifiers, and who they withhold, by reason."""
    ids = decisions["subject_id"].to_numpy()
    allowed_mask = decisions["allowed"].to_numpy()
    allowed = np.sort(ids[allowed_mask])
    revision = workspace.subjects().revisions(connection, pa.array(allowed))
    return Wish(allowed, revision.to_numpy(zero_copy_only=False).astype(np.int32), _withheld(decisions))


def _withheld(decisions: pa.Table) -> dict[str, Ids]:
    """Who is not allowed, by reason."""
    denied = decisions.filter(pc.invert(decisions["allowed"]))
    ids = denied["subject_id"].to_numpy()
    reasons = pc.dictionary_encode(denied["reason"]).combine_chunks()
    codes = reasons.indices.to_numpy(zero_copy_only=False)
    return {str(reason): np.sort(ids[codes == place]) for place, reason in enumerate(reasons.dictionary.to_pylist())}
