"""`segment`: which segments there are, how big one is and why, and why one person is in it or not."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from passerelle.privacy.vocabulary import Field as IdentifierField
from passerelle.workflows.segments.small import SMALL_GROUP, told
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Part, Request, Result, Verb
from passerelle.workflows.verbs.instants import AS_OF, as_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

    from passerelle.segmentation import InForce
    from passerelle.segmentation.reasons import Reason as SegmentReason
    from passerelle.workflows.workspace import Workspace


# --- list
class ListRequest(Request):
    """Nothing to ask."""


class ListedSegment(Part):
    """One segment of the workspace."""

    segment: str
    description: str
    audiences: list[str] = Field(description="Audiences that send it.")


class ListResult(Result):
    """The workspace's segments."""

    segments: list[ListedSegment] = Field(default_factory=list)


def run_list(environment: Environment, _request: ListRequest) -> ListResult:
    """Read the segments' files."""
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        listed = [
            ListedSegment(
                segment=name,
                description=file.description,
                audiences=[n for n, audience in sorted(workspace.audiences.items()) if audience.segment == name],
            )
            for name, file in sorted(workspace.segments.items())
        ]
    return ListResult(segments=listed)


def render_list(result: ListResult, console: "Console") -> None:
    """A table."""
    from passerelle.workflows.verbs.tables import table

    lines = table("Segments", ("Segment",), remarks=("Who", "Audiences"))
    for row in result.segments:
        lines.add_row(row.segment, row.description, ", ".join(row.audiences))
    console.print(lines, markup=False)


# --- preview
class PreviewRequest(Request):
    """Which segment, from when, broken down by what."""

    name: str = Field(description="The segment.", json_schema_extra={"cli": "argument"})
    as_of: str | None = Field(None, description=AS_OF)
    by: str | None = Field(None, description="A trait or attribute to break the members down by, such as loyalty.")


class PreviewedCondition(Part):
    """One of the segment's topmost conditions."""

    condition: str
    exclude: bool = Field(description="It takes people out.")
    alone: int = Field(description="People who fulfil it, whatever else.")
    left: int = Field(description="People left after it and all conditions before it.")


class PreviewedThreshold(Part):
    """A threshold's value in this run."""

    threshold: str
    group: str = Field(description="Empty: everybody.")
    kind: str
    value: str = Field(description="As people read it: money in euros and cents.")
    previous: str = Field(description="In the run before; empty where there was none.")
    kept: bool = Field(description="The guard kept the previous value, since the new one jumped.")


class PreviewedPart(Part):
    """Members with one value."""

    value: str
    members: int
    population: int


class PreviewedModel(Part):
    """A fitted model that the segment rests on."""

    kind: Literal["cluster", "score"]
    name: str
    version: str
    as_of: str = Field(description="Of its fit, UTC.")
    quality: float = Field(description="Of a cluster its stability, of a score its AUC.")


class PreviewResult(Result):
    """A segment at one instant."""

    segment: str = ""
    as_of: str = Field("", description="UTC.")
    version: str = Field("", description="Digest of the definition with everything that it refers to.")
    size: int = 0
    population: int = 0
    excluded: int = 0
    held_out: int = 0
    splits: dict[str, int] = Field(default_factory=dict)
    conditions: list[PreviewedCondition] = Field(default_factory=list)
    thresholds: list[PreviewedThreshold] = Field(default_factory=list)
    models: list[PreviewedModel] = Field(default_factory=list)
    by: str = ""
    breakdown: list[PreviewedPart] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)


