"""Thresholds that the segment rests on: what they are, and how they went from run to run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from passerelle.segmentation import Course
from passerelle.segmentation.course import courses_of
from passerelle.workflows.report.blocks import listed
from passerelle.workflows.report.markup import Markup, joined, tag
from passerelle.workflows.segments.pictures import threshold_course
from passerelle.workflows.segments.section import Asked, Section
from passerelle.workflows.segments.small import SMALL_GROUP, told


@dataclass(frozen=True, slots=True)
class Gone:
    """How each threshold went, by group, and how many groups have too few people to be told."""

    courses: Sequence[Course]
    small: int
    as_of: int


def look(asked: Asked) -> Gone:
    """What earlier runs kept of them."""
    found = courses_of(asked.run, asked.history)
    shown = [course for course in found if told(course.now)]
    return Gone(shown, len(found) - len(shown), asked.run.as_of)


def draw(found: Gone) -> Markup:
    """A table of what is in force, then a picture of each that earlier runs computed."""
    lines = [
        (
            _called(course),
            course.now.group or "everybody",
            course.now.kind.replace("_", " "),
            f"{course.now.shown} (kept: it jumped)" if course.now.kept else course.now.shown,
            course.now.previous_shown,
        )
        for course in found.courses
    ]
    few = f"{found.small} groups of fewer than {SMALL_GROUP} people are not shown." if found.small else None
    return joined(
        [
            listed(("Threshold", "For", "Kind", "Now", "Before"), lines, numbers=2),
            tag("p", few) if few else None,
            *_pictures(found),
        ]
    )


def _pictures(found: Gone) -> Iterator[Markup]:
    for _name, group in groupby(found.courses, key=lambda course: course.now.name):
        courses = list(group)
        if any(course.past for course in courses):
            yield tag("figure", threshold_course(_called(courses[0]), courses, found.as_of))
    if all(not course.past and course.now.kind != "fixed" for course in found.courses):
        yield tag("p", "No run has computed them before, so there is no course yet.", class_="none")


def _called(course: Course) -> str:
    return "in a condition" if course.now.name.startswith("inline_") else course.now.name


SECTION = Section("Thresholds and how they went", lambda asked: bool(asked.run.references), look, draw)
