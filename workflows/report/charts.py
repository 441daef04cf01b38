"""Pictures that stand alone, as SVG that needs no style sheet: steps over time, and a map of heat. Pure.

They can be read in black and white, load nothing, and hold only the texts and numbers that they are given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from passerelle.workflows.report.drawing import px, short, svg
from passerelle.workflows.report.markup import Markup, tag

_WIDTH, _HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 100, 560, 40, 215
INK, FAINT, PAPER = "#1a1a1a", "#6b6b6b", "#ffffff"
_DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4", "1 4")
MOST_LINES = len(_DASHES)
"""So many lines can be told apart."""
_LONGEST = 20
_MANY_POINTS = 60
"""Of more, only hollow points are drawn."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value at an instant (µs UTC). `told`: as people read it; `open_`: drawn hollow."""

    at: int
    value: float
    told: str
    open_: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """Points in order of time."""

    label: str
    points: Sequence[Point]


def steps(lines: Sequence[Line], *, title: str, dates: tuple[str, str], note: str = "") -> Markup:
    """Values that stay until the next one, at most `MOST_LINES` lines; `dates`: of the first and last point."""
    points = [point for line in lines for point in line.points]
    times, values = [point.at for point in points], [point.value for point in points]
    low, high = min(points, key=lambda point: point.value), max(points, key=lambda point: point.value)

    def x(at: int) -> float:
        return _between(at, min(times), max(times), _LEFT + 8, _RIGHT)

    def y(value: float) -> float:
        return _between(value, min(values), max(values), _BOTTOM - 8, _TOP + 8)

    drawn = [
        written(title, _LEFT, 20, weight="bold"),
        tag("line", x1=_LEFT, y1=_BOTTOM, x2=_RIGHT, y2=_BOTTOM, stroke=FAINT),
        tag("line", x1=_LEFT, y1=_TOP, x2=_LEFT, y2=_BOTTOM, stroke=FAINT),
        written(high.told, _LEFT - 8, y(high.value) + 4, anchor="end"),
        *([written(low.told, _LEFT - 8, y(low.value) + 4, anchor="end")] if low.value != high.value else []),
        written(dates[0], _LEFT, _BOTTOM + 18),
        written(dates[1], _RIGHT, _BOTTOM + 18, anchor="end"),
    ]
    for line, dash in zip(lines, _DASHES, strict=False):
        drawn += _steps(line, [(x(point.at), y(point.value)) for point in line.points], dash)
    if note:
        drawn.append(written(note, _LEFT, _BOTTOM + 38, fill=FAINT))
    return on_paper(drawn, _WIDTH, _HEIGHT, title)


def _steps(line: Line, places: Sequence[tuple[float, float]], dash: str) -> list[Markup]:
    corners = [places[0]]
    for (_, before), (left, top) in pairwise(places):
        corners += [(left, before), (left, top)]
    path = " ".join(f"{px(left)},{px(top)}" for left, top in corners)
    drawn = [
        tag("polyline", points=path, fill="none", stroke=INK, stroke_width=1.5, stroke_dasharray=dash or None),
        written(short(line.label, _LONGEST), places[-1][0] + 10, places[-1][1] + 4),
    ]
    every = len(line.points) <= _MANY_POINTS
    for point, (left, top) in zip(line.points, places, strict=True):
        if not (every or point.open_):
            continue
        told = tag("title", point.told)
        fill = PAPER if point.open_ else INK
        drawn.append(tag("circle", told, cx=px(left), cy=px(top), r=3, fill=fill, stroke=INK))
    return drawn


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a map: how dark, 0 to 1, and what stands in it; None where nothing is shown."""

    heat: float | None
    told: Sequence[str]


def heat(
    cells: Sequence[Sequence[Cell]], *, title: str, rows: Sequence[str], columns: Sequence[str], note: str = ""
) -> Markup:
    """A map of cells, row by row from the top, with what each row and column is."""
    left, top, wide, high = 130, 60, 100, 48
    width, height = left + wide * len(columns) + 20, top + high * len(rows) + 40
    drawn = [written(title, 20, 22, weight="bold")]
    drawn += [
        written(word, left + wide * (number + 0.5), top - 10, anchor="middle") for number, word in enumerate(columns)
    ]
    for row, (word, line) in enumerate(zip(rows, cells, strict=True)):
        drawn.append(written(word, left - 10, top + high * (row + 0.5) + 4, anchor="end"))
        for column, cell in enumerate(line):
            drawn += _cell(cell, left + wide * column, top + high * row, wide, high)
    if note:
        drawn.append(written(note, 20, height - 12, fill=FAINT))
    return on_paper(drawn, width, height, title)


def _cell(cell: Cell, left: float, top: float, wide: float, high: float) -> list[Markup]:
    shade = 255 if cell.heat is None else round(245 - 190 * cell.heat)
    fill, ink = f"#{shade:02x}{shade:02x}{min(255, shade + 10):02x}", PAPER if shade < 140 else INK  # noqa: PLR2004 - dark
    drawn = [
        tag("rect", x=px(left + 1), y=px(top + 1), width=px(wide - 2), height=px(high - 2), fill=fill, stroke=FAINT)
    ]
    middle = top + high / 2 + 4 - 7.5 * (len(cell.told) - 1)
    drawn += [
        written(text, left + wide / 2, middle + 15 * number, anchor="middle", fill=ink)
        for number, text in enumerate(cell.told)
    ]
    return drawn


def _between(value: float, low: float, high: float, first: float, last: float) -> float:
    return (first + last) / 2 if low == high else first + (last - first) * (value - low) / (high - low)


def written(
    text: str,
    x: float,
    y: float,
    *,
    anchor: str = "start",
    fill: str = INK,
    weight: str | None = None,
    size: int = 12,
) -> Markup:
    """A text at a place."""
    return tag(
        "text",
        text,
        x=px(x),
        y=px(y),
        text_anchor=anchor,
        fill=fill,
        font_family="sans-serif",
        font_size=size,
        font_weight=weight,
    )


def on_paper(drawn: Sequence[Markup], width: float, height: float, title: str) -> Markup:
    """A picture on white, with a title for whoever cannot see it."""
    paper = tag("rect", x=0, y=0, width=px(width), height=px(height), fill=PAPER)
    return svg([paper, *drawn], width, height, title)
