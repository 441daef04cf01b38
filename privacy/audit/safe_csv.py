"""CSV that no spreadsheet takes for a formula.

A cell whose text begins like a formula is led by an apostrophe, which spreadsheets show as text and hide. Numbers are
numbers: only texts can be made by somebody else. Lines end with CR LF, every text is quoted (RFC 4180), UTF-8.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

Cell = str | int | float | bool | None

_LEADING = frozenset("=+-@|%'")
_BLANK = frozenset("\t\r\n\0\v\f")


def safe_cell(value: Cell) -> str | int | float:
    """The cell as it is written: a text that begins like a formula, after blanks too, is led by an apostrophe."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case str():
            return f"'{value}" if _begins_like_a_formula(value) else value


def safe_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Cell]]) -> str:
    """A whole table: the header, then a line per row. A column that a row lacks is empty."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow([safe_cell(name) for name in columns])
    writer.writerows([safe_cell(row.get(name)) for name in columns] for row in rows)
    return stream.getvalue()


def _begins_like_a_formula(text: str) -> bool:
    if text[:1] in _BLANK:
        return True
    # Wide forms such as U+FF1D count as what they look like.
    bare = text.lstrip().lstrip("\ufeff\u200b\u200e\u200f\u2060")
    return unicodedata.normalize("NFKC", bare[:1])[:1] in _LEADING if bare else False
