"""docs/audit.md: 24 questions, each with a command that is there, reads only, and answers."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from passerelle.workflows.verbs.audit import VERBS
from passerelle.workflows.verbs.audit.asof import AsOfRequest
from passerelle.workflows.verbs.audit.question import AnswerResult
from passerelle.workflows.workspace import Workspace
from tests.workflows.verbs.audit.shop import ZOE, Shop
from tests.workflows.verbs.people import ask, workspace

DOCUMENT = Path(__file__).parents[4] / "docs" / "audit.md"
ROWS = re.findall(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
COMMANDS = [command for _, _, cell in ROWS for command in re.findall("`passerelle (audit [^`]+)`", cell)]
NAMES = {" ".join(shlex.split(command)[:2]) for command in COMMANDS}

ELSEWHERE = {"audit proof", "audit checkpoint", "audit bundle", "audit keys", "audit report"}
"""Questions that need more than a small workspace, or write a file: their own tests ask them."""

WORDS: dict[str, dict[str, Any]] = {
    "audit why": {"audience": "lapsing_champions", "destination": "meta"},
    "audit notice": {"notice": "ads-2026"},
    "audit leaks": {"temp": False},
}
ASKED = sorted(NAMES - ELSEWHERE)


def test_there_are_24_questions_in_order() -> None:
    assert [int(number) for number, _, _ in ROWS] == list(range(1, 25))


def test_every_documented_question_is_a_verb() -> None:
    assert {verb.name for verb in VERBS} >= NAMES


def test_every_question_says_what_a_finding_is() -> None:
    questions = [verb for verb in VERBS if verb.result is AnswerResult]
    assert [verb.name for verb in questions if "A finding is " not in verb.help] == []
    assert [verb.name for verb in questions if not issubclass(verb.request, AsOfRequest)] == []


@pytest.mark.parametrize("name", ASKED)
def test_each_question_is_answered_and_writes_nothing(shop: Shop, name: str) -> None:
    about_her = name in {"audit person", "audit why"}
    stdin = f"{ZOE.email}\n".encode() if about_her else b""
    before = written(shop)
    ask(shop.folder, name, stdin=stdin, **WORDS.get(name, {}))
    assert written(shop) == before


@pytest.mark.parametrize("name", sorted(set(ASKED) - {"audit person", "audit why"}))
def test_each_question_is_answered_where_nothing_is_known(tmp_path: Path, name: str) -> None:
    ask(workspace(tmp_path / "empty"), name, **WORDS.get(name, {}))


def written(shop: Shop) -> list[tuple[Any, ...]]:
    """Every row of every table."""
    from passerelle.privacy.store.tables import metadata

    with Workspace.open(shop.folder) as opened, opened.store().read() as connection:
        return [tuple(row) for table in metadata.sorted_tables for row in connection.execute(table.select())]
