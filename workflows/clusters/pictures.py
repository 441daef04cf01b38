"""What a report about groups shows, as SVG: lines, groups on a plane, a tree. Pure: the same figures, the same bytes.

Each series has a colour and a mark of its own, so that it can be told apart in black and white.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from passerelle.workflows.report.drawing import px, svg
from passerelle.workflows.report.markup import Markup, joined, tag

WIDTH, HEIGHT = 680.0, 240.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 130.0, 14.0, 34.0
COLOURS = ("#1f4e79", "#c77b30", "#1e6b45", "#9b1c1c", "#6a4c93", "#2a9d8f", "#8a6d3b", "#d1495b", "#577590", "#111111")
_DASHES = (None, "6 3", "2 3", "8 3 2 3")
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Series:
    """One line: a value per place across, None where there is none."""

    label: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Spot:
    """One group on a plane: its middle, and how wide it is (variance across, up, and covariance)."""

    label: str
    middle: tuple[float, float]
    spread: tuple[float, float, float]
    share: float


@dataclass(frozen=True, slots=True)
class Frame:
    """Where values go in a picture."""

    low: float
    high: float
    first: float
    last: float

    def across(self, place: float) -> float:
        """Pixels from the left."""
        wide = (self.last - self.first) or 1.0
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * (place - self.first) / wide

    def up(self, value: float) -> float:
        """Pixels from the top."""
        high = (self.high - self.low) or 1.0
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - self.low) / high


def lines(series: Sequence[Series], places: Sequence[str], *, title: str, marked: int | None = None) -> Markup:
    """Lines over `places`, to one scale from zero where that is near; `marked`: a place that is pointed at."""
    known = [value for each in series for value in each.values if value is not None]
    low, high = min([*known, 0.0]), max([*known, 0.0])
    low = 0.0 if low >= 0 else low
    frame = Frame(low, high if high > low else low + 1, 0, max(len(places) - 1, 1))
    drawn = [_axes(frame, places)]
    if marked is not None:
        x = px(frame.across(marked))
        drawn.append(tag("line", x1=x, x2=x, y1=_TOP, y2=px(HEIGHT - _BOTTOM), class_="mark"))
    taken: list[float] = []
    for index, each in enumerate(series):
        drawn.append(_line(frame, each, index))
        drawn.append(_legend(frame, each, index, taken))
    return svg(drawn, WIDTH, HEIGHT, title)


def _axes(frame: Frame, places: Sequence[str]) -> Markup:
    drawn = []
    for tick in range(_TICKS + 1):
        value = frame.low + (frame.high - frame.low) * tick / _TICKS
        y = px(frame.up(value))
        drawn.append(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y, class_="axis"))
        drawn.append(
            tag("text", figure(value), x=_LEFT - 6, y=px(frame.up(value) + 4), text_anchor="end", class_="number")
        )
    every = max(1, -(-len(places) // 10))
    for index, place in enumerate(places):
        if index % every == 0:
            x = px(frame.across(index))
            drawn.append(tag("text", place, x=x, y=HEIGHT - 12, text_anchor="middle", class_="number"))
    return joined(drawn)


def _line(frame: Frame, each: Series, index: int) -> Markup:
    points = [(frame.across(place), frame.up(value)) for place, value in enumerate(each.values) if value is not None]
    shown = " ".join(f"{px(x)},{px(y)}" for x, y in points)
    colour = COLOURS[index % len(COLOURS)]
    dashes = _DASHES[index % len(_DASHES)]
    drawn = [tag("polyline", points=shown, fill="none", stroke=colour, stroke_width=2, stroke_dasharray=dashes)]
    if len(points) <= 40:  # noqa: PLR2004 - more marks hide the line
        drawn += [tag("circle", cx=px(x), cy=px(y), r=2.5, fill=colour) for x, y in points]
    return joined(drawn)


def _legend(frame: Frame, each: Series, index: int, taken: list[float]) -> Markup:
    """The line's name at its end, below others that end at the same height."""
    last = next((value for value in reversed(each.values) if value is not None), frame.low)
    y = _free(frame.up(last) + 4, taken)
    return tag("text", each.label, x=WIDTH - _RIGHT + 8, y=px(y), fill=COLOURS[index % len(COLOURS)], class_="series")


def _free(y: float, taken: list[float]) -> float:
    """The height for a line of text at `y`, or below it where others stand already; it is taken then."""
    while any(abs(y - other) < 12 for other in taken):  # noqa: PLR2004 - a line of text
        y += 12
    taken.append(y)
    return y


