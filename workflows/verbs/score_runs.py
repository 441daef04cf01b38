"""`score apply · report · history`: how scores do from run to run."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Part, Request, Result, Verb
from passerelle.workflows.verbs.instants import as_of
from passerelle.workflows.verbs.score import FitRequest, ShowRequest, held_back

if TYPE_CHECKING:
    from rich.console import Console


class ReportRequest(Request):
    """Which score, and where the page goes."""

    name: str = Field(description="The score: a file of scores/.", json_schema_extra={"cli": "argument"})
    out: Path = Field(description="File for the page, written anew.")


class ApplyResult(Result):
    """What is expected of everybody now, summed up."""

    score: str = ""
    version: str = ""
    as_of: str = ""
    people: int = 0
    mean: float = Field(0, description="Of the score: a probability, or an amount.")
    drift: float = Field(0, description="The greatest population stability index against the people of the test.")
    drifted: str = Field("", description="What moved most.")


class ReportResult(Result):
    """What was written."""

    score: str = ""
    version: str = ""
    file: str = ""
    bytes: int = 0


class FitLine(Part):
    """One fit."""

    version: str
    as_of: str
    learner: str
    auc: float
    calibration_error: float
    in_use: bool


class RunLine(Part):
    """How the model in use did at one instant."""

    as_of: str
    version: str
    people: int
    mean: float
    drift: float
    drifted: str


class HistoryResult(Result):
    """Fits and runs, the oldest first."""

    score: str = ""
    fits: list[FitLine] = Field(default_factory=list)
    runs: list[RunLine] = Field(default_factory=list)


def run_apply(environment: Environment, request: FitRequest) -> ApplyResult:
    """What is expected of everybody now."""
    from passerelle.privacy.audit.times import iso
    from passerelle.workflows.engine import instant
    from passerelle.workflows.scores.work import apply_score
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace:
        at = as_of(workspace, request.as_of, now)
        found, standing = apply_score(workspace, request.name, as_of=at, now=now, progress=environment.progress)
    return ApplyResult(
        **held_back(found),
        score=request.name,
        version=found.model.version,
        as_of=iso(instant(at, now)),
        people=standing.people,
        mean=standing.mean,
        drift=standing.drift,
        drifted=standing.drifted,
    )


def run_report(environment: Environment, request: ReportRequest) -> ReportResult:
    """Write the page."""
    from passerelle.workflows.engine import instant
    from passerelle.workflows.report.saved import save
    from passerelle.workflows.scores.report import report
    from passerelle.workflows.scores.work import told
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        found = told(workspace, request.name, instant(None, environment.now()))
        size = save(report(found.file, found.model, workspace.score_models().runs(request.name)), request.out)
    return ReportResult(
        **held_back(found),
        score=request.name,
        version=found.model.version,
        file=str(request.out),
        bytes=size,
    )


def run_history(environment: Environment, request: ShowRequest) -> HistoryResult:
    """Fits and runs on file."""
    from passerelle.privacy.audit.times import iso
    from passerelle.workflows.scores.work import file_of
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        file_of(workspace, request.name)
        models = workspace.score_models()
        now, fits, runs = models.get(request.name), models.fits(request.name), models.runs(request.name)
    return HistoryResult(
        score=request.name,
        fits=[
            FitLine(
                version=each.version,
                as_of=iso(each.as_of),
                learner=each.learner,
                auc=each.quality.auc,
                calibration_error=each.quality.calibration_error,
                in_use=now is not None and each.version == now.version,
            )
            for each in fits
        ],
        runs=[
            RunLine(
                as_of=iso(each.as_of),
                version=each.version,
                people=each.people,
                mean=each.mean,
                drift=each.drift,
                drifted=each.drifted,
            )
            for each in runs
        ],
    )


# --- as people read it
def render_apply(result: ApplyResult, console: "Console") -> None:
    """One sentence."""
    moved = f"; most moved {result.drifted} (PSI {result.drift:.3f})" if result.drifted else ""
    console.print(
        f"{result.score} as of {result.as_of}: {result.people:,} people, {result.mean:.4g} on average{moved}.",
        markup=False,
    )


def render_report(result: ReportResult, console: "Console") -> None:
    """Where it is."""
    console.print(f"{result.file}: the score {result.score}, one page, {result.bytes:,} bytes.", markup=False)


def render_history(result: HistoryResult, console: "Console") -> None:
    """Fits, then runs."""
    from passerelle.workflows.verbs.tables import number, table

    fits = table(f"Fits of {result.score}", ("Model", "As of", "Learner"), ("AUC", "Calibration error"))
    for fit in result.fits:
        mark = f"{fit.version[:12]}{' in use' if fit.in_use else ''}"
        fits.add_row(mark, fit.as_of, fit.learner, f"{fit.auc:.3f}", f"{fit.calibration_error:.3f}")
    console.print(fits, markup=False)
    runs = table("Runs", ("As of", "Model"), ("People", "Mean", "PSI"), ("What moved most",))
    for run in result.runs:
        figures = (number(run.people), f"{run.mean:.4g}", f"{run.drift:.3f}")
        runs.add_row(run.as_of, run.version[:12], *figures, run.drifted)
    console.print(runs, markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="score apply",
        help="Sum up what is expected of everybody now, and how far people moved since the fit. Nobody is sent.",
        request=FitRequest,
        result=ApplyResult,
        run=run_apply,
        render=render_apply,
        remote=True,
    ),
    Verb(
        name="score report",
        help="Write one page about a score, with ROC and calibration, that a browser shows without a network.",
        request=ReportRequest,
        result=ReportResult,
        run=run_report,
        render=render_report,
    ),
    Verb(
        name="score history",
        help="Every fit of a score, and how it did from run to run.",
        request=ShowRequest,
        result=HistoryResult,
        run=run_history,
        render=render_history,
        remote=True,
    ),
]
