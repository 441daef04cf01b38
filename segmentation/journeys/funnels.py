"""How many people come how far in a funnel, and how long it takes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import ibis

from passerelle.segmentation.compile import sequence
from passerelle.segmentation.compile.events import MICRO
from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.compile.thresholds import quantiles
from passerelle.segmentation.journeys.few import untold
from passerelle.segmentation.literals import in_words
from passerelle.segmentation.resolve_journeys import Funnel
from passerelle.segmentation.running import Evaluation
from passerelle.segmentation.wrong import Place

_MOST_GROUPS = 50
_HALF = Fraction(1, 2)

Counts = Mapping[object, tuple[int, float | None]]
"""By group: how many people, and the median of the seconds that they took."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One step. None: of fewer people than the minimum."""

    step: str
    people: int | None
    median: float | None
    """Seconds from the step before: half of the people took no longer. None for the first step, too."""


@dataclass(frozen=True, slots=True)
class Passed:
    """One group's way through; `group` is empty for everybody."""

    group: str
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class FunnelFigures:
    """How far people come: everybody first, then groups, the greatest first."""

    name: str
    groups: tuple[Passed, ...]
    small_groups: int
    """Groups that are not told: too few people came to the first step, or so few others that these would be known."""


def funnel_figures(
    run: Evaluation, name: str, *, minimum: int, by: str | None = None, among: Expr | None = None
) -> FunnelFigures:
    """The funnel `name` in an open run, also by a trait or attribute that is among the run's `extra`.

    `among`: only these people (`subject_id`). Once for each funnel of a run.
    """
    funnel = run.resolver.journeys.funnel(name, Place(""))
    operand = None if by is None else run.resolver.named(by)
    people = run.compiler.people if among is None else run.compiler.people.semi_join(among, "subject_id")
    group = ibis.null("string") if operand is None else run.compiler.value(operand)
    short = f"funnel{list(run.resolver.catalogue.model.funnels).index(name)}"  # engines cut long names off
    arrivals = [
        run.session.store(f"{short}_people_{index}", table)
        for index, table in enumerate(_arrivals(run, funnel, short, people.select("subject_id", g=group)))
    ]
    all_of_them = [_counted(run, table.mutate(g=ibis.literal(0))) for table in arrivals]
    everybody = _told("", funnel, all_of_them, 0, [_few(counts, minimum) for counts in all_of_them])
    if operand is None:
        return FunnelFigures(name, (everybody,), 0)
    counted = [_counted(run, table) for table in arrivals]
    ranked = sorted(counted[0], key=lambda key: (-counted[0][key][0], str(key)))
    hidden = [_few(counts, minimum) for counts in counted]
    told = [key for key in ranked if key not in hidden[0]]
    groups = [_told(in_words(key, operand.type), funnel, counted, key, hidden) for key in told[:_MOST_GROUPS]]
    return FunnelFigures(name, (everybody, *groups), len(ranked) - len(told))


def _arrivals(run: Evaluation, funnel: Funnel, short: str, people: Expr) -> list[Expr]:
    """Per step: `subject_id`, `g`, and the time `v` (µs) from the step before to the first arrival."""
    rule, events_of, as_of = funnel.sequence, run.session.events, run.compiler.as_of
    found: list[Expr] = []
    before: Expr = None
    for index in range(len(rule.steps)):
        here = (
            sequence.onward(rule, index, before, events_of, as_of)
            if index
            else sequence.beginning(rule, events_of, as_of)
        )
        here = run.session.store(f"{short}_{index}", here)
        first = here.group_by("subject_id").aggregate(t=here.t.min())
        found.append(people.join(_timed(first, before, rule.steps[index].within), "subject_id"))
        before = here
    return found


def _timed(first: Expr, before: Expr | None, within: int | None) -> Expr:
    """First arrivals, with the time since the step before was reached last."""
    if before is None:
        return first.select("subject_id", v=ibis.null("int64"))
    start = before.select("subject_id", start="t")
    joined = first.join(start, "subject_id")
    far = joined.t - joined.start
    fitting = joined.filter(far > 0) if within is None else joined.filter(far > 0, far <= within * MICRO)
    return fitting.group_by("subject_id").aggregate(v=(fitting.t - fitting.start).min())


def _counted(run: Evaluation, arrivals: Expr) -> Counts:
    counts = run.session.fetch(arrivals.group_by("g").aggregate(n=arrivals.count())).to_pylist()
    known = arrivals.filter(arrivals.v.notnull())
    rows = run.session.fetch(quantiles(known.select("g", "v"), [_HALF])).to_pylist()
    medians = {row["g"]: int(row["q0"]) / MICRO for row in rows}
    return {row["g"]: (int(row["n"]), medians.get(row["g"])) for row in counts}


def _few(counts: Counts, minimum: int) -> set[object]:
    """The groups of which the number at one step is not told."""
    people = {key: n for key, (n, _) in counts.items()}
    return untold(people, [key for key, n in people.items() if 0 < n < minimum], [people], minimum)


def _told(label: str, funnel: Funnel, counted: list[Counts], key: object, hidden: list[set[object]]) -> Passed:
    stages = [
        Stage(step, None, None) if key in few else Stage(step, *counts.get(key, (0, None)))
        for step, counts, few in zip(funnel.steps, counted, hidden, strict=True)
    ]
    return Passed(label, tuple(stages))
