"""`doctor`: is everything as it must be, and what is to be done where it is not."""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Outcome, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console


class DoctorRequest(Request):
    """How far to look."""

    local: bool = Field(False, description="Look at this machine only; ask no source and no platform.")


class Line(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    area: str = Field(description="settings, files, disk, runs, key, store, log, consent, record, source, destination.")
    name: str
    state: Literal["ok", "warning", "failed", "integrity"]
    message: str
    advice: str = ""


class DoctorResult(Result):
    """Every line, the worst first."""

    ok: int = 0
    warnings: int = 0
    failed: int = 0
    checks: list[Line] = Field(default_factory=list)


_ORDER = ("integrity", "failed", "warning", "ok")
_MARKS = {
    "ok": ("ok", "green"),
    "warning": ("look", "yellow"),
    "failed": ("failed", "red"),
    "integrity": ("stop", "bold red"),
}


def run(environment: Environment, request: DoctorRequest) -> DoctorResult:
    """Look at everything."""
    from passerelle.workflows.doctor import examine

    found = examine(environment.workspace, now=environment.now(), local=request.local, progress=environment.progress)
    lines = [
        Line(area=each.area, name=each.name, state=each.state, message=each.message, advice=each.advice)
        for each in sorted(found, key=lambda finding: _ORDER.index(finding.state))
    ]
    states = [line.state for line in lines]
    result = DoctorResult(
        ok=states.count("ok"),
        warnings=states.count("warning"),
        failed=states.count("failed") + states.count("integrity"),
        checks=lines,
    )
    if "integrity" in states:
        result.outcome = Outcome.INTEGRITY_FAILURE
        result.advice = "Send nothing before this is understood."
    elif "failed" in states:
        result.outcome = Outcome.HELD_BACK
        result.advice = "Repair what failed, the first line first; the others may follow from it."
    return result


def render(result: DoctorResult, console: "Console") -> None:
    """A table, the worst first, with what to do."""
    from rich.text import Text

    from passerelle.workflows.verbs.tables import table

    lines = table("", ("", "What"), remarks=("How it stands",))
    for line in result.checks:
        said = f"{line.message}\n{line.advice}" if line.advice else line.message
        lines.add_row(Text(*_MARKS[line.state]), Text(_what(line)), Text(said))
    console.print(lines)
    console.print(f"{result.ok} in order, {result.warnings} to look at, {result.failed} failed.")


def _what(line: Line) -> str:
    """What was looked at: its name, after the area where the name does not say it."""
    return line.name if ": " in line.name or line.name == line.area else f"{line.area} {line.name}"


VERBS: list[AnyVerb] = [
    Verb(
        name="doctor",
        help="Check settings, keys, file modes, tokens, consent freshness and the log, and say what to do.",
        request=DoctorRequest,
        result=DoctorResult,
        run=run,
        render=render,
        remote=True,
    )
]
