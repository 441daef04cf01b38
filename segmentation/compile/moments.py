"""Moments: several kinds of events within one visit, or within a length of time, in any order.

Each table of events is read once. Events at one instant are put together first, and an event that fits two parts
counts for both.
"""

from collections.abc import Callable, Iterable
from functools import reduce

import ibis

from passerelle.segmentation.compile.events import MICRO, first_rows, holds
from passerelle.segmentation.compile.instants import AsOf
from passerelle.segmentation.compile.portable import Expr, microseconds, one, whole_sum
from passerelle.segmentation.compile.sessions import numbered
from passerelle.segmentation.facts import Moments
from passerelle.segmentation.rules import Selection

EventsOf = Callable[[str], Expr]


def moments(item: Moments, events_of: EventsOf, as_of: AsOf) -> Expr:
    """Per person who had one: `subject_id`, `number`."""
    places = range(len(item.parts))
    rows = first_rows(_flagged(item, table, events_of(table), as_of) for table in _tables(item))
    sums = {f"n{place}": whole_sum(rows[f"n{place}"]) for place in places}
    instants = rows.group_by(["subject_id", "t"]).aggregate(**sums)
    return _visits(item, instants) if item.visit else _spans(item, instants)


def _tables(item: Moments) -> list[str]:
    every = [*item.visit, *(selection for selections, _ in item.parts for selection in selections)]
    return sorted({selection.table for selection in every})


def _flagged(item: Moments, table: str, events: Expr, as_of: AsOf) -> Expr:
    """`subject_id`, `t` and, per part, 1 or 0: the events of one table that make moments or visits."""

    def any_of(selections: Iterable[Selection]) -> Expr:
        found = [holds(selection, events, as_of) for selection in selections if selection.table == table]
        return reduce(lambda either, other: either | other, found, ibis.literal(False))

    flags = [any_of(selections) for selections, _ in item.parts]
    wanted = reduce(lambda either, other: either | other, flags, any_of(item.visit))
    shown = events.mutate(**{f"n{place}": one(flag) for place, flag in enumerate(flags)})
    rows = shown.filter(wanted)
    return rows.select("subject_id", *(f"n{place}" for place in range(len(flags))), t=microseconds(rows.at))


def _all_parts(item: Moments, counted: Callable[[int], Expr]) -> Expr:
    """Whether each part happened as often as it should."""
    parts = (counted(place) >= times for place, (_, times) in enumerate(item.parts))
    return reduce(lambda both, other: both & other, parts)


def _visits(item: Moments, instants: Expr) -> Expr:
    rows = numbered(instants, item.length)
    sums = {f"m{place}": whole_sum(rows[f"n{place}"]) for place in range(len(item.parts))}
    each = rows.group_by(["subject_id", "session"]).aggregate(**sums)
    found = each.filter(_all_parts(item, lambda place: each[f"m{place}"]))
    return found.group_by("subject_id").aggregate(number=found.count())


def _spans(item: Moments, instants: Expr) -> Expr:
    window = ibis.range_window(
        group_by=instants.subject_id, order_by=instants.t, preceding=item.length * MICRO, following=0
    )
    sums = {f"m{place}": instants[f"n{place}"].sum().over(window) for place in range(len(item.parts))}
    rows = instants.mutate(**sums)
    complete = rows.filter(_all_parts(item, lambda place: rows[f"m{place}"])).select("subject_id", "t")
    each = numbered(complete, item.length)
    return each.group_by("subject_id").aggregate(number=each.session.nunique())
