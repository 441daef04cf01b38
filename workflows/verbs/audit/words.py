"""What several questions share: how a time is asked for, and how an answer is shown."""

from typing import TYPE_CHECKING, Any

from passerelle.privacy.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

Line = dict[str, Any]


def asked_moment(text: str) -> int:
    """The instant meant by a day or a time with its zone. Raises `DefinitionError` for anything else."""
    from passerelle.workflows.intake.columns import moment

    found = moment(text)
    if found is None:
        raise DefinitionError("A time is written 2026-02-03T10:12:00Z, with its zone, or 2026-02-03.")
    return found


def shown(question: str) -> "Callable[[Any, Console], None]":
    """How people see the answer; what draws it is loaded when there is one."""

    def render(result: Any, console: "Console") -> None:  # noqa: ANN401 - any of the results above
        from passerelle.workflows.verbs.audit import answers

        getattr(answers, question)(result, console)

    return render
