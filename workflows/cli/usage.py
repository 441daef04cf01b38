"""Understands a command line, and says what is wrong with one without repeating what was typed.

Whoever types an e-mail address where a name belongs must not find it again in a terminal's log or in n8n's database.
"""

import re
from collections.abc import Iterable, Sequence

import typer

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.cli.commands import Call
from passerelle.workflows.settings.names import did_you_mean, listed

_OPTION = re.compile(r"--[a-z][a-z0-9-]{0,30}\Z")


def parse(root: typer.Typer, arguments: Sequence[str]) -> Call | int:
    """The call that `arguments` mean, or the exit code where there is nothing to run (help).

    Raises `DefinitionError` for a command line that means nothing.
    """
    command = typer.main.get_command(root)
    try:
        call = command.main(args=list(arguments), prog_name="passerelle", standalone_mode=False)
    except typer.TyperException as error:
        raise _sentence(error) from None
    return call if isinstance(call, Call) else int(call or 0)


def _sentence(error: typer.TyperException) -> DefinitionError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "passerelle"
    advice = f"See: {path} --help"
    kind = type(error).__name__
    option = str(getattr(error, "option_name", ""))
    if kind == "NoSuchOption":
        known = (
            [name for parameter in context.command.get_params(context) for name in parameter.opts] if context else []
        )
        shown = f" `{option}`" if _OPTION.match(option) else " of that name"
        return DefinitionError(f"{path} has no option{shown}.{did_you_mean(option, known)}", advice=advice)
    if kind == "BadOptionUsage":
        shown = f"`{option}`" if _OPTION.match(option) else "an option"
        return DefinitionError(f"{path}: {shown} is not used as it should be.", advice=advice)
    commands: Iterable[str] = getattr(context.command, "commands", ()) if context is not None else ()
    if commands and type(error).__name__ == "UsageError" and "Missing" in error.message:
        return DefinitionError(f"{path} needs a verb: {listed(commands)}.", advice=advice)
    if commands:
        typed = next((word for word in _words(error) if word), "")
        return DefinitionError(f"{path} has no such verb.{did_you_mean(typed, commands)}", advice=advice)
    return DefinitionError(f"{path} takes fewer words than these.", advice=advice)


def _words(error: typer.TyperException) -> list[str]:
    return re.findall(r"'([^']*)'", error.message)
