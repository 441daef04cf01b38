"""Daily metrics: one value per complete calendar day of a time zone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import ibis

from passerelle.segmentation.compile.events import MICRO, Partial, field_value, first_rows, holds, scaled_sum
from passerelle.segmentation.compile.instants import AsOf, timestamp
from passerelle.segmentation.compile.people import Tables
from passerelle.segmentation.compile.portable import Expr, whole_division
from passerelle.segmentation.compile.portable import microseconds as epoch
from passerelle.segmentation.literals import microseconds
from passerelle.segmentation.rules import Metric, Threshold

__all__ = ["Partial", "boundaries", "daily"]


def boundaries(as_of: AsOf, days: int, timezone: str) -> list[int]:
    """The instants (µs) at which the last `days` complete days began, and the end of the last: days + 1 of them."""
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(as_of.microseconds // MICRO, tz=UTC).astimezone(zone).date()
    starts = [today - timedelta(days=back) for back in range(days, -1, -1)]
    return [microseconds(datetime(day.year, day.month, day.day, tzinfo=zone)) for day in starts]


def daily(threshold: Threshold, metric: Metric, tables: Tables, as_of: AsOf, groups: Expr | None = None) -> Expr:
    """`g`, `day` (0 = oldest), `amount`, `people`: days on which something happened.

    `groups` (`subject_id`, `g`): only what these people did, by group; without them everybody's, and `g` is 0.
    """
    edges = boundaries(as_of, threshold.days, threshold.timezone)
    parts: list[Expr] = []
    for selection in metric.selections:
        events = tables.events(selection.table)
        rows = events.filter(holds(selection, events, as_of), events.at >= timestamp(edges[0]))
        rows = rows.filter(rows.at < timestamp(edges[-1]))
        value = ibis.literal(1, type="int64")
        if metric.column is not None:
            value = field_value(rows[metric.column], metric.type)
        parts.append(rows.select("subject_id", day=_day(rows.at, edges), value=value))
    rows = first_rows(parts)
    rows = rows.mutate(g=ibis.literal(0)) if groups is None else rows.join(groups, "subject_id")
    amount = rows.subject_id.nunique() if metric.statistic == "people" else scaled_sum(rows.value, metric.type, None)
    return rows.group_by(["g", "day"]).aggregate(amount=amount, people=rows.subject_id.nunique())


def _day(at: Expr, edges: list[int]) -> Expr:
    """Which day an instant belongs to. Days are counted from their edges, so 23 and 25 hours are days too."""
    moment = epoch(at)
    return ibis.cases(
        *(
            (moment < edges[last], whole_division(moment - edges[first], edges[first + 1] - edges[first]) + first)
            for first, last in _alike(edges)
        ),
        else_=len(edges),
    )


def _alike(edges: list[int]) -> Iterator[tuple[int, int]]:
    """Runs of days of one length, from which edge to which: a year has five."""
    first = 0
    for index in range(1, len(edges)):
        if index + 1 == len(edges) or edges[index + 1] - edges[index] != edges[first + 1] - edges[first]:
            yield first, index
            first = index
