"""Sync audiences: one writer per place, a fresh plan under its lock, and a signed checkpoint at the end."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pyarrow as pa

from passerelle.connectors.contract.destination import AudienceSpec
from passerelle.privacy.errors import HeldBack, PasserelleError, TryLater
from passerelle.privacy.ledger import EVERYWHERE, Doubt, Place, Remote, Replacements
from passerelle.privacy.store import tables as t
from passerelle.workflows.engine import instant
from passerelle.workflows.plan.aims import Aim, aims, check_names
from passerelle.workflows.plan.document import PlanFile, same_moves, to_file
from passerelle.workflows.plan.guards import MIXED, MIXED_ADVICE
from passerelle.workflows.plan.make import PlacePlan, Plan, make, wish_of
from passerelle.workflows.plan.moves import NOBODY, Moves, diff
from passerelle.workflows.plan.naming import UNFIT_ADVICE
from passerelle.workflows.plan.replace import explained
from passerelle.workflows.plan.standing import standing
from passerelle.workflows.plan.standstill import Memory, Unmoved
from passerelle.workflows.snapshots.taking import Computed
from passerelle.workflows.sync.crew import Crew
from passerelle.workflows.sync.farewell import bid_farewell
from passerelle.workflows.sync.place import await_settled, carry, carry_whole, conclude, finish, reach
from passerelle.workflows.sync.push import Target
from passerelle.workflows.sync.remember import remember
from passerelle.workflows.sync.report import PlaceReport
from passerelle.workflows.sync.signals import stopped_by_signals
from passerelle.workflows.verbs.contract import Outcome, Step

_AT_ONCE = 50_000
"""Decisions kept in one write: bounds memory."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What was pushed to one place: its report, still open while `target` is to be waited for."""

    report: PlaceReport
    target: Target | None = None


@dataclass(slots=True)
class SyncReport:
    """What became of each place, and which consent sources were too old for additions.

    `farewells` are about people who were dropped from every audience of an account, where there were any. `jumped`
    names thresholds whose guards kept the values of the run before.
    """

    places: list[PlaceReport] = field(default_factory=list)
    farewells: list[PlaceReport] = field(default_factory=list)
    stale: tuple[str, ...] = ()
    jumped: tuple[str, ...] = ()
    computed: Computed | None = None
    """The segments that it was about; None where none was needed."""


def sync(
    crew: Crew, names: Sequence[str], *, approved: frozenset[str] = frozenset(), kept: PlanFile | None = None
) -> SyncReport:
    """Plan and carry out the named audiences, or all, or those of a kept plan if it still holds."""
    begin(crew)
    wanted = sorted({place.audience for place in kept.places}) if kept else names
    asked = aims(crew.workspace, wanted)
    places = [aim.place for aim in asked]
    report = SyncReport()
    with ExitStack() as locks:
        busy = _lock(crew, locks, places)
        report.places.extend(busy.values())
        if kept is not None and (unsaid := sorted(set(kept.approved) - approved)):
            raise HeldBack(
                f"This plan overrides {' and '.join(unsaid)}.",
                advice=f"Whoever carries it out says so: --approve {' --approve '.join(unsaid)}.",
            )
        as_of = instant(None, kept.made_at) if kept else None
        _recognize(crew, [aim for aim in asked if aim.place not in busy])
        _go_on(crew, [place for place in places if place not in busy])
        plan = make(
            crew.workspace,
            wanted,
            now=crew.now(),
            progress=crew.progress,
            approved=approved,
            as_of=as_of,
            recalls=kept is None,
        )
        if kept is not None:
            _still_holds(kept, plan)
        report.stale, report.jumped, report.computed = plan.stale, plan.jumped, plan.computed
        work: dict[Place, Callable[[], Carried]] = {one.place: partial(_stood_still, one) for one in plan.unmoved}
        work |= {place.aim.place: partial(_carry_out, crew, plan, place) for place in plan.places}
        done = _all(crew, {place: work[place] for place in places if place not in busy})
        report.places.extend(done)
        report.farewells.extend(_farewells(crew))
        remember(crew, plan, done)
    end(crew)
    return report


