"""`pull`: people, consents and events from the sources; only what is new since the last time."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Request, Result, Verb
from passerelle.workflows.verbs.quality import CheckedTable, checked_table, render_findings

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.workflows.pull import SourceReport


class PullRequest(Request):
    """What to pull."""

    sources: list[str] = Field(
        default_factory=list,
        max_length=64,
        description="Sources by name; none: all of them.",
        json_schema_extra={"cli": "argument"},
    )
    full: bool = Field(False, description="Read everything again, whatever was read before.")


class PulledSource(BaseModel):
    """One resource of one source."""

    model_config = ConfigDict(extra="forbid")

    source: str
    resource: str
    outcome: Outcome
    rows: int = Field(description="Records that were read.")
    new_people: int
    events: int = Field(description="Events that went into the lake.")
    consents: int = Field(description="Consent statements that were not known yet.")
    removals: int = Field(description="Removals queued by withdrawals and deletions.")
    deleted: int = Field(description="Records deleted at the source.")
    quarantined: dict[str, int] = Field(description="Records that could not be taken, by reason.")
    warnings: list[str]
    seconds: float
    problem: str = Field("", description="What went wrong with this source; empty where nothing did.")
    advice: str = ""


class PullResult(Result):
    """What came in. The outcome is the gravest of the sources'."""

    sources: list[PulledSource]
    quality: list[CheckedTable] = Field(
        default_factory=list, description="What was found by the rules of quality.yaml."
    )
    wait_seconds: float | None = Field(None, description="How long a source asked us to wait, if one did.")


def run(environment: Environment, request: PullRequest) -> PullResult:
    """Pull each source on its own."""
    from passerelle.privacy.errors import TryLater
    from passerelle.workflows.erase.expiry import expire_now
    from passerelle.workflows.pull import pull
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        expire_now(workspace, now=environment.now())
        report = pull(
            workspace, request.sources, now=environment.now(), progress=environment.progress, full=request.full
        )
    error = report.error
    outcome = Outcome(error.outcome) if error is not None else Outcome.DONE
    return PullResult(
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        retryable=error.retryable if error is not None else False,
        advice=error.advice if error is not None else "",
        sources=[_pulled(source) for source in report.sources],
        quality=[checked_table(table) for table in report.checked],
        wait_seconds=error.wait.seconds if isinstance(error, TryLater) else None,
    )


def _pulled(report: "SourceReport") -> PulledSource:
    error = report.error
    return PulledSource(
        source=report.source,
        resource=report.resource,
        outcome=Outcome(error.outcome) if error is not None else Outcome.DONE,
        rows=report.rows,
        new_people=report.new_people,
        events=report.events,
        consents=report.consents,
        removals=report.removals,
        deleted=report.deleted,
        quarantined=dict(sorted(report.quarantined.items())),
        warnings=report.warnings,
        seconds=round(report.seconds, 3),
        problem=error.message if error is not None else "",
        advice=error.advice if error is not None else "",
    )


def render(result: PullResult, console: "Console") -> None:
    """A table: one line per source, then what needs attention."""
    from passerelle.workflows.verbs.tables import number, table

    numbers = ("Records", "New people", "Events", "Consents", "Removals", "Deleted", "Refused", "Seconds")
    lines = table("Pull", ("Source",), numbers)
    for one in result.sources:
        counts = (one.rows, one.new_people, one.events, one.consents, one.removals, one.deleted)
        lost = sum(one.quarantined.values())
        lines.add_row(_name(one), *map(number, (*counts, lost)), f"{one.seconds:.1f}")
    console.print(lines, markup=False)
    for one in result.sources:
        for reason, count in one.quarantined.items():
            console.print(f"{_name(one)}: {count:,} in quarantine: {reason.replace('_', ' ')}.", markup=False)
        for warning in one.warnings:
            console.print(f"{_name(one)}: {warning}", markup=False)
        if one.problem:
            console.print(f"{_name(one)}: {one.problem} {one.advice}".rstrip(), markup=False, style="bold red")
    render_findings(result.quality, console)


def _name(one: PulledSource) -> str:
    return one.source if one.resource == "records" else f"{one.source}.{one.resource}"


VERBS: list[AnyVerb] = [
    Verb(
        name="pull",
        help="Bring in people, consents and events: what is new since the last time.",
        request=PullRequest,
        result=PullResult,
        run=run,
        render=render,
        remote=True,
        recorded=True,
    )
]
