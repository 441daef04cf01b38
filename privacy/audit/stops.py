"""`audit optout` and `audit children`: hard stops that were received, and whether anybody came back in without right.

An opt-out of sale, sharing or targeted advertising (GPC, GPP, a US state's) is lifted by an opt-in in two steps and
by nothing else. That somebody is a child is lifted by nothing but better knowledge of their age.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from passerelle.privacy.audit.answer import Answer, Found, Line, found, summed, tally
from passerelle.privacy.audit.known import Ints, Known, Target, moves_at
from passerelle.privacy.store import tables as t
from passerelle.privacy.vocabulary import ConsentState, Expression, Stop

HOUR = 3_600_000_000
FIFTEEN_BUSINESS_DAYS = 21 * 24
"""Hours within which an opt-out must be applied (California's 15 business days, as calendar days)."""

_PERMITTING = [state.value for state in ConsentState if state.permits]


@dataclass(frozen=True, slots=True, eq=False)
class _Stopped:
    """People whom a stop holds, ascending, and the log entry and instant of the statement that imposed it."""

    person: Ints
    log_index: Ints
    heard: Ints


def opt_outs(known: Known) -> Answer:
    """Opt-outs received, lifted in two steps, applied, not yet applied, and people put in again without right."""
    events = _events(known, Stop.OPT_OUT)
    imposing = events.filter(pc.invert(events["permits"]))
    standing = _standing(imposing, events.filter(_lifts(events)))
    places = [_place(known, target, standing) for target in known.targets()]
    again, overdue = sum(one["put_in_again"] for one in places), sum(one["overdue"] for one in places)
    received = len(np.unique(imposing["person"].to_numpy()))
    return Answer(
        facts={
            "people_who_opted_out": received,
            "lifted_in_two_steps": received - len(standing.person),
            "standing": len(standing.person),
            "days_allowed": FIFTEEN_BUSINESS_DAYS // 24,
        },
        tables={"received": tally(imposing, ["source", "adapter", "purpose"], "statements"), "places": places},
        findings=found(
            Found("people were put in again after an opt-out without an opt-in in two steps", again),
            Found("people who opted out are still in an audience after 15 business days", overdue),
        ),
        advice="Run `passerelle sync --removals-only`; `passerelle audit why` tells what let a person in.",
    )


def children(known: Known) -> Answer:
    """People known to be under age: how that is known, whom the rules keep out, and whether any is in an audience."""
    events = _events(known, Stop.UNDER_AGE)
    flagged = events.filter(pc.invert(events["permits"]))
    standing = _standing(flagged, events.filter(events["permits"]))
    answers, inside = [], []
    for target in known.targets():
        ids = pa.array(known.present(target), pa.int64())
        decided = known.decide(ids, target.purpose, target.platform)
        young = pc.or_(pc.equal(decided["reason"], "under_age"), pc.is_in(ids, pa.array(standing.person, pa.int64())))
        here = {"audience": target.place.audience, "destination": target.place.destination}
        inside.append({**here, "members": len(ids), "under_age": pc.sum(young, min_count=0).as_py()})
    for ids in known.people():
        for purpose, platform in known.purposes():
            reasons = known.decide(ids, purpose, platform)
            kept_out = reasons.filter(pc.is_in(reasons["reason"], pa.array(["under_age", "age_unknown"])))
            about = {"purpose": purpose.value, "destination": platform.value}
            answers += [{**about, **line} for line in tally(kept_out, ["reason"])]
    rules = known.policy.rules
    return Answer(
        facts={
            "people_flagged": len(standing.person),
            "rules_with_a_minimum_age": sum(rule.minimum_age is not None for rule in rules),
            "rules_without": sum(rule.minimum_age is None for rule in rules),
        },
        tables={
            "flags": tally(flagged, ["source", "adapter"], "statements"),
            "kept_out": summed(answers, ["purpose", "destination", "reason"]),
            "audiences": inside,
        },
        findings=found(Found("people under age are in an audience", sum(line["under_age"] for line in inside))),
        advice="Run `passerelle sync --removals-only`; give the policy's rules a `minimum_age`.",
    )


def _events(known: Known, stop: Stop) -> pa.Table:
    """Statements that impose or lift a stop, with the person of today, the source and whether they permit."""
    c = t.consent_event.c
    columns = (c.subject_id, c.log_index, c.purpose, c.state, c.stream, c.ingested_at, c.expression, c.adapter)
    wanted = select(*columns).where(c.stop == stop.value, c.log_index < known.log_size).order_by(c.log_index)
    rows = known.store.table(known.connection, wanted)
    person = pa.array(known.today(rows["subject_id"].combine_chunks()), pa.int64())
    rows = rows.append_column("person", person)
    rows = rows.append_column("permits", pc.is_in(rows["state"], pa.array(_PERMITTING)))
    return rows.append_column("source", pc.replace_substring_regex(rows["stream"], "/.*$", ""))


def _lifts(events: pa.Table) -> pa.ChunkedArray:
    two_step = pc.fill_null(pc.equal(events["expression"], Expression.TWO_STEP.value), fill_value=False)
    return pc.and_(events["permits"], two_step)


def _standing(imposing: pa.Table, lifting: pa.Table) -> _Stopped:
    """Whom a stop still holds: by the first statement that imposed it after its last lifting."""
    person, index = imposing["person"].to_numpy(), imposing["log_index"].to_numpy()
    lifted = lifting.group_by("person").aggregate([("log_index", "max")])
    place = pc.index_in(imposing["person"], lifted["person"].combine_chunks())
    until = pc.fill_null(lifted["log_index_max"].take(place), -1).to_numpy()
    held = np.flatnonzero(index > until)
    who, first = np.unique(person[held], return_index=True)
    rows = held[first]
    return _Stopped(who, index[rows], imposing["ingested_at"].to_numpy()[rows])


def _place(known: Known, target: Target, standing: _Stopped) -> Line:
    """Of the people who opted out: who was put in again here since, and who is there still."""
    moves = moves_at(known, target.place)
    person = known.today(pa.array(moves.person, pa.int64()))
    since = _since(standing, person)
    again = np.unique(person[moves.adds & (since >= 0) & (moves.log_index > since)])
    rows = np.flatnonzero(np.isin(standing.person, np.setdiff1d(known.present(target), again)))
    hours = (known.at - standing.heard[rows]) / HOUR
    return {
        "audience": target.place.audience,
        "destination": target.place.destination,
        "put_in_again": len(again),
        "not_out_yet": len(rows),
        "overdue": int((hours > FIFTEEN_BUSINESS_DAYS).sum()),
        "oldest_hours": round(float(hours.max()), 2) if len(hours) else None,
    }


def _since(standing: _Stopped, person: Ints) -> Ints:
    """The log entry since which each person is stopped; -1 where they are not."""
    if not len(standing.person):
        return np.full(len(person), -1)
    place = np.minimum(np.searchsorted(standing.person, person), len(standing.person) - 1)
    return np.where(standing.person[place] == person, standing.log_index[place], -1)
