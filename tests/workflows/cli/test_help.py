"""Help is quick, grouped, and the same in the documentation."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from passerelle.workflows.cli.commands import SUBJECTS, app
from passerelle.workflows.cli.reference import reference
from passerelle.workflows.verbs.registry import GROUPS, group_of, verbs

ROOT = Path(__file__).parents[3]
HEAVY = {"pyarrow", "duckdb", "sqlalchemy", "google", "facebook_business", "ibis", "numpy", "grpc", "httpx", "rich"}
PROGRAM = """
import sys
from passerelle.workflows.cli.main import main
code = main(sys.argv[1:])
print(",".join(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("arguments", [["--help"], ["sync", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True)

    assert HEAVY & set(ran.stderr.strip().splitlines()[-1].split(",")) == set()
    assert "Usage: passerelle" in ran.stdout


def test_every_verb_stands_in_a_named_group() -> None:
    assert {group_of(verb.name) for verb in verbs()} <= set(GROUPS)


def test_every_option_has_a_help_text() -> None:
    for verb in verbs():
        for name, field in verb.request.model_fields.items():
            assert field.description, f"{verb.name}: {name}"


def test_no_option_asks_for_a_secret_or_an_identifier() -> None:
    """Other users of the machine can see the words of a command line."""
    forbidden = re.compile(r"(^|_)(token|secret|password|key|email|phone|identifier|value)(_|$)")
    for verb in verbs():
        for name in verb.request.model_fields:
            allowed = name.endswith("_file")
            assert allowed or not forbidden.search(name), f"{verb.name}: --{name}"


def test_every_first_word_of_two_says_what_it_is_about() -> None:
    assert {verb.name.split()[0] for verb in verbs() if " " in verb.name} == set(SUBJECTS)


def test_every_verb_makes_a_command() -> None:
    root = typer.main.get_command(app(verbs()))

    for verb in verbs():
        command = root
        for word in verb.name.split():
            command = command.commands[word]  # type: ignore[attr-defined]
        assert command.help == verb.help


def test_the_documented_reference_is_the_present_one() -> None:
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")

    assert written == reference(verbs()), "run: python -m passerelle.workflows.cli.reference > docs/cli.md"
