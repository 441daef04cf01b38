"""Sequences: steps in strict order of time, and what stayed away.

A step's events are reached from the step before. Of all ways to reach an event only the one that started last is
kept, since a later start never makes `max` harder. Everything is a window over whole µs, so equal times are never
taken for an order.
"""

from collections.abc import Callable

import ibis

from passerelle.segmentation.compile.events import MICRO, first_rows, selected
from passerelle.segmentation.compile.instants import AsOf
from passerelle.segmentation.compile.portable import Expr, microseconds
from passerelle.segmentation.rules import Sequence, SequenceStep

EventsOf = Callable[[str], Expr]


def members(rule: Sequence, events_of: EventsOf, as_of: AsOf) -> Expr:
    """The people who went through the sequence: one column, `subject_id`, each once."""
    reached = beginning(rule, events_of, as_of)
    for index in range(1, len(rule.steps)):
        reached = onward(rule, index, reached, events_of, as_of)
    if rule.absent is not None:
        absent = _rows(rule.absent, events_of, as_of, _lower(rule))
        reached = _stayed_away(reached, absent, rule.absent, as_of)
    return reached.select("subject_id").distinct()


def beginning(rule: Sequence, events_of: EventsOf, as_of: AsOf) -> Expr:
    """Where the first step happened: `subject_id`, `t` and, the same here, `s`, when its way began (both µs)."""
    rows = _rows(rule.steps[0], events_of, as_of, _lower(rule))
    return rows.mutate(s=rows.t)


def onward(rule: Sequence, index: int, reached: Expr, events_of: EventsOf, as_of: AsOf) -> Expr:
    """Where the step `index` was reached from where the one before was; the latest `s` of all ways to it.

    A way that is already longer than `max` is left here: it only grows.
    """
    step, lower = rule.steps[index], _lower(rule)
    candidates = _rows(step, events_of, as_of, lower)
    found = (
        _immediately(reached, candidates, step, _everything(rule, events_of, as_of, lower))
        if step.immediately
        else _later(reached, candidates, step)
    )
    return found if rule.longest is None else found.filter(found.t - found.s <= rule.longest * MICRO)


def _lower(rule: Sequence) -> int | None:
    return rule.steps[0].selections[0].within


def _rows(step: SequenceStep, events_of: EventsOf, as_of: AsOf, lower: int | None) -> Expr:
    # Later steps lie after the first one, so its lower bound holds for them too and spares reading older rows.
    return first_rows(selected(events_of(part.table), part, as_of, lower) for part in step.selections)


def _everything(rule: Sequence, events_of: EventsOf, as_of: AsOf, lower: int | None) -> Expr:
    tables: list[Expr] = []
    for name in rule.event_tables:
        events = events_of(name)
        bounds = [events.at < as_of.moment(), *([] if lower is None else [events.at >= as_of.moment(lower)])]
        rows = events.filter(*bounds)
        tables.append(rows.select("subject_id", t=microseconds(rows.at)))
    return first_rows(tables)


def _later(reached: Expr, candidates: Expr, step: SequenceStep) -> Expr:
    """Candidates with a reached event before them, at most `within` earlier."""
    both = ibis.union(
        reached.select("subject_id", "t", "s", candidate=ibis.literal(False)),
        candidates.select("subject_id", "t", s=ibis.null("int64"), candidate=ibis.literal(True)),
    )
    far = None if step.within is None else step.within * MICRO
    window = ibis.range_window(group_by=both.subject_id, order_by=both.t, preceding=(far, 1))
    found = both.mutate(start=both.s.max().over(window))
    found = found.filter(found.candidate & found.start.notnull())
    return found.select("subject_id", "t", s=found.start)


def _immediately(reached: Expr, candidates: Expr, step: SequenceStep, everything: Expr) -> Expr:
    """Candidates whose previous event of any kind is a reached one."""
    both = ibis.union(
        everything.select("subject_id", "t", candidate=ibis.literal(False)),
        candidates.select("subject_id", "t", candidate=ibis.literal(True)),
    )
    window = ibis.range_window(group_by=both.subject_id, order_by=both.t, preceding=(None, 1))
    found = both.mutate(before=both.t.max().over(window))
    found = found.filter(found.candidate & found.before.notnull()).select("subject_id", "t", "before")
    starts = reached.group_by(["subject_id", "t"]).aggregate(s=reached.s.max()).rename(before="t")
    joined = found.join(starts, ["subject_id", "before"])
    if step.within is not None:
        joined = joined.filter(joined.t - joined.before <= step.within * MICRO)
    return joined.select("subject_id", "t", "s")


def _stayed_away(reached: Expr, absent: Expr, step: SequenceStep, as_of: AsOf) -> Expr:
    """Reached events after whose closed window nothing of `absent` came. A window still open decides nothing yet."""
    within = (step.within or 0) * MICRO
    both = ibis.union(
        reached.select("subject_id", "t", a=ibis.null("int64"), candidate=ibis.literal(True)),
        absent.select("subject_id", "t", a=absent.t, candidate=ibis.literal(False)),
    )
    window = ibis.range_window(group_by=both.subject_id, order_by=both.t, following=(1, within))
    found = both.mutate(came=both.a.min().over(window))
    return found.filter(found.candidate & found.came.isnull() & (found.t + within <= as_of.microseconds))
