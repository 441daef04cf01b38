"""Help texts, grouped and plain: rich's panels would take longer to import than most verbs take to run."""

import shutil
from collections.abc import Iterable, Sequence
from typing import Any

from typer.core import TyperCommand, TyperGroup

from passerelle.workflows.verbs.registry import GROUPS

COMMON_PANEL = "Options of every verb"
Rows = dict[str, list[tuple[str, str]]]
"""By panel: what is typed, and what it means."""


class Command(TyperCommand):
    """One verb's help: what it does, its words, its options, then those of every verb."""

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer's own
        """Write the options, by panel."""
        _write(formatter, rows(self.get_params(ctx)))


class Group(TyperGroup):
    """The help of `passerelle`, or of the first word of several verbs: verbs by who uses them."""

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer's own
        """Write the verbs, by panel, then the options."""
        verbs: Rows = {}
        for name in sorted(self.list_commands(ctx), key=_place):
            command = self.get_command(ctx, name)
            panel = _panel(command, "Verbs")
            help_text = command.get_short_help_str(limit=200) if command is not None else ""
            verbs.setdefault(panel, []).append((name, help_text))
        _write(formatter, verbs)
        _write(formatter, rows(self.get_params(ctx)))


def rows(parameters: Iterable[Any]) -> Rows:
    """What is typed and what it means, by panel: `Words`, `Options`, and those that parameters name."""
    found: Rows = {"Words": [], "Options": []}
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            shown = f"{parameter.metavar}…" if parameter.nargs != 1 else str(parameter.metavar)
            needed = "(required)" in (parameter.help or "")
            found["Words"].append((shown if needed else f"[{shown}]", parameter.help or ""))
        elif not parameter.hidden:
            found.setdefault(_panel(parameter, "Options"), []).append((_spelling(parameter), parameter.help or ""))
    return found


def _spelling(option: Any) -> str:  # noqa: ANN401 - typer's own
    """`-w, --workspace DIR`, `--json / --no-json`: the short form first."""
    spelled = ", ".join(sorted(option.opts, key=len))
    if option.secondary_opts:
        spelled += f" / {option.secondary_opts[0]}"
    return spelled if option.is_flag else f"{spelled} {option.metavar or ''}".rstrip()


def _place(word: str) -> int:
    """Where a verb stands in its panel; words of the same place keep their order."""
    words = [word for words in GROUPS.values() for word in words]
    return words.index(word) if word in words else len(words)


def _panel(of: object, otherwise: str) -> str:
    panel = getattr(of, "rich_help_panel", None)
    return panel if isinstance(panel, str) else otherwise


def _write(formatter: Any, rows: Rows) -> None:  # noqa: ANN401 - typer's own
    formatter.width = max(60, min(shutil.get_terminal_size().columns, 110))
    for panel, lines in rows.items():
        if lines:
            with formatter.section(panel):
                formatter.write_dl(_aligned(lines), col_max=34)


def _aligned(lines: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Long options stand below each other, whether they have a short form or not."""
    if not any(name.startswith("-") and not name.startswith("--") for name, _ in lines):
        return list(lines)
    return [(f"    {name}" if name.startswith("--") else name, text) for name, text in lines]
