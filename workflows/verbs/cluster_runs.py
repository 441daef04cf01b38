"""`cluster apply · report · history`: how found groups do from run to run."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.cluster import FitRequest, ShowRequest, held_back
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Part, Request, Result, Verb
from passerelle.workflows.verbs.instants import as_of

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.workflows.clusters.work import Told


class ReportRequest(Request):
    """Which cluster, and where the page goes."""

    name: str = Field(description="The cluster: a file of clusters/.", json_schema_extra={"cli": "argument"})
    out: Path = Field(description="File for the page, written anew.")


class GroupNow(Part):
    """One group as it is now."""

    label: int
    name: str
    size: int | None = Field(description="People; null where they are too few to be shown.")


class ApplyResult(Result):
    """Everybody's group, counted."""

    cluster: str = ""
    version: str = ""
    as_of: str = ""
    groups: list[GroupNow] = Field(default_factory=list)
    none: int = Field(0, description="People of the population who belong to no group.")
    left_out: int = Field(0, description="For a missing value.")
    silhouette: float = 0
    calinski_harabasz: float = 0


class ReportResult(Result):
    """What was written."""

    cluster: str = ""
    version: str = ""
    file: str = ""
    bytes: int = 0


class FitLine(Part):
    """One fit."""

    version: str
    as_of: str
    method: str
    groups: int
    stability: float
    silhouette: float
    in_use: bool


class RunLine(Part):
    """How the model in use did at one instant."""

    as_of: str
    version: str
    sizes: dict[str, int | None] = Field(description="By group; null where there are too few to be shown.")
    none: int
    left_out: int
    silhouette: float
    calinski_harabasz: float


class HistoryResult(Result):
    """Fits and runs, the oldest first."""

    cluster: str = ""
    fits: list[FitLine] = Field(default_factory=list)
    runs: list[RunLine] = Field(default_factory=list)


def run_apply(environment: Environment, request: FitRequest) -> ApplyResult:
    """Everybody's group, counted."""
    from passerelle.privacy.audit.times import iso
    from passerelle.workflows.clusters.work import apply_cluster
    from passerelle.workflows.engine import instant
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace:
        at = as_of(workspace, request.as_of, now)
        found, standing = apply_cluster(workspace, request.name, as_of=at, now=now, progress=environment.progress)
    groups = [
        GroupNow(label=each.label, name=found.file.name_of(each.label), size=_shown(standing.sizes[each.label], found))
        for each in found.model.groups
    ]
    return ApplyResult(
        **held_back(found),
        cluster=request.name,
        version=found.model.version,
        as_of=iso(instant(at, now)),
        groups=groups,
        none=standing.none,
        left_out=standing.left_out,
        silhouette=standing.silhouette,
        calinski_harabasz=standing.calinski_harabasz,
    )


def run_report(environment: Environment, request: ReportRequest) -> ReportResult:
    """Write the page."""
    from passerelle.workflows.clusters.report import report
    from passerelle.workflows.clusters.work import told
    from passerelle.workflows.engine import instant
    from passerelle.workflows.report.saved import save
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        found = told(workspace, request.name, instant(None, environment.now()))
        size = save(report(found.file, found.model, workspace.models().runs(request.name)), request.out)
    return ReportResult(
        **held_back(found),
        cluster=request.name,
        version=found.model.version,
        file=str(request.out),
        bytes=size,
    )


def run_history(environment: Environment, request: ShowRequest) -> HistoryResult:
    """Fits and runs on file."""
    from passerelle.privacy.audit.times import iso
    from passerelle.workflows.clusters.work import file_of
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        file, models = file_of(workspace, request.name), workspace.models()
        now = models.get(request.name)
        fits, runs = models.fits(request.name), models.runs(request.name)
    least = file.minimum_group
    return HistoryResult(
        cluster=request.name,
        fits=[
            FitLine(
                version=each.version,
                as_of=iso(each.as_of),
                method=each.method,
                groups=len(each.groups),
                stability=each.stability,
                silhouette=each.silhouette,
                in_use=now is not None and each.version == now.version,
            )
            for each in fits
        ],
        runs=[
            RunLine(
                as_of=iso(each.as_of),
                version=each.version,
                sizes={file.name_of(label): size if size >= least else None for label, size in each.sizes.items()},
                none=each.none,
                left_out=each.left_out,
                silhouette=each.silhouette,
                calinski_harabasz=each.calinski_harabasz,
            )
            for each in runs
        ],
    )


def _shown(size: int, found: "Told") -> int | None:
    return size if size >= found.file.minimum_group else None


# --- as people read it
def render_apply(result: ApplyResult, console: "Console") -> None:
    """A line per group."""
    from passerelle.workflows.verbs.tables import number, table

    lines = table(f"{result.cluster} as of {result.as_of}", ("Group",), ("People",))
    for each in result.groups:
        lines.add_row(each.name, "too few" if each.size is None else number(each.size))
    lines.add_row("none", number(result.none))
    lines.add_row("left out: a value is missing", number(result.left_out))
    console.print(lines, markup=False)
    console.print(f"Silhouette {result.silhouette:.2f}, by model {result.version[:12]}.", markup=False)


def render_report(result: ReportResult, console: "Console") -> None:
    """Where it is."""
    console.print(f"{result.file}: the groups of {result.cluster}, one page, {result.bytes:,} bytes.", markup=False)


def render_history(result: HistoryResult, console: "Console") -> None:
    """Fits, then runs."""
    from passerelle.workflows.verbs.tables import table

    fits = table(f"Fits of {result.cluster}", ("Model", "As of"), ("Groups", "Stability", "Silhouette"))
    for fit in result.fits:
        mark = f"{fit.version[:12]}{' in use' if fit.in_use else ''}"
        fits.add_row(mark, fit.as_of, str(fit.groups), f"{fit.stability:.2f}", f"{fit.silhouette:.2f}")
    console.print(fits, markup=False)
    runs = table("Runs", ("As of", "Model"), ("Silhouette", "Calinski-Harabasz"), ("Groups",))
    for run in result.runs:
        sizes = ", ".join(f"{name}: {'too few' if size is None else size}" for name, size in run.sizes.items())
        figures = (f"{run.silhouette:.2f}", f"{run.calinski_harabasz:,.0f}")
        runs.add_row(run.as_of, run.version[:12], *figures, sizes)
    console.print(runs, markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="cluster apply",
        help="Count how many people belong to each group now, and how well the groups still hold. Nobody is sent.",
        request=FitRequest,
        result=ApplyResult,
        run=run_apply,
        render=render_apply,
        remote=True,
    ),
    Verb(
        name="cluster report",
        help="Write one page about the groups, with pictures, that a browser shows without a network.",
        request=ReportRequest,
        result=ReportResult,
        run=run_report,
        render=render_report,
    ),
    Verb(
        name="cluster history",
        help="Every fit of a cluster, and how its groups did from run to run.",
        request=ShowRequest,
        result=HistoryResult,
        run=run_history,
        render=render_history,
        remote=True,
    ),
]
