"""Where people stand on a ladder, and who moved between two instants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import ibis
import pyarrow as pa

from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.journeys.few import untold
from passerelle.segmentation.resolve_journeys import Ladder
from passerelle.segmentation.running import Evaluation
from passerelle.segmentation.wrong import Place

_BEFORE = pa.schema({"subject_id": pa.int64(), "before": pa.int64()})


@dataclass(frozen=True, slots=True)
class Moves:
    """Who moved. None: fewer people than the minimum, but not nobody."""

    since: int
    """µs UTC."""
    people: tuple[tuple[int | None, ...], ...]
    """How many, by the step before and the step now."""
    up: int | None
    down: int | None
    stayed: int | None


@dataclass(frozen=True, slots=True)
class LadderFigures:
    """How many people stand where."""

    name: str
    steps: tuple[str, ...]
    """From the lowest."""
    people: tuple[int | None, ...]
    """On each step; None: fewer than the minimum, but not nobody."""
    moves: Moves | None


def standing(run: Evaluation, name: str) -> pa.Table:
    """Who stands above the lowest step in an open run of `ladder NAME`: `subject_id`, and the number of the step."""
    table = _steps(run, run.resolver.ladder(name, Place("")))
    found = run.session.fetch(table.filter(table.step > 0))
    return found.rename_columns(_BEFORE.names).cast(_BEFORE)


def ladder_figures(
    run: Evaluation, name: str, *, minimum: int, before: pa.Table | None = None, since: int = 0
) -> LadderFigures:
    """The ladder `name` in an open run of `ladder NAME`; `before`: who stood where at the earlier instant `since`.

    Who was nobody then stood on the lowest step.
    """
    ladder = run.resolver.ladder(name, Place(""))
    table = _steps(run, ladder)
    both = table.mutate(before=table.step) if before is None else _beside(run, table, before)
    counted = both.group_by(["before", "step"]).aggregate(n=both.count())
    rows = run.session.fetch(counted).to_pylist()
    cells = {(then, now): 0 for then in range(len(ladder.steps)) for now in range(len(ladder.steps))}
    cells |= {(int(row["before"]), int(row["step"])): int(row["n"]) for row in rows}
    on = _told([sum(n for (_, now), n in cells.items() if now == step) for step in range(len(ladder.steps))], minimum)
    if before is None:
        return LadderFigures(name, ladder.steps, on, None)
    up, down, stayed = _told(
        [
            sum(n for (then, now), n in cells.items() if then < now),
            sum(n for (then, now), n in cells.items() if then > now),
            sum(n for (then, now), n in cells.items() if then == now),
        ],
        minimum,
    )
    return LadderFigures(name, ladder.steps, on, Moves(since, _matrix(cells, minimum), up, down, stayed))


def _told(people: Sequence[int], minimum: int) -> tuple[int | None, ...]:
    """Parts of everybody, without those of too few people."""
    counts = dict(enumerate(people))
    hidden = untold(counts, [part for part, n in counts.items() if 0 < n < minimum], [counts], minimum)
    return tuple(None if part in hidden else n for part, n in counts.items())


def _matrix(cells: Mapping[tuple[int, int], int], minimum: int) -> tuple[tuple[int | None, ...], ...]:
    """By the step before and the step now; the sums of both may be known."""
    places = sorted({then for then, _ in cells})
    lines = [[(then, now) for now in places] for then in places] + [[(then, now) for then in places] for now in places]
    hidden = untold(cells, [cell for cell, n in cells.items() if 0 < n < minimum], lines, minimum)
    return tuple(tuple(None if (then, now) in hidden else cells[then, now] for now in places) for then in places)


def _beside(run: Evaluation, table: Expr, before: pa.Table) -> Expr:
    joined = table.join(run.session.put("stood_before", before), "subject_id", how="left")
    return joined.select("subject_id", "step", before=joined.before.fill_null(0))


def _steps(run: Evaluation, ladder: Ladder) -> Expr:
    """Everybody: `subject_id`, and the number of the `step`, 0 for the lowest."""
    branches = [(run.compiler.rule(rule), ibis.literal(index, type="int64")) for index, rule in ladder.preferred]
    step = ibis.cases(*branches, else_=ibis.literal(0, type="int64"))
    return run.compiler.people.select("subject_id", step=step)
