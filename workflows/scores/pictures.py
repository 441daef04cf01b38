"""What a page about a score shows, as SVG: how well people are told apart, and what was expected and happened. Pure."""

import math
from collections.abc import Sequence

from passerelle.workflows.report.drawing import px, svg
from passerelle.workflows.report.markup import Markup, joined, tag

SIDE, _LEFT, _TOP = 300.0, 64.0, 30.0
_WIDTH, _HEIGHT = _LEFT + SIDE + 30, _TOP + SIDE + 56
_LINE, _MARK = "#1f4e79", "#c77b30"
_TICKS = 4

Points = Sequence[tuple[float, float]]


def roc(points: Points, auc: float, *, title: str) -> Markup:
    """The curve, over the line of those who are told apart by chance alone."""
    shown = " ".join(f"{px(x)},{px(y)}" for x, y in (_at(across, up, 1.0) for across, up in points))
    x, y = _at(0.42, 0.12, 1.0)
    return svg(
        [
            _axes(1.0, "of those who did not, above a cut", "of those who did", percent=True),
            tag("polyline", points=shown, fill="none", stroke=_LINE, stroke_width=2),
            tag("text", f"AUC {auc:.3f}", x=px(x), y=px(y), fill=_LINE, class_="series"),
        ],
        _WIDTH,
        _HEIGHT,
        title,
    )


def calibration(points: Points, *, title: str, percent: bool) -> Markup:
    """Expected and happened, a dot for people of whom nearly the same was expected, over the line where both agree."""
    most = max([each for point in points for each in point], default=0.0) or 1.0
    most = math.ceil(10 * most) / 10 if percent else most
    dots = [tag("circle", cx=px(x), cy=px(y), r=4, fill=_MARK) for x, y in (_at(*point, most) for point in points)]
    line = " ".join(f"{px(x)},{px(y)}" for x, y in (_at(*point, most) for point in points))
    return svg(
        [
            _axes(most, "expected", "happened", percent=percent),
            tag("polyline", points=line, fill="none", stroke=_MARK, stroke_width=1.5, stroke_dasharray="6 3"),
            *dots,
        ],
        _WIDTH,
        _HEIGHT,
        title,
    )


def _at(across: float, up: float, most: float) -> tuple[float, float]:
    return _LEFT + SIDE * across / most, _TOP + SIDE * (1 - up / most)


def _axes(most: float, across: str, up: str, *, percent: bool) -> Markup:
    (x0, y0), (x1, y1) = _at(0, 0, most), _at(most, most, most)
    drawn = [tag("line", x1=px(x0), y1=px(y0), x2=px(x1), y2=px(y1), class_="mark")]
    for tick in range(_TICKS + 1):
        value = most * tick / _TICKS
        x, y = _at(value, value, most)
        shown = f"{100 * value:.0f} %" if percent else f"{value:,.0f}"
        drawn += [
            tag("line", x1=px(x0), x2=px(x1), y1=px(y), y2=px(y), class_="axis"),
            tag("text", shown, x=px(x0 - 6), y=px(y + 4), text_anchor="end", class_="number"),
            tag("text", shown, x=px(x), y=px(y0 + 18), text_anchor="middle", class_="number"),
        ]
    middle = _LEFT + SIDE / 2
    drawn += [
        tag("text", across, x=px(middle), y=px(y0 + 40), text_anchor="middle", class_="label"),
        tag("text", up, x=px(x0), y=px(_TOP - 14), class_="label"),
    ]
    return joined(drawn)
