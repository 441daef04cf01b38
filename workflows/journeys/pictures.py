"""Funnels, ladders and journeys as SVG that stands alone, with numbers beside every shape. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from passerelle.workflows.report.charts import FAINT, INK, PAPER, Cell, heat, on_paper, written
from passerelle.workflows.report.drawing import px, short
from passerelle.workflows.report.markup import Markup, tag
from passerelle.workflows.segments.small import SMALL_GROUP

if TYPE_CHECKING:
    from passerelle.segmentation.journeys.funnels import FunnelFigures
    from passerelle.segmentation.journeys.ladders import LadderFigures
    from passerelle.segmentation.journeys.ways import JourneyFigures, Way

_BAR = "#9db4cc"
_FEW = f"fewer than {SMALL_GROUP}"
_LONGEST = 22
_MOST_WAYS = 30
_ALONG = 0.42
"""How far along its line a share stands."""
_COLUMN, _ROW = 240.0, 112
_START, _END = "start", "end"


def funnel_bars(found: "FunnelFigures") -> Markup:
    """How many of everybody came to each step."""
    stages = found.groups[0].stages
    most = max([stage.people or 0 for stage in stages] + [1])
    drawn = [written(f"The funnel {found.name}", 20, 22, weight="bold")]
    for number, stage in enumerate(stages):
        top = 40 + 34 * number
        wide = 380 * (stage.people or 0) / most
        told = _FEW if stage.people is None else f"{stage.people:,} ({100 * stage.people / most:.0f} %)"
        drawn += [
            written(short(stage.step, _LONGEST), 170, top + 16, anchor="end"),
            tag("rect", x=180, y=top, width=px(max(wide, 1)), height=24, fill=_BAR, stroke=FAINT),
            written(told, 188 + wide, top + 16),
        ]
    return on_paper(drawn, 720, 54 + 34 * len(stages), f"The funnel {found.name}")


def ladder_moves(found: "LadderFigures") -> Markup:
    """Who moved from which step to which; the more, the darker. Without two instants, how many stand where."""
    highest = range(len(found.steps) - 1, -1, -1)
    if found.moves is None:
        lines: list[Sequence[int | None]] = [(found.people[step],) for step in highest]
        columns = ["people"]
        title = f"The ladder {found.name}"
    else:
        lines = [tuple(found.moves.people[then][now] for now in range(len(found.steps))) for then in highest]
        columns = [short(step, 14) for step in found.steps]
        title = f"The ladder {found.name}: from each step (row) to each step (column)"
    most = max([people or 0 for line in lines for people in line] + [1])
    cells = [[Cell(None if not people else people / most, [_people(people)]) for people in line] for line in lines]
    rows = [short(found.steps[step], 16) for step in highest]
    return heat(cells, title=title, rows=rows, columns=columns, note=f"Of {_FEW} people no number is shown.")


def _people(people: int | None) -> str:
    return "few" if people is None else f"{people:,}"


def journey_graph(found: "JourneyFigures") -> Markup:
    """States from left to right by how soon they come, and the most frequent ways between them, thicker for more."""
    ways = [way for way in found.ways if way.source != way.target][:_MOST_WAYS]
    places, width, height = _places(found, ways)
    most = max([way.times for way in ways] + [1])
    title = f"The journey {found.name}"
    drawn = [written(title, 20, 22, weight="bold")]
    drawn += [shape for way in ways for shape in _arrow(way, places, most, 0)]
    drawn += [shape for way in ways for shape in _arrow(way, places, most, 1)]  # numbers over all lines
    again = {way.source: way.share for way in found.ways if way.source == way.target}
    for state, (x, y) in places.items():
        drawn += _node(state, x, y, goal=state == found.goal, again=again.get(state))
    note = f"In per cent: of all who were there, where they went next. Steps of {_FEW} people are not shown."
    drawn.append(written(note, 20, height - 12, fill=FAINT))
    return on_paper(drawn, width, height, title)


def _places(found: "JourneyFigures", ways: "Sequence[Way]") -> tuple[Mapping[str, tuple[float, float]], float, float]:
    """Where each state is drawn: columns by the fewest steps from the start, the end and the goal last."""
    last = [state for state in (found.goal, _END) if state is not None]
    depth = {_START: 0}
    edge = [_START]
    while edge:
        onward = [
            way.target for state in edge for way in ways if way.source == state and way.target not in {*depth, *last}
        ]
        step = max(depth.values()) + 1
        edge = list(dict.fromkeys(onward))
        depth |= dict.fromkeys(edge, step)
    deepest = max(depth.values())
    # States that few came to directly stand with the deepest ones.
    depth |= {state.name: deepest for state in found.states if state.name not in {*depth, *last}}
    shown = {way.source for way in ways} | {way.target for way in ways}
    depth |= {state: max(depth.values()) + 1 for state in last if state in shown}
    columns: dict[int, list[str]] = {}
    for state, column in depth.items():
        columns.setdefault(column, []).append(state)
    tallest = max(len(states) for states in columns.values())
    # Of a column with many states every other one is set off, so that ways between them can be seen.
    height = 110.0 + _ROW * tallest
    places = {}
    for column, states in columns.items():
        gap = (height - 90) / len(states)
        for row, state in enumerate(states):
            places[state] = (90.0 + _COLUMN * column + 56 * (row % 2), 50 + gap * (row + 0.5))
    return places, _COLUMN * max(columns) + 236, height


def _arrow(way: "Way", places: Mapping[str, tuple[float, float]], most: int, layer: int) -> list[Markup]:
    """A bent line with a head (layer 0), and its share on white (layer 1)."""
    (x1, y1), (x2, y2) = places[way.source], places[way.target]
    far = math.hypot(x2 - x1, y2 - y1) or 1.0
    across, down = (x2 - x1) / far, (y2 - y1) / far
    bend = 0.16 * far
    middle = ((x1 + x2) / 2 + down * bend, (y1 + y2) / 2 - across * bend)
    if layer:
        # Nearer to where it comes from: that is whose share it is, and there fewer lines meet.
        x, y = (
            (1 - _ALONG) ** 2 * first + 2 * _ALONG * (1 - _ALONG) * bent + _ALONG**2 * last
            for first, bent, last in ((x1, middle[0], x2), (y1, middle[1], y2))
        )
        told = f"{100 * way.share:.0f} %" if way.share >= 0.005 else "<1 %"  # noqa: PLR2004 - half a per cent
        return [
            tag("rect", x=px(x - 15), y=px(y - 9), width=30, height=15, fill=PAPER, fill_opacity=0.85),
            written(told, x, y + 3, anchor="middle", size=11),
        ]
    reach = math.hypot(x2 - middle[0], y2 - middle[1]) or 1.0
    toward = ((x2 - middle[0]) / reach, (y2 - middle[1]) / reach)
    tip = (x2 - 30 * toward[0], y2 - 22 * toward[1])
    thick = 1 + 5 * way.times / most
    size = 5 + thick
    back = (tip[0] - size * toward[0], tip[1] - size * toward[1])
    side = (-toward[1] * size / 2, toward[0] * size / 2)
    head = " ".join(
        f"{px(x)},{px(y)}"
        for x, y in (tip, (back[0] + side[0], back[1] + side[1]), (back[0] - side[0], back[1] - side[1]))
    )
    curve = f"M {px(x1)} {px(y1)} Q {px(middle[0])} {px(middle[1])} {px(back[0])} {px(back[1])}"
    told = f"{way.source} to {way.target}: {way.times:,} times, {way.people:,} people"
    return [
        tag("path", tag("title", told), d=curve, fill="none", stroke=_BAR, stroke_width=px(thick)),
        tag("polygon", points=head, fill=INK),
    ]


def _node(state: str, x: float, y: float, *, goal: bool, again: float | None) -> list[Markup]:
    label = short(state, _LONGEST)
    wide = max(56.0, 7.2 * len(label) + 14)
    edge = state in {_START, _END}
    fill, ink = (INK, PAPER) if goal else (PAPER, INK)
    drawn = [
        tag(
            "rect",
            x=px(x - wide / 2),
            y=px(y - 15),
            width=px(wide),
            height=30,
            rx=15 if edge else 4,
            fill=fill,
            stroke=INK,
            stroke_dasharray="4 3" if edge else None,
        ),
        written(label, x, y + 4, anchor="middle", fill=ink),
    ]
    if again is not None:
        drawn += [
            tag("rect", x=px(x - 32), y=px(y + 18), width=64, height=14, fill=PAPER, fill_opacity=0.85),
            written(f"again {100 * again:.0f} %", x, y + 29, anchor="middle", size=10, fill=FAINT),
        ]
    return drawn
