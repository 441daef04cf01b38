"""Writes docs/cli.md and the README's table of verbs from the verbs themselves: `make generate`."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from passerelle.workflows.cli.commands import app
from passerelle.workflows.cli.help import COMMON_PANEL, rows
from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Outcome
from passerelle.workflows.verbs.registry import GROUPS, group_of, verbs

MEANINGS: dict[Outcome, str] = {
    Outcome.DONE: "Done.",
    Outcome.FAILED: "Something unexpected happened; `reference` names a report in `var/` that holds no data.",
    Outcome.INVALID: "The command line or a file of the workspace is wrong; `problems` names file and line.",
    Outcome.HELD_BACK: "A guard held something back, or a check found something: a person must look.",
    Outcome.INTEGRITY_FAILURE: "A key, the log or the store is not what it must be. Nothing may be sent.",
    Outcome.PENDING: "Accepted, and still pending at the platform.",
    Outcome.CONSENT_STALE: "A mandatory source of consent is too old: nobody was added, removals went out.",
    Outcome.REFUSED: "The platform refused for good: terms, permission, policy.",
    Outcome.TRY_LATER: "Throttled, down, locked or stopped: the same call may work later.",
}

_BEGIN, _END = "<!-- verbs -->", "<!-- /verbs -->"

_INTRODUCTION = """\
# The command line

Written by `make generate` from the verbs themselves; a test compares.

stdout carries data only: one JSON object with `--json`, which is the default where stdout is no terminal, else a
readable table. stderr talks. Neither ever shows an identifier, a hash, a token or a key (`normalize` aside).

## Outcomes

Every result object has `outcome`, `exit_code`, `retryable` and `advice`. A verb that fails prints an object of the
schema `failure`: with `message`, `problems` (file, line, message), `wait_seconds` and `reference`.

| exit code | `outcome` | means |
| ---: | --- | --- |
"""


def reference(known: list[AnyVerb]) -> str:
    """The page, as Markdown."""
    lines = [f"| {code} | `{outcome.value}` | {MEANINGS[outcome]} |" for outcome, code in EXIT_CODES.items()]
    page = _INTRODUCTION + "\n".join(lines) + "\n"
    commands = _commands(known)
    first = commands[known[0].name]
    page += "\n## Options of every verb\n\n" + _table(rows(first.params)[COMMON_PANEL])
    for group in [*GROUPS, "Other"]:
        members = [verb for verb in known if group_of(verb.name) == group]
        if members:
            page += f"\n## {group}\n" + "".join(_section(verb, commands[verb.name]) for verb in members)
    return page


def _commands(known: list[AnyVerb]) -> dict[str, Any]:
    """Each verb's command, as typer made it."""
    found, root = {}, typer.main.get_command(app(known))
    for verb in known:
        command: Any = root
        for word in verb.name.split():
            command = command.commands[word]
        found[verb.name] = command
    return found


def _section(verb: AnyVerb, command: Any) -> str:  # noqa: ANN401 - typer's own
    found = rows(command.params)
    words = " ".join(name for name, _ in found["Words"])
    text = f"\n### `passerelle {verb.name}{' ' if words else ''}{words}`\n\n{inspect.cleandoc(verb.help)}\n"
    own = [*found["Words"], *found["Options"]]
    if own:
        text += "\n" + _table(own)
    return text + "\n" + " ".join(_remarks(verb)) + "\n"


def _remarks(verb: AnyVerb) -> Iterator[str]:
    name = verb.name.replace(" ", "_")
    if verb.streams:
        yield f"It writes its data to stdout itself. Request: schema `{name}.request`."
    else:
        yield f"Request and result: schemas `{name}.request` and `{name}.result`."
    if verb.recorded:
        yield "Its runs are kept; see `passerelle status`."
    if verb.remote:
        yield "The runner may call it."


def _table(lines: list[tuple[str, str]]) -> str:
    cells = [(name.replace("|", "\\|"), text.replace("|", "\\|")) for name, text in lines]
    return "| | |\n| --- | --- |\n" + "".join(f"| `{name}` | {text} |\n" for name, text in cells)


def summary(known: list[AnyVerb]) -> str:
    """The verbs in one table, for the first page."""
    lines = [
        f"| `{verb.name}` | {verb.help} |\n"
        for group in [*GROUPS, "Other"]
        for verb in known
        if group_of(verb.name) == group
    ]
    return "| verb | does |\n| --- | --- |\n" + "".join(lines)


def with_summary(page: str, known: list[AnyVerb]) -> str:
    """The first page with its table of verbs written anew, between its two marks."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{summary(known)}{_END}{after}"


def rewrite(root: Path) -> None:
    """Write docs/cli.md and the README's table of verbs anew."""
    (root / "docs" / "cli.md").write_text(reference(verbs()), encoding="utf-8")
    readme = root / "README.md"
    readme.write_text(with_summary(readme.read_text(encoding="utf-8"), verbs()), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--rewrite"]:
        rewrite(Path.cwd())
    else:
        sys.stdout.write(reference(verbs()))