def run_preview(environment: Environment, request: PreviewRequest) -> PreviewResult:
    """Compute the segment; save nothing."""
    from passerelle.privacy.audit.times import iso
    from passerelle.workflows.engine import preview_segment
    from passerelle.workflows.sensitive import warnings_of
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with (
        Workspace.open(environment.workspace) as workspace,
        environment.progress.step(f"Computing {request.name}"),
    ):
        found = preview_segment(
            workspace,
            request.name,
            as_of=as_of(workspace, request.as_of, now),
            now=now,
            by=request.by,
            minimum=SMALL_GROUP,
        )
        flagged = warnings_of(workspace, f"segments/{request.name}.yaml")
    return PreviewResult(
        segment=found.name,
        as_of=iso(found.as_of),
        version=found.version,
        size=found.size,
        population=found.population,
        excluded=found.excluded,
        held_out=found.held_out,
        splits=dict(found.splits),
        conditions=[
            PreviewedCondition(condition=each.words, exclude=each.exclude, alone=each.alone, left=each.left)
            for each in found.conditions
        ],
        thresholds=[_threshold(each) for each in found.thresholds if not each.group or told(each)],
        models=[
            PreviewedModel(kind=m.kind, name=m.name, version=m.version, as_of=iso(m.as_of), quality=m.quality)
            for m in found.models
        ],
        by=request.by or "",
        breakdown=[
            PreviewedPart(value=each.value, members=each.members, population=each.population)
            for each in found.breakdown
        ],
        warnings=[*found.warnings, *flagged],
    )


def render_preview(result: PreviewResult, console: "Console") -> None:
    """Size and share, then how the conditions narrow it down, thresholds, breakdown."""
    from passerelle.workflows.verbs.tables import number, table

    share = result.size / result.population if result.population else 0.0
    console.print(f"[bold]{result.segment}[/bold]: {result.size:,} of {result.population:,} people ({share:.1%})")
    console.print(f"as of {result.as_of}, version {result.version[:12]}", style="dim")
    funnel = table("How the conditions narrow it down", (), ("Alone", "Left"), ("Condition",))
    for row in result.conditions:
        words = f"but not: {row.condition}" if row.exclude else row.condition
        funnel.add_row(number(row.alone), number(row.left), words)
    console.print(funnel, markup=False)
    if result.held_out:
        console.print(f"{result.held_out:,} of those left are held out.")
    if result.thresholds:
        _render_thresholds(result, console)
    if result.breakdown:
        parts = table(f"By {result.by}", (result.by,), ("Members", "Of"))
        for part in result.breakdown:
            parts.add_row(
                "all others" if part.value == "…" else part.value, number(part.members), number(part.population)
            )
        console.print(parts, markup=False)
    for warning in result.warnings:
        console.print(f"Note: {warning}", style="yellow", markup=False)


def _render_thresholds(result: PreviewResult, console: "Console") -> None:
    """The values in force, with those of the run before and the groups they are for, where there are any."""
    from passerelle.workflows.verbs.tables import table

    grouped = any(each.group for each in result.thresholds)
    moved = any(each.previous for each in result.thresholds)
    words, numbers = ("Threshold", "For")[: 1 + grouped], ("Now", "Before")[: 1 + moved]
    lines = table("Thresholds", words, numbers)
    for each in result.thresholds:
        now = f"{each.value} (kept)" if each.kept else each.value
        lines.add_row(*(each.threshold, each.group)[: 1 + grouped], *(now, each.previous)[: 1 + moved])
    console.print(lines, markup=False)


# --- explain
class ExplainRequest(Request):
    """Which segment, and who: by reference, or by an identifier read from standard input or a file."""

    name: str = Field(description="The segment.", json_schema_extra={"cli": "argument"})
    subject_ref: str | None = Field(None, description="The person's reference, as reports and the log show it.")
    field: IdentifierField = Field(IdentifierField.EMAIL, description="What the identifier is.")
    file: Path | None = Field(None, description="File that holds the identifier; without it, standard input.")
    country: str | None = Field(None, description="Country of a phone number without one; by default the workspace's.")
    as_of: str | None = Field(None, description=AS_OF)


class ExplainedReason(Part):
    """One condition and whether it holds for the person."""

    condition: str
    holds: bool
    value: str = Field(description="The person's value; empty where the condition is not about one.")
    asked: str = Field(description="What it is compared with, where that changes from run to run or by person.")
    parts: list["ExplainedReason"] = Field(default_factory=list)


class ExplainResult(Result):
    """Why one person is in or out."""

    segment: str = ""
    subject_ref: str = ""
    as_of: str = Field("", description="UTC.")
    version: str = ""
    known: bool = Field(False, description="Whether the person is in the data at all.")
    member: bool = False
    held_out: bool = False
    verdict: str = ""
    where: ExplainedReason | None = None
    exclude: list[ExplainedReason] = Field(default_factory=list)


