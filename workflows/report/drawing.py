"""What every picture is made with: the frame around it, and numbers and labels as they stand in it."""

from collections.abc import Sequence

from passerelle.workflows.report.markup import Markup, tag


def svg(drawn: Sequence[Markup], width: float, height: float, title: str) -> Markup:
    """A picture with a title for whoever cannot see it."""
    box = f"0 0 {px(width)} {px(height)}"
    return tag("svg", tag("title", title), *drawn, viewBox=box, role="img", xmlns="http://www.w3.org/2000/svg")


def px(number: float) -> str:
    """The same text for the same number everywhere: at most one decimal."""
    shown = f"{number:.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown


def short(label: str, most: int) -> str:
    """A label of at most so many characters."""
    return label if len(label) <= most else f"{label[: most - 1]}…"
