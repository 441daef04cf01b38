"""Pictures of thresholds and scores, for pages and for files of their own. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from passerelle.privacy.audit.times import iso
from passerelle.segmentation.literals import in_words
from passerelle.workflows.report.charts import MOST_LINES, Cell, Line, Point, heat, steps
from passerelle.workflows.segments.small import SMALL_GROUP

if TYPE_CHECKING:
    from passerelle.segmentation import Course, RfmMap
    from passerelle.workflows.report.markup import Markup

LAST = 400
"""Values of a threshold that are told, the latest ones."""


def threshold_course(name: str, courses: "Sequence[Course]", now: int) -> "Markup":
    """How a threshold went, a line per group, up to the instant `now` (µs UTC)."""
    lines: list[Line] = []
    for course in courses[:MOST_LINES]:
        past = [value for value in course.past[-LAST:] if value.definition == course.now.definition]
        points = [
            Point(each.as_of, float(each.value), in_words(each.value, course.type), each.kept)
            for each in past
            if each.value is not None
        ]
        if course.now.value is not None:
            points.append(Point(now, float(course.now.value), course.now.shown, course.now.kept))
        if points:
            lines.append(Line(course.now.group or name, points))
    every = [point.at for line in lines for point in line.points]
    if not every:
        lines, every = [Line(name, [Point(now, 0.0, "unknown", open_=True)])], [now]
    note = "A hollow point: the guard kept the value of the run before."
    if len(courses) > MOST_LINES:
        note = f"The first {MOST_LINES} of {len(courses)} groups. {note}"
    return steps(lines, title=f"The threshold {name}", dates=(iso(min(every))[:10], iso(max(every))[:10]), note=note)


def rfm_heat(found: "RfmMap") -> "Markup":
    """People by recency and frequency; the more, the darker."""
    most = max((worth.people for worth in found.cells.values()), default=1)
    scores = range(1, found.bins + 1)
    rows: list[list[Cell]] = []
    for r in reversed(scores):
        line = [found.cells.get((r, f)) for f in scores]
        rows.append(
            [
                Cell(None, [])
                if worth is None
                else Cell(worth.people / most, [f"{worth.people:,}", in_words(worth.mean, found.money)])
                for worth in line
            ]
        )
    return heat(
        rows,
        title="People by recency and frequency, with the mean of their money",
        rows=[f"recency {r}" for r in reversed(scores)],
        columns=[f"frequency {f}" for f in scores],
        note=f"Scores from 1 (worst) to {found.bins}. Fewer than {SMALL_GROUP} people are not shown.",
    )
