"""Differences with their intervals, as a picture: one line each, all to one scale, with nothing marked. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from passerelle.workflows.report.drawing import px, short, svg
from passerelle.workflows.report.markup import Markup, joined, tag

_WIDTH, _LABEL, _NUMBER, _ROW, _LONGEST = 680, 232, 190, 30, 36


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference between `low` and `high`; `told` is what people read beside it."""

    label: str
    low: float
    middle: float
    high: float
    told: str


def intervals(rows: Sequence[Interval], *, title: str) -> Markup:
    """What crosses the line in the middle may be nothing."""
    most = max([abs(end) for row in rows for end in (row.low, row.high)] + [1e-9])
    half = (_WIDTH - _LABEL - _NUMBER) / 2
    nothing = _LABEL + half
    axis = tag("line", x1=px(nothing), y1=0, x2=px(nothing), y2=len(rows) * _ROW + 4, class_="axis")
    drawn = [_interval(row, number * _ROW + 18, nothing, half / most) for number, row in enumerate(rows)]
    return svg([axis, *drawn], _WIDTH, len(rows) * _ROW + 8, title)


def _interval(row: Interval, middle: int, nothing: float, scale: float) -> Markup:
    left, at, right = (nothing + end * scale for end in (row.low, row.middle, row.high))
    return joined(
        [
            tag("text", short(row.label, _LONGEST), x=_LABEL - 8, y=middle + 4, text_anchor="end", class_="label"),
            tag("rect", x=px(left), y=middle - 3, width=px(max(right - left, 1)), height=6, class_="whole"),
            tag("rect", x=px(at - 2), y=middle - 8, width=4, height=16, class_="part"),
            tag("text", row.told, x=_WIDTH - _NUMBER + 8, y=middle + 4, class_="number"),
        ]
    )