def sync_removals(crew: Crew, names: Sequence[str]) -> SyncReport:
    """Take out everybody whose removal is owed or whose consent no longer holds, wherever they were sent.

    Waits for no segment, no freshness and no size; works for audiences whose file is gone, too, and where a notice
    was edited that should not have been: what people read is on file.
    """
    check(crew)
    with crew.store.read() as connection:
        everywhere = crew.ledger.places(connection)
    if strangers := sorted(set(names) - {EVERYWHERE} - {place.audience for place in everywhere}):
        check_names(strangers, crew.workspace.audiences)
    places = [place for place in everywhere if not names or place.audience in names]
    report = SyncReport()
    with ExitStack() as locks:
        busy = _lock(crew, locks, places)
        report.places.extend(busy.values())
        report.places.extend(
            _all(crew, {place: partial(_take_out, crew, place) for place in places if place not in busy})
        )
        report.farewells.extend(_farewells(crew))
    end(crew)
    return report


def _all(crew: Crew, work: Mapping[Place, Callable[[], Carried]]) -> list[PlaceReport]:
    """Push to all destinations side by side, to each in turn, so that no slow one holds up another; then wait for all.

    Told to stop, finish the batches in hand and begin no other; told again, too: until they are finished, the places'
    locks are held.
    """
    lanes: dict[str, list[Place]] = {}
    for place in work:
        lanes.setdefault(place.destination, []).append(place)
    done: dict[Place, Carried] = {}
    with (
        stopped_by_signals(crew.stopping),
        crew.subjects.holding(),
        crew.progress.step("Audiences at their destinations", total=len(work)) as step,
        ThreadPoolExecutor(max_workers=max(1, len(lanes)), thread_name_prefix="sync") as pool,
    ):
        parts = [{place: work[place] for place in lane} for lane in lanes.values()]
        running = [pool.submit(_lane, crew, part, step) for part in parts]
        try:
            for each in running:
                done |= each.result()
        except BaseException:
            crew.stopping.set()
            raise
    crew.heed_stop()
    carried = [done[place] for place in work]
    conclude(crew, [(each.target, each.report) for each in carried if each.target is not None])
    return [each.report for each in carried]


def _lane(crew: Crew, work: Mapping[Place, Callable[[], Carried]], step: Step) -> dict[Place, Carried]:
    """Everything for one destination. Its audiences share its limits, so they go one after the other."""
    done: dict[Place, Carried] = {}
    for place, push in work.items():
        if crew.stopping.is_set():
            break
        done[place] = push()
        step.advance()
    return done


def _farewells(crew: Crew) -> list[PlaceReport]:
    """Have platforms drop whoever asked to go from every audience, once our own removals are on their way."""
    asked = [] if crew.stopping.is_set() else [bid_farewell(crew, name) for name in crew.workspace.destinations]
    return [report for report in asked if report is not None]


def begin(crew: Crew) -> None:
    """Before anything else: the log is what it was, and this policy and these notices are in it."""
    check(crew)
    with crew.store.write() as connection:
        crew.gate.document(connection, crew.now())


def check(crew: Crew) -> None:
    """The log is what it was, or nothing is sent."""
    with crew.store.write() as connection:
        crew.log.check_anchor(connection)


def end(crew: Crew) -> None:
    """Sign the log as it now stands."""
    with crew.store.write() as connection:
        crew.log.checkpoint(connection, now=crew.now())


def _lock(crew: Crew, locks: ExitStack, places: Iterable[Place]) -> dict[Place, PlaceReport]:
    """Take every place's lock that is free; a report for each that another run holds."""
    busy: dict[Place, PlaceReport] = {}
    for place in places:
        try:
            locks.enter_context(crew.alone_at(place, f"sync-{place.destination}-{place.audience}"))
        except TryLater as taken:
            busy[place] = PlaceReport(place)
            busy[place].fail(taken)
            finish(crew, place, busy[place])
    return busy


