"""What a segment's people of today did from month to month, beside everybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import ibis

from passerelle.segmentation.compile.events import MICRO, field_value, first_rows, holds, scaled_sum
from passerelle.segmentation.compile.instants import AsOf, timestamp
from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.dataset import Dataset
from passerelle.segmentation.evaluation import Evaluation, evaluating
from passerelle.segmentation.history import History
from passerelle.segmentation.language.documents import ModelFile, SegmentFile
from passerelle.segmentation.literals import CENTS, microseconds
from passerelle.segmentation.measurement.outcomes import measure_of
from passerelle.segmentation.rules import Aggregate, Sort, ValueType

_YEAR = 12


@dataclass(frozen=True, slots=True)
class Doing:
    """What some people did in one month. `total`: of the measure, in stored units; of a count, the events."""

    people: int
    """How many there are, whatever they did."""
    active: int
    """Who did it at all."""
    events: int
    total: int | float
    stayed: int
    """Of `active`, who had done it in the month before, too."""
    before: int
    """Who had done it in the month before."""


@dataclass(frozen=True, slots=True)
class Month:
    """A complete month of the calendar: `2026-10`."""

    month: str
    members: Doing
    everybody: Doing


@dataclass(frozen=True, slots=True)
class Months:
    """The oldest first."""

    type: ValueType
    adds_up: bool
    """Whether the measure adds something up: else it counts."""
    months: Sequence[Month]

    def amount(self, doing: Doing) -> float:
        """The whole of what people did, as they write it: euros, where it is money."""
        return doing.total / CENTS if self.type.sort is Sort.MONEY else float(doing.total)


def edges(as_of: int, months: int, timezone: str) -> list[tuple[str, int]]:
    """When the last `months` complete months began, each with its name; the last is the month that is not over."""
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(as_of // MICRO, tz=UTC).astimezone(zone).date()
    number = today.year * _YEAR + today.month - 1
    firsts = [date(n // _YEAR, n % _YEAR + 1, 1) for n in range(number - months, number + 1)]
    return [(f"{day:%Y-%m}", microseconds(datetime(day.year, day.month, day.day, tzinfo=zone))) for day in firsts]


def by_month(
    name: str,
    measure: str,
    months: int,
    *,
    model: ModelFile,
    segments: Mapping[str, SegmentFile],
    dataset: Dataset,
    as_of: int,
    history: History,
) -> Months:
    """The last complete months of the model's time zone. `measure`: a trait that counts or adds up events."""
    with evaluating([name], model=model, segments=segments, dataset=dataset, as_of=as_of, history=history) as run:
        fact = measure_of(run.resolver, measure)
        starts = edges(as_of, months + 1, model.timezone)  # one more, for who stayed
        doing = _doing(run, run.compiler.segment(run.segments[name]), fact, [at for _, at in starts], as_of)
    scale = MICRO if fact.column_type is not None and not fact.column_type.whole else 1
    told = [
        Month(name, _of(doing, place, scale, members=True), _of(doing, place, scale, members=False))
        for place, (name, _) in enumerate(starts[:-1])
    ]
    return Months(fact.type, fact.statistic == "sum", told[1:])


Counts = Mapping[tuple[int, bool], Mapping[str, int]]
"""By month and whether they are members: active, events, total, stayed, people."""


def _doing(run: Evaluation, member: Expr, fact: Aggregate, starts: Sequence[int], as_of: int) -> Counts:
    people = run.session.store("members", run.compiler.people.select("subject_id", member=member))
    rows = _rows(run, fact, starts, as_of).join(people, "subject_id")
    value = rows.count() if fact.statistic == "count" else scaled_sum(rows.value, fact.column_type, None)
    each = rows.group_by(["subject_id", "member", "month"]).aggregate(events=rows.count(), total=value)
    each = run.session.store("months", each)
    before = each.view()
    last = before.select("subject_id", month=before.month + 1, again=ibis.literal(1, type="int64"))
    joined = each.join(last, ["subject_id", "month"], how="left")
    counted = joined.group_by(["month", "member"]).aggregate(
        active=joined.count(), events=joined.events.sum(), total=joined.total.sum(), stayed=joined.again.sum()
    )
    sizes = people.group_by("member").aggregate(people=people.count())
    found = {
        (int(row["month"]), bool(row["member"])): {
            key: int(row[key] or 0) for key in ("active", "events", "total", "stayed")
        }
        for row in run.session.fetch(counted).to_pylist()
    }
    for row in run.session.fetch(sizes).to_pylist():
        found[-1, bool(row["member"])] = {"people": int(row["people"])}
    return found


def _rows(run: Evaluation, fact: Aggregate, starts: Sequence[int], as_of: int) -> Expr:
    """`subject_id`, `month` (0: the oldest) and, where the measure has a column, `value`."""
    parts = []
    for selection in fact.selections:
        events = run.session.events(selection.table)
        ever = replace(selection, within=None, until=0)
        events = events.filter(
            holds(ever, events, AsOf(as_of)), events.at >= timestamp(starts[0]), events.at < timestamp(starts[-1])
        )
        columns = (
            {} if fact.column is None else {"value": field_value(events[fact.column], fact.column_type or fact.type)}
        )
        branches = [(events.at < timestamp(edge), place) for place, edge in enumerate(starts[1:])]
        month = ibis.cases(*branches, else_=len(starts)).cast("int64")
        parts.append(events.select("subject_id", month=month, **columns))
    return first_rows(parts)


def _of(found: Counts, place: int, scale: int, *, members: bool) -> Doing:
    """Members alone, or everybody: members and all others."""

    def count(month: int, key: str) -> int:
        return sum(found.get((month, side), {}).get(key, 0) for side in ((True,) if members else (True, False)))

    total = count(place, "total")
    return Doing(
        count(-1, "people"),
        count(place, "active"),
        count(place, "events"),
        total if scale == 1 else total / scale,
        count(place, "stayed"),
        count(place - 1, "active") if place else 0,
    )
