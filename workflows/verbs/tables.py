"""Tables that fit a terminal of eighty columns: no frames, numbers to the right, names never cut."""

from collections.abc import Iterable, Sequence
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


def pairs(title: str, lines: Iterable[tuple[str, str]]) -> "Table":
    """A table of what each thing is called and what it is; long values are folded."""
    made = table(title, ("",), remarks=("",))
    made.show_header = False
    for name, value in lines:
        made.add_row(name, value)
    return made


def when(moment: str | None) -> str:
    """An ISO 8601 time as people read it, to the minute: 2026-11-21 01:10; empty where there is none."""
    return "" if moment is None else moment[:16].replace("T", " ")
