"""Ways from state to state: each person's events as states in order of time, and how often which followed which.

At one instant a person is in one state, the first of the list that fits, so equal times are never taken for an order.
"""

from collections.abc import Callable, Iterable, Sequence

import ibis

from passerelle.segmentation.compile.events import first_rows, holds, selected
from passerelle.segmentation.compile.instants import AsOf
from passerelle.segmentation.compile.portable import Expr, microseconds, one
from passerelle.segmentation.compile.sessions import numbered
from passerelle.segmentation.resolve_journeys import Journey
from passerelle.segmentation.rules import Selection

EventsOf = Callable[[str], Expr]

START, END = -1, -2
"""Before the first state of a journey, and after its last. States are numbered from 0."""


def values(journey: Journey, events_of: EventsOf, as_of: AsOf, people: Expr) -> Expr:
    """Of a journey through the values of a column: each `value`, how many `events` it has, and of how many `people`."""
    rows = first_rows(_valued(journey, selection, events_of, as_of) for selection in journey.events)
    rows = rows.semi_join(people, "subject_id")
    return rows.group_by("value").aggregate(events=rows.count(), people=rows.subject_id.nunique())


def _valued(journey: Journey, selection: Selection, events_of: EventsOf, as_of: AsOf) -> Expr:
    events = events_of(selection.table)
    rows = events.filter(holds(selection, events, as_of))
    rows = rows.select("subject_id", t=microseconds(rows.at), value=rows[journey.column])
    return rows.filter(rows.value.notnull())


def instants(journey: Journey, states: Sequence[str], events_of: EventsOf, as_of: AsOf, people: Expr) -> Expr:
    """`subject_id`, `t` (µs), the number of the `state`, and what part of the person's past it is in: `part`, `ended`.

    `states`: of values those that are states, by number; every other is the number after the last.
    """
    rows = _of_values(journey, states, events_of, as_of) if journey.events else _of_states(journey, events_of, as_of)
    rows = rows.semi_join(people, "subject_id")
    each = rows.group_by(["subject_id", "t"]).aggregate(state=rows.state.min())
    if journey.gap is None:
        parted = each.mutate(part=ibis.literal(1, type="int64"))
    else:
        parted = numbered(each, journey.gap).rename(part="session")
    if journey.goal is None:
        return parted.mutate(ended=ibis.literal(0, type="int64"))
    # The goal is the first state. What follows it is another journey.
    flagged = parted.mutate(done=one(parted.state == 0))
    before = ibis.window(group_by=flagged.subject_id, order_by=flagged.t, preceding=(None, 1))
    return flagged.mutate(ended=flagged.done.sum().over(before).cast("int64").fill_null(0)).drop("done")


def _of_values(journey: Journey, states: Sequence[str], events_of: EventsOf, as_of: AsOf) -> Expr:
    rows = first_rows(_valued(journey, selection, events_of, as_of) for selection in journey.events)
    branches = [(rows.value == ibis.literal(value), _number(place)) for place, value in enumerate(states)]
    rest = _number(len(states))
    return rows.mutate(state=ibis.cases(*branches, else_=rest) if branches else rest).drop("value")


def _of_states(journey: Journey, events_of: EventsOf, as_of: AsOf) -> Expr:
    return first_rows(
        _flat(selections, place, events_of, as_of) for place, (_, selections) in enumerate(journey.states)
    )


def _flat(selections: Iterable[Selection], place: int, events_of: EventsOf, as_of: AsOf) -> Expr:
    rows = first_rows(selected(events_of(selection.table), selection, as_of) for selection in selections)
    return rows.mutate(state=_number(place))


def _number(place: int) -> Expr:
    return ibis.literal(place, type="int64")


def steps(rows: Expr, *, goal: bool) -> Expr:
    """`source`, `target`, how often one followed the other, `n`, and of how many `people`.

    `rows`: see `instants`. `goal`: state 0 ends a journey.
    """
    order = ibis.window(group_by=[rows.subject_id, rows.part, rows.ended], order_by=rows.t)
    seen = rows.mutate(before=rows.state.lag().over(order), after=rows.state.lead().over(order))
    into = seen.select("subject_id", source=seen.before.fill_null(START), target=seen.state)
    last = seen.filter(seen.after.isnull() & (seen.state != 0) if goal else seen.after.isnull())
    out = last.select("subject_id", source=last.state, target=_number(END))
    both = ibis.union(into, out)
    return both.group_by(["source", "target"]).aggregate(n=both.count(), people=both.subject_id.nunique())