def _still_holds(kept: PlanFile, fresh: Plan) -> None:
    if kept.policy != fresh.policy:
        raise HeldBack("The policy has changed since this plan was made.", advice="Make a new plan.")
    if kept.log_size > fresh.log_size:
        raise HeldBack(
            "The log is shorter than when this plan was made: the store is not the one it was made from.",
            advice="If a backup was put back on purpose, make a new plan.",
        )
    if changed := same_moves(kept, to_file(fresh)):
        raise HeldBack(
            f"The plan no longer holds for {', '.join(changed)}.",
            advice="Consent, data or the audience changed since. Make a new plan and look at the difference.",
        )


def _stood_still(unmoved: Unmoved) -> Carried:
    """Nothing to do, as the last time."""
    return Carried(PlaceReport(unmoved.place, withheld=dict(unmoved.withheld), members=unmoved.members))


def _carry_out(crew: Crew, plan: Plan, place: PlacePlan) -> Carried:
    aim, moves = place.aim, place.guarded.moves
    report = PlaceReport(aim.place, withheld=place.withheld, held_by=place.guarded.held)
    _explain_held(report, plan, place)
    _record(crew, plan, place)
    _log_overrides(crew, place)
    as_it_is = {"sensitive_name", MIXED} & {*report.held_by}
    spec = AudienceSpec.unchanged(aim.place.audience) if as_it_is else aim.spec
    renamed = place.known is not None and spec is aim.spec and place.known.described != spec.digest
    report.how, report.why = place.how.how, explained(place.how, aim.replaces)
    if not renamed and place.how.how == "diff" and _nothing_to_do(crew, aim.place, moves):
        _hold_out(crew, plan, place)
        finish(crew, aim.place, report)
        return Carried(report)
    try:
        reached = reach(crew, aim.place, spec, aim.purpose)
    except PasserelleError as problem:
        report.fail(problem)
        finish(crew, aim.place, report)
        return Carried(report)
    _hold_out(crew, plan, place)
    target = replace(reached, values=place.values, foreseen=place.choice.foreseen, split=aim.split)
    if place.how.how == "replace":
        carry_whole(crew, target, place.wish, moves, report)
    else:
        carry(crew, target, moves, report)
    return Carried(report, target)


def _recognize(crew: Crew, wanted: Iterable[Aim]) -> None:
    """Before a plan is made: remember audiences that are there by our mark and unknown here, as after a lost store.

    People may be in them whom nobody here knows, so the plan replaces them all, and says so.
    """
    for aim in wanted:
        with crew.store.read() as connection:
            known = crew.ledger.remote(connection, aim.place)
        if known is not None:
            continue
        try:
            found = crew.workspace.destination(aim.place.destination).find(aim.spec)
        except PasserelleError:
            continue  # what is wrong with the platform is told when the plan is carried out
        if found is not None and found.adopted:
            now = crew.now()
            adopted = Remote(found.remote_id, found.columns, aim.platform, aim.purpose, doubt=Doubt("adopted", now))
            with crew.store.write() as connection:
                crew.ledger.remember(connection, aim.place, adopted, now=now)


def _go_on(crew: Crew, places: Iterable[Place]) -> None:
    """Before a plan is made: conclude replacements of earlier runs that only waited for the platform."""
    for place in places:
        with crew.store.read() as connection:
            waits = Replacements(crew.store, crew.ledger).waiting(connection, place)
            remote = crew.ledger.remote(connection, place)
        if waits is None or remote is None:
            continue
        try:
            target = reach(crew, place, AudienceSpec.unchanged(place.audience), remote.purpose)
            await_settled(crew, target, PlaceReport(place), 0, concludes=True)
        except PasserelleError:
            continue  # what is wrong with the platform is told when the plan is carried out


def _record(crew: Crew, plan: Plan, place: PlacePlan) -> None:
    """Keep each changed decision.

    Who is about to be added is decided again then, and that decision is kept: so few people are written of at a time.
    """
    aim = place.aim
    ids = place.decisions["subject_id"].to_numpy()
    others = place.decisions.filter(pa.array(~np.isin(ids, place.guarded.moves.adds, assume_unique=True)))
    for start in range(0, others.num_rows, _AT_ONCE):
        with crew.store.write() as connection:
            crew.gate.record(
                connection,
                others.slice(start, _AT_ONCE),
                audience=aim.place.audience,
                destination_name=aim.place.destination,
                purpose=aim.purpose,
                now=plan.made_at,
                platform=aim.platform,
            )


