"""Prints results: stdout carries data only, stderr talks."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from passerelle.workflows.verbs.contract import AnyVerb, Outcome, Result
from passerelle.workflows.verbs.failure import Failure

if TYPE_CHECKING:
    from rich.console import Console

WIDTH_ELSEWHERE = 120
"""Columns of a table that goes to a file or a pipe."""


@dataclass(frozen=True, slots=True)
class Printer:
    """How results are shown. `report`: exit with 0 whenever a result was printed, the true code is inside."""

    json: bool
    report: bool

    @classmethod
    def choose(cls, *, json: bool | None, report: bool) -> "Printer":
        """JSON where it was asked for, where a workflow wants a report, and where stdout is no terminal."""
        wanted = json if json is not None else (report or not sys.stdout.isatty())
        return cls(json=wanted or report, report=report)

    @classmethod
    def guess(cls, arguments: Sequence[str]) -> "Printer":
        """The same for a command line that could not be understood."""
        asked = True if "--json" in arguments else False if "--no-json" in arguments else None
        return cls.choose(json=asked, report="--report" in arguments)

    def print_result(self, verb: AnyVerb, result: Result) -> int:
        """Print what a verb returned; the exit code to leave with."""
        if verb.streams and not self.report:
            return result.exit_code
        printed = True
        if self.json:
            printed = _write_line(result.model_dump_json())
        else:
            verb.render(result, _console(sys.stdout))
        if not self.report:
            _talk(result)
        return self._exit(result, printed=printed)

    def print_failure(self, failure: Failure, *, streams: bool = False) -> int:
        """Print what went wrong: for people on stderr, as an object on stdout; the exit code to leave with."""
        printed = True
        if self.json and (self.report or not streams):
            printed = _write_line(failure.model_dump_json())
        if not self.report:
            _talk(failure)
        return self._exit(failure, printed=printed)

    def _exit(self, result: Result, *, printed: bool) -> int:
        if not printed:
            return 1
        return 0 if self.report else result.exit_code


def _write_line(text: str) -> bool:
    """Write one line to stdout whole; False where nobody reads it any more, or it is a file on a full disk."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _console(stream: TextIO) -> "Console":
    from rich.console import Console

    width = None if stream.isatty() else WIDTH_ELSEWHERE
    return Console(file=stream, highlight=False, soft_wrap=False, width=width)


def _talk(result: Result) -> None:
    """Say on stderr what went wrong and what to do."""
    lines = []
    if isinstance(result, Failure):
        lines.append(result.message)
        if len(result.problems) > 1:  # a single one is the message
            lines += [f"  {_where(each.file, each.line)}{each.message}" for each in result.problems[:50]]
    elif result.outcome is not Outcome.DONE:
        lines.append(f"Outcome: {result.outcome.value.replace('_', ' ')}.")
    if result.advice:
        lines.append(result.advice)
    if lines:
        sys.stderr.write("\n".join(lines) + "\n")


def _where(file: str, line: int) -> str:
    return f"{file}, line {line}: " if file else ""
