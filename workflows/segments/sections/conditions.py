"""How the conditions narrow it down: after each, who is left."""

from collections.abc import Sequence
from dataclasses import dataclass

from passerelle.segmentation.figures import Condition, conditions
from passerelle.workflows.report.blocks import listed
from passerelle.workflows.report.markup import Markup, joined, tag
from passerelle.workflows.report.pictures import Bar, bars
from passerelle.workflows.segments.section import Asked, Section
from passerelle.workflows.segments.small import SMALL_GROUP, people


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Everybody, and the conditions in their order."""

    everybody: int
    conditions: Sequence[Condition]


def look(asked: Asked) -> Narrowed:
    """Count who fulfils each condition."""
    return Narrowed(asked.run.population, conditions(asked.run, asked.segment))


def draw(found: Narrowed) -> Markup:
    """A bar for each condition, and the same in words."""
    rows = [Bar("everybody", _length(found.everybody), people(found.everybody), found.everybody)]
    rows += [
        Bar(f"after {number}", _length(each.left), people(each.left), found.everybody)
        for number, each in enumerate(found.conditions, 1)
    ]
    lines = [
        (f"{number}", _words(each), people(each.alone), people(each.left))
        for number, each in enumerate(found.conditions, 1)
    ]
    return joined(
        [
            tag("figure", bars(rows, title="How many people are left after each condition")),
            listed(("", "Condition", "Alone", "Left after it"), lines, numbers=2),
        ]
    )


def _words(each: Condition) -> str:
    return f"but not: {each.words}" if each.exclude else each.words


def _length(count: int) -> float:
    return count if count >= SMALL_GROUP else 0


SECTION = Section("How the conditions narrow it down", lambda _asked: True, look, draw)
