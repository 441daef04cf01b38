"""Heaps of people who are alike, on a plane: one dot for several people, in the colour of their group. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from passerelle.workflows.clusters.pictures import COLOURS, WIDTH
from passerelle.workflows.report.drawing import px, svg
from passerelle.workflows.report.markup import Markup, tag

_HIGH, _EDGE, _RIGHT = 420.0, 20.0, 150.0
_NOBODYS = "#9aa3ad"


@dataclass(frozen=True, slots=True)
class Dot:
    """Some people: where, how many, and the place of their group among the groups; None where they have none."""

    at: tuple[float, float]
    people: int
    group: int | None


def heaps(dots: Sequence[Dot], names: Sequence[str], *, title: str) -> Markup:
    """The dots, the same scale across and up, each as large as it has people; and what each colour is."""
    across, up = [dot.at[0] for dot in dots], [dot.at[1] for dot in dots]
    middle = ((max(across) + min(across)) / 2, (max(up) + min(up)) / 2)
    wide, high = max(max(across) - min(across), 1e-9), max(max(up) - min(up), 1e-9)
    scale = min((WIDTH - _RIGHT - 2 * _EDGE) / wide, (_HIGH - 2 * _EDGE) / high)
    most = max(dot.people for dot in dots)
    drawn = []
    for dot in dots:
        x = (WIDTH - _RIGHT) / 2 + (dot.at[0] - middle[0]) * scale
        y = _HIGH / 2 - (dot.at[1] - middle[1]) * scale
        colour = _NOBODYS if dot.group is None else COLOURS[dot.group % len(COLOURS)]
        size = px(2 + 5 * math.sqrt(dot.people / most))
        drawn.append(tag("circle", cx=px(x), cy=px(y), r=size, fill=colour, fill_opacity=0.7))
    for place, name in enumerate(names):
        line = _EDGE + 18 * place
        drawn.append(tag("circle", cx=WIDTH - _RIGHT + 6, cy=px(line), r=5, fill=COLOURS[place % len(COLOURS)]))
        drawn.append(tag("text", name, x=WIDTH - _RIGHT + 18, y=px(line + 4), class_="series"))
    return svg(drawn, WIDTH, _HIGH, title)
