"""What docs/quality.md shows is true: its file is accepted, and it shows every word there is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from passerelle.segmentation.language.words import Closed
from passerelle.segmentation.quality import file as words
from passerelle.segmentation.quality.expected import judge
from passerelle.segmentation.quality.file import QualityFile, TableRules
from passerelle.segmentation.quality.measure import ColumnFigures, Measured
from passerelle.workflows.settings.document import parse
from passerelle.workflows.settings.load import validated

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/quality.md").read_text(encoding="utf-8")
BLOCK = re.findall(r"^```yaml\n(version.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[0]
SCAFFOLD = ROOT / "workflows/scaffold/quality.yaml"


def shown(part: object) -> Iterator[tuple[type, str]]:
    if isinstance(part, Closed):
        for name in part.model_fields_set:
            yield type(part), name
            yield from shown(getattr(part, name))
    elif isinstance(part, dict):
        for inner in part.values():
            yield from shown(inner)


def test_the_pages_file_is_accepted_and_shows_every_word() -> None:
    read = validated(QualityFile, parse(BLOCK, "docs/quality.md").data)
    there = {kind for kind in vars(words).values() if isinstance(kind, type) and issubclass(kind, Closed)} - {Closed}
    every = {(kind, name) for kind in there for name in kind.model_fields if name != "severity"}
    assert every - set(shown(read)) == set()


def test_the_page_names_every_way_out() -> None:
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == list(get_args(words.Then))


def test_the_shop_of_init_comes_with_expectations_that_hold_for_it() -> None:
    read = validated(QualityFile, parse(SCAFFOLD.read_text(encoding="utf-8"), "quality.yaml").data)
    assert set(read.tables) == {"crm", "orders"}


@pytest.mark.parametrize("rules", validated(QualityFile, parse(BLOCK, "docs/quality.md").data).tables.values())
def test_an_empty_first_pull_breaks_nothing_but_what_asks_for_rows(rules: TableRules) -> None:
    found = Measured(rows=0, columns={name: ColumnFigures() for name in rules.columns})
    said = judge("t", rules, found, before={}, came={})
    assert {each.check for each in said} <= {"rows"}
    assert bool(said) == (rules.rows is not None)
