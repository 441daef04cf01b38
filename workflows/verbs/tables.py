"""Tables that fit a terminal of eighty columns: no frames, numbers to the right, names never cut."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


def table(title: str, words: Sequence[str], numbers: Sequence[str] = (), remarks: Sequence[str] = ()) -> "Table":
    """An empty table: columns of words, then of numbers, then of remarks, which are folded where they are long."""
    from rich.table import Table

    made = Table(title=title, title_justify="left", title_style="bold", header_style="dim", box=None)
    made.padding = (0, 1, 0, 0)
    for name in words:
        made.add_column(name, no_wrap=True, overflow="fold")
    for name in numbers:
        made.add_column(name, justify="right", no_wrap=True)
    for name in remarks:
        made.add_column(name, overflow="fold")
    return made


def number(value: float | None) -> str:
    """A whole number with thousands apart; empty where there is none."""
    return "" if value is None else f"{value:,.0f}"
