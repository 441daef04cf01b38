"""What the documentation shows is true: its code runs, its commands parse, its files exist."""

import re
import shlex
from pathlib import Path

import pytest

from passerelle.workflows.cli.reference import with_summary
from passerelle.workflows.verbs.registry import verb, verbs

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)


def test_the_code_of_add_a_source_runs() -> None:
    code = "\n".join(blocks(ROOT / "CONTRIBUTING.md", "python"))
    space: dict[str, object] = {"__name__": "contributing"}
    exec(compile(code, "CONTRIBUTING.md", "exec"), space)  # noqa: S102 - our own documentation
    shape = space["persons"].shape  # type: ignore[attr-defined]
    assert [name for name, _ in shape.identifiers] == ["email", "phone"]


def commands() -> list[str]:
    lines = [line for document in DOCUMENTS for block in blocks(document, "console") for line in block.splitlines()]
    shown = [line.removeprefix("$ ").split(" #")[0].strip() for line in lines if line.startswith("$ ")]
    parts = [part.strip() for line in shown for part in line.split("&&")]
    return sorted({part.split("|")[-1].split("<")[0].strip() for part in parts if "passerelle " in part})


@pytest.mark.parametrize("command", commands())
def test_each_command_in_the_documentation_is_one(command: str) -> None:
    words = shlex.split(command)
    words = words[words.index("passerelle") + 1 :]
    plain = [word for word in words if not word.startswith("-")]
    called = verb(" ".join(plain[:2])) or verb(plain[0])
    assert called is not None, command
    known = {name.replace("_", "-") for name in called.request.model_fields} | {"workspace", "json", "no-json"}
    assert {word.removeprefix("--").split("=")[0] for word in words if word.startswith("--")} <= known


def test_the_readme_lists_the_verbs_as_they_are() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_summary(page, verbs()) == page


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target
