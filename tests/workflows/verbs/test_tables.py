"""Tables fit eighty columns and leave nothing out."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from passerelle.workflows.verbs.tables import Lines, pairs, table, when

LONG = "an_audience_with_a_name_as_long_as_names_may_be_in_this_workspac"
VERBS = Path(__file__).parents[3] / "workflows" / "verbs"


def drawn(lines: Lines, width: int = 80) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(lines)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def plan(audience: str, destination: str) -> Lines:
    lines = table("Plan", ("Audience", "To"), ("Segment", "Members", "In", "Out", "Withheld"), ("Held back by",))
    counts = ("1,000,000", "1,000,000", "100,000", "100,000", "200,000")
    lines.add_row(audience, destination, *counts, "minimum_size")
    return lines


@pytest.mark.parametrize(("audience", "destination"), [("short", "meta"), (LONG, "google"), (LONG, LONG)])
def test_names_are_folded_and_numbers_kept_whole(audience: str, destination: str) -> None:
    lines = drawn(plan(audience, destination))

    assert max(map(len, lines)) <= 80
    assert "1,000,000 1,000,000 100,000 100,000  200,000" in "\n".join(lines)
    assert "…" not in "".join(lines)
    shown = "".join(line.split(" ")[0] for line in lines[2 + lines[1].startswith(" ") :])
    assert shown.startswith(audience) or shown.endswith(audience)


def test_remarks_are_folded_before_names() -> None:
    lines = table("", ("Name",), (), ("Remark",))
    lines.add_row("lapsing_champions", "a remark " * 12)

    assert any(line.startswith("lapsing_champions a remark") for line in drawn(lines))


def test_a_short_table_is_as_narrow_as_its_words() -> None:
    assert drawn(pairs("Title", [("name", "value")])) == ["Title", "name value"]


def test_square_brackets_are_shown_as_they_are() -> None:
    assert drawn(pairs("", [("[bold]name", "[/]")])) == ["[bold]name [/]"]


def test_times_are_shown_to_the_minute() -> None:
    assert (when("2026-11-21T01:10:15Z"), when(None)) == ("2026-11-21 01:10", "")


def test_every_verb_uses_these_tables() -> None:
    others = [file.name for file in VERBS.glob("*.py") if "rich.table" in file.read_text(encoding="utf-8")]

    assert others == ["tables.py"]