def _hold_out(crew: Crew, plan: Plan, place: PlacePlan) -> None:
    """Keep who is held out, and since when: their time is compared with that of those who are sent.

    Only where the others may be sent: while a guard holds everybody back, nobody is kept out of anything.
    """
    if place.guarded.held or not (count := len(place.held_out)):
        return
    rows = {"audience": [place.aim.place.audience] * count, "subject_id": pa.array(place.held_out)}
    with crew.store.write() as connection:
        crew.store.insert(connection, t.holdout, {**rows, "since": [plan.made_at] * count}, on_conflict="ignore")


def _log_overrides(crew: Crew, place: PlacePlan) -> None:
    """Tell the log which guards would have held something, and why they did not."""
    if not place.guarded.overridden:
        return
    body = {
        "action": "guards_overridden",
        "reason": crew.reason,
        "run": crew.run_id,
        "destination": place.aim.place.destination,
        "audience": place.aim.place.audience,
        "guards": list(place.guarded.overridden),
    }
    with crew.store.write() as connection:
        crew.log.append(connection, "operator", body, now=crew.now())


def _nothing_to_do(crew: Crew, place: Place, moves: Moves) -> bool:
    with crew.store.read() as connection:
        return moves.none and not crew.ledger.waits(connection, place)


def _explain_held(report: PlaceReport, plan: Plan, place: PlacePlan) -> None:
    held = place.guarded.held
    if "consent_stale" in held:
        report.outcome = Outcome.CONSENT_STALE
        report.problem = f"Consent is too old to add anybody: {', '.join(plan.stale)}."
        report.advice = "Run `passerelle pull`; if it fails, see why with `passerelle doctor`."
    elif held:
        report.outcome = Outcome.HELD_BACK
        report.problem = f"Held back by {' and '.join(held)}."
        report.advice = _ADVICE.get(held[0], "")
        if (unfit := place.choice.unfit) is not None:
            report.problem, report.advice = unfit.reason, unfit.advice
        if "sensitive_name" in held:
            report.problem = f"{report.problem.removesuffix('.')}: {', '.join(place.unfit)}."


_ADVICE = {
    MIXED: MIXED_ADVICE,
    "sensitive_name": UNFIT_ADVICE,
    "minimum_size": "The audience would be smaller than the minimum size. Widen the segment or collect more consents.",
    "maximum_change": "Look at the plan; if the change is meant, run again with --approve maximum_change.",
    "empty_segment": "The segment is empty. Check the last pull; if meant, run again with --approve empty_segment.",
}


def _take_out(crew: Crew, place: Place) -> Carried:
    report = PlaceReport(place)
    try:
        with crew.store.read() as connection:
            unmoved = Memory.of(crew.workspace, connection, now=crew.now()).of_place(place)
            if unmoved is not None:
                return Carried(PlaceReport(place, members=unmoved.members))
            remote = crew.ledger.remote(connection, place)
            here = standing(connection, crew.ledger, place)
            if remote is None:
                return Carried(report)
            decisions = crew.gate.decide(
                connection,
                pa.array(here.subject_id),
                purpose=remote.purpose,
                destination=remote.platform,
                at=crew.now(),
            )
            wish = wish_of(crew.workspace, connection, decisions)
        moves = diff(wish, here)
        removes = {cause: ids for cause, ids in moves.removes.items() if cause != "identifiers_changed"}
        only = Moves(NOBODY, removes, NOBODY, NOBODY, moves.current, 0)
        if _nothing_to_do(crew, place, only):
            finish(crew, place, report)
            return Carried(report)
        target = reach(crew, place, AudienceSpec.unchanged(place.audience), remote.purpose)
        carry(crew, target, only, report)
    except PasserelleError as problem:
        report.fail(problem)
        return Carried(report)
    return Carried(report, target)
