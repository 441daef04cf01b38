"""The season of a year, in everybody's events: the seasonal index of a classical, multiplicative decomposition.

The share of the events of the years before that fall into the same time of the year, against its share of the time:
1 in an even year, 2 where twice as much happens then. A count divided by it is adjusted for the season.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import reduce
from zoneinfo import ZoneInfo

from passerelle.segmentation.compile.events import MICRO, first_rows, holds
from passerelle.segmentation.compile.instants import AsOf, timestamp
from passerelle.segmentation.compile.portable import Expr, microseconds
from passerelle.segmentation.facts import Season
from passerelle.segmentation.literals import microseconds as in_microseconds

EventsOf = Callable[[str], Expr]


def index(item: Season, events_of: EventsOf, as_of: AsOf) -> Expr:
    """One row, one column: the index; null where those years have no event."""
    ends = [years_before(as_of, years, item.timezone) for years in range(1, item.years + 2)]
    tables: list[Expr] = []
    for selection in item.selections:
        events = events_of(selection.table)
        rows = events.filter(
            holds(selection, events, as_of), events.at >= timestamp(ends[-1]), events.at < timestamp(ends[0])
        )
        tables.append(rows.select(t=microseconds(rows.at)))
    rows = first_rows(tables)
    same = reduce(
        lambda one, other: one | other,
        ((rows.t >= end - item.within * MICRO) & (rows.t < end) for end in ends[:-1]),
    )
    inside, every = rows.count(where=same).cast("float64"), rows.count().nullif(0).cast("float64")
    even = item.within * MICRO * item.years / (ends[0] - ends[-1])
    return rows.aggregate(season=inside / every / even)


def years_before(as_of: AsOf, years: int, timezone: str) -> int:
    """The same moment of the calendar so many years before, in µs; of the 29th of February the 28th."""
    zone = ZoneInfo(timezone)
    seconds, rest = divmod(as_of.microseconds, MICRO)
    now = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(zone)
    day = 28 if (now.month, now.day) == (2, 29) else now.day
    return in_microseconds(now.replace(year=now.year - years, day=day)) + rest
