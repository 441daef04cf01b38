"""Tables that fit a terminal of eighty columns: no frames, numbers to the right, nothing cut off.

Where a line is too long, remarks are folded first, then names; numbers never.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table
    from rich.text import Text

_NARROWEST = 9
"""Columns of words and remarks are folded down to this, and no further."""


@dataclass(slots=True)
class Lines:
    """Rows of a table, drawn when they are printed: what to fold depends on all of them, and on the terminal."""

    title: str
    words: Sequence[str]
    numbers: Sequence[str]
    remarks: Sequence[str]
    headed: bool = True
    rows: "list[list[Text]]" = field(default_factory=list)

    def add_row(self, *cells: "str | Text") -> None:
        """Add a row: as many cells as there are columns. Text is shown as it is: no markup."""
        from rich.text import Text

        self.rows.append([Text(cell) if isinstance(cell, str) else cell for cell in cells])

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        """Draw it."""
        yield self._drawn(self._widths(options.max_width))

    def _names(self) -> list[str]:
        return [*self.words, *self.numbers, *self.remarks]

    def _widths(self, room: int) -> list[int]:
        """As wide as the widest cell; where that is too much, remarks narrower, then words, the widest first."""
        cells = [
            [name, *(line for row in self.rows for line in row[n].plain.split("\n"))]
            for n, name in enumerate(self._names())
        ]
        widths = [max(_length(text) for text in column) for column in cells]
        places = range(len(widths))
        remarks = places[len(widths) - len(self.remarks) :]
        for foldable in (remarks, places[: len(self.words)]):
            while sum(widths) + len(widths) > room:
                widest = max(foldable, key=lambda n: widths[n], default=None)
                if widest is None or widths[widest] <= _NARROWEST:
                    break
                widths[widest] -= 1
        return widths

    def _drawn(self, widths: list[int]) -> "Table":
        from rich.table import Table

        made = Table(title=self.title or None, title_justify="left", title_style="bold", header_style="dim", box=None)
        made.padding = (0, 1, 0, 0)
        made.show_header = self.headed
        numbers = range(len(self.words), len(self.words) + len(self.numbers))
        for n, (name, width) in enumerate(zip(self._names(), widths, strict=True)):
            made.add_column(name, width=width, justify="right" if n in numbers else "left", overflow="fold")
        for row in self.rows:
            made.add_row(*row)
        return made


def _length(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def table(title: str, words: Sequence[str], numbers: Sequence[str] = (), remarks: Sequence[str] = ()) -> Lines:
    """An empty table: columns of words, then of numbers, then of remarks."""
    return Lines(title, words, numbers, remarks)


def pairs(title: str, lines: Iterable[tuple[str, str]]) -> Lines:
    """A table of what each thing is called and what it is."""
    made = Lines(title, ("",), (), ("",), headed=False)
    for name, value in lines:
        made.add_row(name, value)
    return made


def number(value: float | None) -> str:
    """A whole number with thousands apart; empty where there is none."""
    return "" if value is None else f"{value:,.0f}"


def when(moment: str | None) -> str:
    """An ISO 8601 time as people read it, to the minute: 2026-11-21 01:10; empty where there is none."""
    return "" if moment is None else moment[:16].replace("T", " ")
