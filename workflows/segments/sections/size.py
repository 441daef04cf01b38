"""How big the segment was, run by run, and who came and went."""

from collections.abc import Sequence
from dataclasses import dataclass

from passerelle.privacy.audit.times import iso
from passerelle.workflows.report.charts import Line, Point, steps
from passerelle.workflows.report.markup import Markup, joined, tag
from passerelle.workflows.report.pictures import Column, columns
from passerelle.workflows.segments.section import Asked, Section
from passerelle.workflows.segments.small import SMALL_GROUP, people
from passerelle.workflows.snapshots.manifest import Manifest
from passerelle.workflows.snapshots.taking import shelf_of

_LAST, _COLUMNS = 400, 40


@dataclass(frozen=True, slots=True)
class Moved:
    """One run: how many were in, and who came and went since the run before. `version`: of the definition."""

    at: int
    size: int
    came: int
    went: int
    version: str


@dataclass(frozen=True, slots=True)
class Over:
    """The kept runs, the oldest first."""

    runs: Sequence[Moved]


def applies(asked: Asked) -> bool:
    """Whether any run was kept."""
    return bool(_kept(asked))


def look(asked: Asked) -> Over:
    """What snapshots say of themselves; the people in them are not read."""
    return Over([Moved(e.as_of, e.members.count, e.came, e.went, e.version) for e in _kept(asked)])


def _kept(asked: Asked) -> list[Manifest]:
    return shelf_of(asked.workspace).of(asked.name)[-_LAST:]


def draw_size(found: Over) -> Markup:
    """Steps, hollow where the definition had changed since the run before."""
    before = [None, *(each.version for each in found.runs)]
    points = [
        Point(each.at, float(each.size), people(each.size), last not in {None, each.version})
        for each, last in zip(found.runs, before, strict=False)
        if each.size >= SMALL_GROUP
    ]
    if not points:
        return tag("p", f"It never had {SMALL_GROUP} people or more.", class_="none")
    dates = (iso(points[0].at)[:10], iso(points[-1].at)[:10])
    note = f"A hollow point: the definition had changed. Runs with fewer than {SMALL_GROUP} people are not shown."
    return tag("figure", steps([Line("people", points)], title="People in it", dates=dates, note=note))


def draw_moves(found: Over) -> Markup:
    """Columns of who came and who went."""
    moved = [each for each in found.runs[1:] if each.came or each.went][-_COLUMNS:]
    if not moved:
        return tag("p", "Nobody came or went between the runs that were kept.", class_="none")
    rows = [Column(iso(each.at)[5:10], _length(each.came), _length(each.went)) for each in moved]
    return joined(
        [
            tag("figure", columns(rows, title="Who came and who went, run by run", legend=("came", "went"))),
            tag("p", f"Fewer than {SMALL_GROUP} people are not drawn. `segment diff` says why they came and went."),
        ]
    )


def _length(count: int) -> float:
    return count if count >= SMALL_GROUP else 0


SIZE = Section("Size over time", applies, look, draw_size)
MOVES = Section("Who came and who went", applies, look, draw_moves)
