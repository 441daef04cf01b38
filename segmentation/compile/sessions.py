"""Sessions and passages: what lies between events of one person, the same whatever the order of rows.

Events at one instant are put together first, so equal times are never taken for an order.
"""

from collections.abc import Callable

import ibis

from passerelle.segmentation.compile.events import MICRO, first_rows, holds, selected
from passerelle.segmentation.compile.instants import AsOf
from passerelle.segmentation.compile.portable import Expr, microseconds, one, whole_sum
from passerelle.segmentation.facts import Passage, Sessions
from passerelle.segmentation.rules import Selection

EventsOf = Callable[[str], Expr]


def sessions(item: Sessions, events_of: EventsOf, as_of: AsOf) -> Expr:
    """Per person: `subject_id`, `number`, `length` (µs of all sessions), `events`, `weighted` (events x µs)."""
    rows = first_rows(_counted(item, selection, events_of, as_of) for selection in item.selections)
    instants = rows.group_by(["subject_id", "t"]).aggregate(n=whole_sum(rows.n))
    rows = numbered(instants, item.gap)
    each = rows.group_by(["subject_id", "session"]).aggregate(n=whole_sum(rows.n), length=rows.t.max() - rows.t.min())
    return each.group_by("subject_id").aggregate(
        number=each.count(),
        length=whole_sum(each.length),
        events=whole_sum(each.n),
        weighted=whole_sum(each.n * each.length),
    )


def numbered(instants: Expr, gap: int) -> Expr:
    """`instants` (`subject_id`, `t` in µs, each once) with the number of their `session`, from 1 for each person.

    A pause longer than `gap` seconds begins a new one.
    """
    order = ibis.window(group_by=instants.subject_id, order_by=instants.t)
    paused = instants.mutate(pause=instants.t - instants.t.lag().over(order))
    flagged = paused.mutate(begins=one(paused.pause.isnull() | (paused.pause > gap * MICRO)))
    rising = ibis.cumulative_window(group_by=flagged.subject_id, order_by=flagged.t)
    return flagged.mutate(session=flagged.begins.sum().over(rising)).drop("pause", "begins")


def _counted(item: Sessions, selection: Selection, events_of: EventsOf, as_of: AsOf) -> Expr:
    events = events_of(selection.table)
    rows = events.filter(holds(selection, events, as_of))
    return rows.select("subject_id", t=microseconds(rows.at), n=one(rows.event.isin(list(item.counted))))


def measured(item: Sessions, found: Expr, columns: dict[str, str]) -> Expr:
    """The measure that `item` asks for. `columns`: where the parts of `sessions` stand in `found`."""

    def part(name: str) -> Expr:
        return found[columns[name]]

    number = part("number").cast("float64")
    match item.measure:
        case "number":
            return part("number").cast("int64").fill_null(0)
        case "length":
            return part("length").cast("float64") / number / float(item.unit * MICRO)
        case "events":
            return part("events").cast("float64") / number
        case "weighted":
            return (part("weighted").cast("float64") / float(item.unit * MICRO)).fill_null(0.0)


def passages(item: Passage, events_of: EventsOf, as_of: AsOf) -> Expr:
    """Per person with such a passage: `subject_id`, `number`, `length` (µs of all passages)."""
    start = first_rows(selected(events_of(part.table), part, as_of) for part in item.start).distinct()
    end = first_rows(selected(events_of(part.table), part, as_of) for part in item.end).distinct()
    both = ibis.union(
        start.select("subject_id", "t", start=start.t, end=ibis.null("int64")),
        end.select("subject_id", "t", start=ibis.null("int64"), end=end.t),
    )
    before = ibis.range_window(group_by=both.subject_id, order_by=both.t, preceding=(None, 1))
    found = both.mutate(started=both.start.max().over(before), ended=both.end.max().over(before))
    # Of several ends after one start only the first is its own.
    found = found.filter(
        found.end.notnull() & found.started.notnull() & (found.ended.isnull() | (found.ended <= found.started))
    )
    length = found.t - found.started
    if item.longest is not None:
        found = found.filter(length <= item.longest * MICRO)
        length = found.t - found.started
    return found.group_by("subject_id").aggregate(number=found.count(), length=whole_sum(length))