def run_explain(environment: Environment, request: ExplainRequest) -> ExplainResult:
    """Find the person, and ask every condition."""
    from passerelle.privacy.audit.times import iso
    from passerelle.workflows.engine import explain_segment
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace:
        subject_id, ref = _person(workspace, environment, request)
        found = explain_segment(
            workspace, request.name, subject_id, as_of=as_of(workspace, request.as_of, now), now=now
        )
    return ExplainResult(
        segment=found.segment,
        subject_ref=ref,
        as_of=iso(found.as_of),
        version=found.version,
        known=found.known,
        member=found.member,
        held_out=found.held_out,
        verdict=found.verdict,
        where=None if found.where is None else _reason(found.where),
        exclude=[_reason(each) for each in found.exclude],
    )


def render_explain(result: ExplainResult, console: "Console") -> None:
    """The verdict, then every condition as a tree."""
    from rich.text import Text
    from rich.tree import Tree

    console.print(Text(result.verdict, style="bold"))
    console.print(f"{result.subject_ref}, {result.segment} as of {result.as_of}", style="dim")
    if result.where is not None:
        tree = Tree("where")
        _branch(tree, result.where)
        console.print(tree)
    if result.exclude:
        tree = Tree("but not")
        for each in result.exclude:
            _branch(tree, each)
        console.print(tree)


def _branch(tree: "Tree", reason: ExplainedReason) -> None:
    from rich.text import Text

    mark = "yes" if reason.holds else "no "
    value = (
        f"  (here {reason.value}" + (f", asked {reason.asked}" if reason.asked else "") + ")" if reason.value else ""
    )
    branch = tree.add(Text(f"{mark}  {reason.condition}{value}", style="green" if reason.holds else "red"))
    for part in reason.parts:
        _branch(branch, part)


def _reason(reason: "SegmentReason") -> ExplainedReason:
    return ExplainedReason(
        condition=reason.words,
        holds=reason.holds,
        value=reason.value,
        asked=reason.asked,
        parts=[_reason(part) for part in reason.parts],
    )


def _person(workspace: "Workspace", environment: Environment, request: ExplainRequest) -> tuple[int, str]:
    """The person's id and reference."""
    import pyarrow as pa

    from passerelle.privacy.errors import DefinitionError

    subjects = workspace.subjects()
    with workspace.store().read() as connection:
        if request.subject_ref is not None:
            found = subjects.by_ref(connection, request.subject_ref)
        else:
            value = _identifier(environment, request)
            country = request.country or workspace.settings.default_country
            found = subjects.find(connection, request.field, value, country)
        if found is None:
            raise DefinitionError(
                "Nobody is known by this.", advice="Check --field and --country, or pull the sources first."
            )
        return int(found), str(subjects.refs(connection, pa.array([found], pa.int64()))[0].as_py())


def _identifier(environment: Environment, request: ExplainRequest) -> str:
    from passerelle.privacy.errors import DefinitionError

    try:
        content = request.file.read_bytes() if request.file is not None else environment.stdin.read(10_000)
        value = content.decode("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise DefinitionError("The identifier cannot be read as UTF-8 text.") from None
    if not value or "\n" in value:
        raise DefinitionError(
            "One identifier is needed, on one line.",
            advice="Pass it on standard input or with --file, never as an argument: other users could see it.",
        )
    return value


def _threshold(each: "InForce") -> PreviewedThreshold:
    return PreviewedThreshold(
        threshold=each.name,
        group=each.group,
        kind=each.kind,
        value=each.shown,
        previous=each.previous_shown,
        kept=each.kept,
    )


VERBS: list[AnyVerb] = [
    Verb(
        name="segment list",
        help="The segments of this workspace.",
        request=ListRequest,
        result=ListResult,
        run=run_list,
        render=render_list,
        remote=True,
    ),
    Verb(
        name="segment preview",
        help="How many people a segment has, how its conditions narrow it down, and its thresholds. Nothing is saved.",
        request=PreviewRequest,
        result=PreviewResult,
        run=run_preview,
        render=render_preview,
        remote=True,
    ),
    Verb(
        name="segment explain",
        help="Why one person is in a segment or not. The identifier comes on standard input or from a file.",
        request=ExplainRequest,
        result=ExplainResult,
        run=run_explain,
        render=render_explain,
    ),
]
