"""`segment report`: one page about a segment, with pictures."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb
from passerelle.workflows.verbs.instants import AS_OF, as_of

if TYPE_CHECKING:
    from rich.console import Console


class ReportRequest(Request):
    """Which segment, from when, and where the page goes."""

    name: str = Field(description="The segment.", json_schema_extra={"cli": "argument"})
    out: Path | None = Field(None, description="File for the page, written anew; by default NAME.html in this folder.")
    as_of: str | None = Field(None, description=AS_OF)


class ReportResult(Result):
    """What was written."""

    segment: str = ""
    as_of: str = Field("", description="UTC.")
    version: str = Field("", description="Digest of the definition with everything that it refers to.")
    sections: list[str] = Field(default_factory=list, description="Titles of what is in it.")
    file: str = ""
    bytes: int = 0


def run(environment: Environment, request: ReportRequest) -> ReportResult:
    """Compute the segment once, and write the page; nothing else is saved."""
    from passerelle.privacy.audit.times import iso
    from passerelle.workflows.report.saved import save
    from passerelle.workflows.segments.report import applicable, report
    from passerelle.workflows.segments.section import asking
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace, environment.progress.step(f"Looking at {request.name}"):
        at = as_of(workspace, request.as_of, now)
        with asking(workspace, request.name, as_of=at, now=now) as asked:
            sections = applicable(asked)
            page = report(asked, sections)
            moment, version = asked.run.as_of, asked.membership.version
    out = request.out or Path(f"{request.name}.html")
    size = save(page, out)
    return ReportResult(
        segment=request.name,
        as_of=iso(moment),
        version=version,
        sections=[each.title for each in sections],
        file=str(out),
        bytes=size,
    )


def render(result: ReportResult, console: "Console") -> None:
    """Where it is."""
    console.print(f"{result.file}: the segment {result.segment}, one page, {result.bytes:,} bytes.", markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="segment report",
        help="Write one page about a segment, with pictures, that a browser shows without a network.",
        request=ReportRequest,
        result=ReportResult,
        run=run,
        render=render,
    ),
]
