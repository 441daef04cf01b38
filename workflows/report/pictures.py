"""Pictures as SVG: bars that can be read in black and white, each with its number beside it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from passerelle.workflows.report.drawing import px, short, svg
from passerelle.workflows.report.markup import Markup, joined, tag

_WIDTH = 680
_LABEL = 232
_ROW = 26
_NUMBER = 116
_COLUMN_HEIGHT = 150
_LONGEST = 36


@dataclass(frozen=True, slots=True)
class Bar:
    """A labelled amount, of a whole where `whole` is given; `told` is the number as people read it."""

    label: str
    value: float
    told: str
    whole: float | None = None


def bars(rows: Sequence[Bar], *, title: str) -> Markup:
    """Horizontal bars, all to one scale."""
    most = max([row.whole or row.value for row in rows] + [1e-9])
    room = _WIDTH - _LABEL - _NUMBER
    drawn = [_bar(row, number * _ROW + 4, room / most) for number, row in enumerate(rows)]
    return svg(drawn, _WIDTH, len(rows) * _ROW + 8, title)


def _bar(row: Bar, top: int, scale: float) -> Markup:
    value, whole = row.value * scale, (row.whole or 0) * scale
    shown = max(value, 1.5) if row.value else 0
    return joined(
        [
            tag("text", short(row.label, _LONGEST), x=_LABEL - 8, y=top + 14, text_anchor="end", class_="label"),
            tag("rect", x=_LABEL, y=top + 2, width=px(whole), height=16, class_="whole") if row.whole else None,
            tag("rect", x=_LABEL, y=top + 2, width=px(shown), height=16, class_="part"),
            tag("text", row.told, x=px(_LABEL + max(whole, value) + 6), y=top + 14, class_="number"),
        ]
    )


@dataclass(frozen=True, slots=True)
class Column:
    """Two amounts of one month or day, side by side."""

    label: str
    first: float
    second: float


def columns(rows: Sequence[Column], *, title: str, legend: tuple[str, str]) -> Markup:
    """Pairs of columns over time, to one scale, with the greatest amount written at its height."""
    most = max([max(row.first, row.second) for row in rows] + [1e-9])
    step = (_WIDTH - 70) / max(len(rows), 1)
    drawn: list[Markup] = [
        tag("line", x1=56, y1=_COLUMN_HEIGHT + 14, x2=_WIDTH, y2=_COLUMN_HEIGHT + 14, class_="axis"),
        tag("text", f"{most:,.0f}".replace(",", "\u202f"), x=50, y=24, text_anchor="end", class_="number"),
        tag("text", "0", x=50, y=_COLUMN_HEIGHT + 18, text_anchor="end", class_="number"),
    ]
    every = max(1, -(-len(rows) // 12))
    for number, row in enumerate(rows):
        left, width = 60 + number * step, min(22.0, step * 0.4)
        for offset, value, kind in ((0.0, row.first, "part"), (width + 1, row.second, "other")):
            height = _COLUMN_HEIGHT * value / most
            top = _COLUMN_HEIGHT + 14 - height
            drawn.append(tag("rect", x=px(left + offset), y=px(top), width=px(width), height=px(height), class_=kind))
        if number % every == 0:
            drawn.append(tag("text", row.label, x=px(left), y=_COLUMN_HEIGHT + 32, class_="label"))
    for number, (word, kind) in enumerate(zip(legend, ("part", "other"), strict=True)):
        left = 60 + number * 180
        drawn.append(tag("rect", x=left, y=_COLUMN_HEIGHT + 44, width=12, height=12, class_=kind))
        drawn.append(tag("text", word, x=left + 18, y=_COLUMN_HEIGHT + 54, class_="label"))
    return svg(drawn, _WIDTH, _COLUMN_HEIGHT + 64, title)
