"""One run of erasures: ask, take out, finish what is ready.

Each step is durable before the next, and may be repeated: who runs it again after a death goes on where it stood.

| step | what is durable | if the process dies after it |
| --- | --- | --- |
| asked | requests, owed removals, fingerprints | nothing is decided in their favour; removals stay owed |
| removals pushed | the platforms' receipts | what is not settled is asked again, which is harmless |
| quarantine released | their records in quarantine are forgotten | there is nothing to find the next time |
| lake rewritten | no file holds a row of theirs | it is looked through again |
| snapshots rewritten | no snapshot of a segment holds them | they are looked through again |
| copies dropped | no engine holds a copy of the files before | they are dropped again, which is harmless |
| destroyed | evidence is sealed, no key is left | nothing is left to do |
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

from passerelle.connectors.contract.destination import AudienceSpec
from passerelle.privacy.erasure import (
    Desk,
    Kept,
    Open,
    Recipient,
    finish,
    open_erasures,
    pushed,
    ready,
    request,
)
from passerelle.privacy.errors import PasserelleError
from passerelle.privacy.ledger import Place
from passerelle.workflows.erase import traces
from passerelle.workflows.erase.expiry import desk_of, expire_now
from passerelle.workflows.erase.places import PENDING, stays
from passerelle.workflows.snapshots.taking import shelf_of
from passerelle.workflows.sync.place import await_settled, reach
from passerelle.workflows.sync.report import PlaceReport
from passerelle.workflows.sync.run import check, end, sync_removals

if TYPE_CHECKING:
    from passerelle.workflows.sync.crew import Crew
    from passerelle.workflows.workspace import Workspace

_AT_ONCE = 500
"""People whose data one transaction destroys."""


def _no_fault(_step: str) -> None:
    """Nothing goes wrong."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for. `received` is when the request came, where that was earlier; `fault` is told of each step."""

    cause: str = "asked"
    received: int | None = None
    queue_only: bool = False
    fault: Callable[[str], None] = _no_fault


@dataclass(slots=True)
class Report:
    """What became of it, by erasures' ids."""

    asked: list[str] = field(default_factory=list)
    queued: int = 0
    done: list[str] = field(default_factory=list)
    sealed: int = 0
    destroyed: dict[str, int] = field(default_factory=dict)
    fingerprints_expired: int = 0
    evidence_expired: int = 0
    places: list[PlaceReport] = field(default_factory=list)
    problem: PasserelleError | None = None
    """What kept those whose removals are confirmed from being finished."""


def erase(crew: "Crew", ids: Sequence[int], order: Order) -> Report:
    """Ask for the erasure of these people, then go on with every erasure that is not done.

    What a platform has not confirmed stays open, and stands in `places`; no error is raised for it.
    """
    check(crew)
    desk = desk_of(crew.workspace)
    ended = expire_now(crew.workspace, now=crew.now())
    report = Report(fingerprints_expired=ended.fingerprints, evidence_expired=ended.evidence)
    _ask(crew, desk, ids, order, report)
    order.fault("asked")
    if not order.queue_only:
        _take_out(crew, desk, report)
        order.fault("removals pushed")
        try:
            _finish(crew, desk, order, report)
        except PasserelleError as problem:
            report.problem = problem
    end(crew)
    return report


def _ask(crew: "Crew", desk: Desk, ids: Sequence[int], order: Order, report: Report) -> None:
    if not ids:
        return
    with crew.store.write() as connection:
        made = request(
            desk,
            connection,
            pa.array(ids, pa.int64()),
            cause=order.cause,
            suppression_days=crew.workspace.settings.suppression_days,
            now=crew.now(),
            received=order.received,
        )
    report.asked, report.queued = list(made.erasures), made.queued


def _take_out(crew: "Crew", desk: Desk, report: Report) -> None:
    """Ask the platforms, or wait for those that were asked already."""
    with crew.store.read() as connection:
        asked = open_erasures(desk, connection)
        there = stays(connection, [number for one in asked for number in one.subject_ids])
    if not there:
        return
    to_ask = {stay.place for stay in there if stay.word != PENDING}
    waiting = sorted({stay.place for stay in there} - to_ask, key=str)
    if to_ask:
        with crew.store.write() as connection:
            pushed(desk, connection, asked)
        done = sync_removals(crew, sorted({place.audience for place in to_ask}))
        report.places += [*done.places, *done.farewells]
    told = {place.place for place in report.places}
    report.places += [_await(crew, place) for place in waiting if place not in told]


def _await(crew: "Crew", place: Place) -> PlaceReport:
    report = PlaceReport(place)
    try:
        with crew.store.read() as connection:
            remote = crew.ledger.remote(connection, place)
        if remote is not None:
            spec = AudienceSpec.unchanged(place.audience)
            await_settled(crew, reach(crew, place, spec, remote.purpose), report, crew.patience)
    except PasserelleError as problem:
        report.fail(problem)
    return report


def _finish(crew: "Crew", desk: Desk, order: Order, report: Report) -> None:
    """Destroy what there is of everybody whose removals are all confirmed."""
    with crew.store.read() as connection:
        able = ready(connection, open_erasures(desk, connection))
    if not able:
        return
    keep = _keep(crew.workspace)
    with crew.store.exclusive("erase"), crew.progress.step("Erasing", total=len(able)) as step:
        _rewrite(crew, able, order, report)
        for start in range(0, len(able), _AT_ONCE):
            few = able[start : start + _AT_ONCE]
            _destroy(crew, desk, few, keep, report)
            order.fault("destroyed")
            step.advance(len(few))


def _rewrite(crew: "Crew", able: Sequence[Open], order: Order, report: Report) -> None:
    """Take them out of quarantine and lake.

    No identifier leads to their numbers since they were asked for. So a table holds no new row of theirs once no pull
    that began before is at work on it: who has its lock once knows that.
    """
    workspace = crew.workspace
    numbers = [number for one in able for number in one.subject_ids]
    ids = pa.array(numbers, pa.int64())
    with crew.store.read() as connection:
        told = traces.told_keys(workspace, connection, numbers)
    lake = workspace.lake().watched(order.fault)
    for name in traces.tables(workspace):
        with crew.store.exclusive(f"pull {name}"):
            keys = traces.keys_in(workspace, name, ids, told.get(name))
            with crew.store.write() as connection:
                _count(report, "quarantine", traces.release(workspace, connection, keys))
            order.fault("quarantine released")
            _count(report, "lake_tables", lake.forget(ids, keys, only=name))
            order.fault("lake rewritten")
    _count(report, "snapshots", shelf_of(workspace).forget(ids.to_numpy()))
    order.fault("snapshots rewritten")
    workspace.engine().forget()


def _destroy(crew: "Crew", desk: Desk, few: Sequence[Open], keep: Kept | None, report: Report) -> None:
    with crew.store.write() as connection:
        still = {one.erasure for one in open_erasures(desk, connection)}
        finished = finish(desk, connection, [one for one in few if one.erasure in still], keep=keep, now=crew.now())
    report.done += [one.erasure for one in few]
    report.sealed += finished.sealed
    for name, count in finished.destroyed.items():
        _count(report, name, count)


def _count(report: Report, what: str, count: int) -> None:
    if count:
        report.destroyed[what] = report.destroyed.get(what, 0) + count


def _keep(workspace: "Workspace") -> Kept | None:
    """For whom evidence is kept; None where the settings name nobody."""
    wanted = workspace.settings.evidence
    return None if wanted is None else Kept(Recipient.load(workspace.path(wanted.dpo_key_file)), wanted.keep_days)