def plane(spots: Sequence[Spot], arrows: Sequence[tuple[str, float, float]], *, title: str) -> Markup:
    """Groups on the plane of the two main directions: half of a group lies in its ellipse. No dot is a person.

    `arrows`: which way each trait points.
    """
    reach = 1.18  # of a normal distribution, half lies within so many deviations
    edges = [
        (spot.middle[axis] + side * reach * math.sqrt(max(spot.spread[axis], 0.0)), axis)
        for spot in spots
        for axis in (0, 1)
        for side in (-1, 1)
    ]
    across = [value for value, axis in edges if axis == 0]
    up = [value for value, axis in edges if axis == 1]
    half = max(max(across) - min(across), (max(up) - min(up)) * 2.2, 1e-9) * 0.55
    middle = ((max(across) + min(across)) / 2, (max(up) + min(up)) / 2)
    scale = 290.0 / half

    def at(x: float, y: float) -> tuple[float, float]:
        return 340 + (x - middle[0]) * scale, 160 - (y - middle[1]) * scale

    drawn = []
    for index, spot in enumerate(spots):
        long, short, angle = _ellipse(spot.spread)
        x, y = at(*spot.middle)
        colour = COLOURS[index % len(COLOURS)]
        shape = tag(
            "ellipse",
            cx=px(x),
            cy=px(y),
            rx=px(max(long * reach * scale, 3)),
            ry=px(max(short * reach * scale, 3)),
            transform=f"rotate({px(-angle)} {px(x)} {px(y)})",
            fill=colour,
            fill_opacity=0.18,
            stroke=colour,
        )
        drawn += [shape, tag("circle", cx=px(x), cy=px(y), r=px(2 + 10 * math.sqrt(spot.share)), fill=colour)]
    for spot in spots:  # names over all shapes
        x, y = at(*spot.middle)
        drawn.append(tag("text", spot.label, x=px(x + 14), y=px(y + 4), class_="series"))
    longest = max([math.hypot(x, y) for _, x, y in arrows] + [1e-9])
    taken: list[float] = []
    for name, x, y in sorted(arrows, key=lambda arrow: -arrow[2]):  # the highest first: others make room below
        tip = (60 + 45 * x / longest, 262 - 45 * y / longest)
        drawn.append(tag("line", x1=60, y1=262, x2=px(tip[0]), y2=px(tip[1]), class_="arrow"))
        drawn.append(tag("text", name, x=px(tip[0] + 3), y=px(_free(tip[1] + 3, taken)), class_="number"))
    return svg(drawn, WIDTH, 320, title)


def _ellipse(spread: tuple[float, float, float]) -> tuple[float, float, float]:
    """Long and short half axes (standard deviations), and the angle in degrees."""
    across, up, together = spread
    middle, away = (across + up) / 2, math.hypot((across - up) / 2, together)
    angle = math.degrees(0.5 * math.atan2(2 * together, across - up))
    return math.sqrt(max(middle + away, 0.0)), math.sqrt(max(middle - away, 0.0)), angle


def tree(
    across: Sequence[Sequence[float]], heights: Sequence[Sequence[float]], leaves: Sequence[str], *, title: str
) -> Markup:
    """A hierarchy of merges: how far apart two branches are is how high they meet."""
    wide = max((x for line in across for x in line), default=1.0)
    high = max((y for line in heights for y in line), default=1.0) or 1.0
    frame = Frame(0.0, high, 0.0, wide)
    drawn = []
    for tick in range(_TICKS + 1):
        y = frame.up(high * tick / _TICKS)
        drawn.append(tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=px(y), y2=px(y), class_="axis"))
        drawn.append(
            tag("text", figure(high * tick / _TICKS), x=_LEFT - 6, y=px(y + 4), text_anchor="end", class_="number")
        )
    for xs, ys in zip(across, heights, strict=True):
        points = " ".join(f"{px(frame.across(x))},{px(frame.up(y))}" for x, y in zip(xs, ys, strict=True))
        drawn.append(tag("polyline", points=points, fill="none", stroke=COLOURS[0], stroke_width=1.5))
    for index, leaf in enumerate(leaves):
        x = px(frame.across(10 * index + 5))
        drawn.append(tag("text", leaf, x=x, y=HEIGHT - 14, text_anchor="middle", class_="number"))
    return svg(drawn, WIDTH, HEIGHT, title)


def figure(value: float) -> str:
    """A number at an axis."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"  # noqa: PLR2004 - three digits
