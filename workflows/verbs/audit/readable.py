"""Answers as people read them at a terminal: facts, then tables, then what is wrong."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from passerelle.workflows.verbs.tables import Lines, number, pairs, table, when

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.workflows.verbs.audit.question import AnswerResult, Card, Columns

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")


def show(columns: "Sequence[Columns | Card]", result: "AnswerResult", console: "Console") -> None:
    """Facts as a table of two columns, each table under its title, findings in red."""
    console.print(f"As of {when(result.as_of)} UTC, {result.log_size:,} log entries.", style="dim")
    if result.facts:
        told = [(named(name), cell(value)) for name, value in result.facts.items() if value not in (None, "")]
        console.print(pairs("", told), markup=False)
    for one in columns:
        lines = result.tables.get(one.table, [])
        if not lines:
            console.print(f"{one.title}: none.", markup=False)
        else:
            console.print(_drawn(one, lines), markup=False)
    for finding in result.findings:
        console.print(f"{finding['count']:,}: {finding['finding']}", style="red", markup=False)
    if not result.findings:
        console.print("Nothing was found to be wrong.", style="green")


def _drawn(one: "Columns | Card", lines: list[dict[str, Any]]) -> Lines:
    from passerelle.workflows.verbs.audit.question import Card

    if isinstance(one, Card):
        return pairs(one.title, [(named(name), cell(value)) for name, value in lines[0].items() if value is not None])
    shown = table(one.title, *([named(column) for column in some] for some in _groups(one)))
    for line in lines:
        shown.add_row(*(cell(line.get(name)) for some in _groups(one) for name in some))
    return shown


def _groups(columns: "Columns") -> "tuple[Sequence[str], Sequence[str], Sequence[str]]":
    return columns.words, columns.numbers, columns.remarks


def named(name: str) -> str:
    """A column's or a fact's name for people: `median_hours` is Median hours."""
    return name.replace("_", " ").capitalize()


def cell(value: object) -> str:
    """A value for people: numbers with thousands apart, times to the minute, lists and counts in one line."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {cell(count)}" for name, count in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(cell(one) for one in value)
    return _single(value)


def _single(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return number(value)
        case float():
            return f"{value:,.1f}"
        case _:
            text = str(value)
            return when(text) if _TIME.match(text) else text
