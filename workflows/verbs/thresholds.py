"""`segment thresholds`, `segment accept`: how thresholds went, and a jump that a person accepts."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from passerelle.workflows.segments.small import SMALL_GROUP, told
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Part, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.segmentation import Course, ThresholdValue

State = Literal["computed", "kept", "accepted", "other_definition"]


class ThresholdsRequest(Request):
    """Which threshold; all, if none is named."""

    name: str | None = Field(
        None, description="The threshold, as model.yaml calls it.", json_schema_extra={"cli": "argument"}
    )
    out: Path | None = Field(None, description="A file for a picture (SVG) of how the named threshold went.")


class PastValue(Part):
    """The value of one run."""

    as_of: str = Field(description="UTC.")
    value: str = Field(description="As people read it: money in euros and cents.")
    state: State = Field(
        description="`kept` by its guard, `accepted` by a person, or of an `other_definition`, against which nothing "
        "is held."
    )


class ThresholdCourse(Part):
    """One threshold for one group."""

    threshold: str
    group: str = Field(description="Empty: everybody.")
    kind: str
    value: str = Field(description="What is in force now.")
    computed: str = Field(description="What was computed now; another value is in force where `kept`.")
    kept: bool = Field(description="The guard keeps the previous value, since the new one jumped.")
    history: list[PastValue] = Field(description="The last 400 values, the oldest first.")


class ThresholdsResult(Result):
    """How thresholds went."""

    thresholds: list[ThresholdCourse] = Field(default_factory=list)
    small_groups: int = Field(0, description="Groups of fewer than 10 people, of which nothing is told.")
    picture: str = Field("", description="The file that was written.")


def run_thresholds(environment: Environment, request: ThresholdsRequest) -> ThresholdsResult:
    """Compute them, and look up their history; save nothing but the picture."""
    from passerelle.privacy.errors import DefinitionError
    from passerelle.workflows.segments.pictures import threshold_course
    from passerelle.workflows.thresholds import threshold_courses
    from passerelle.workflows.workspace import Workspace

    if request.out is not None and request.name is None:
        raise DefinitionError("A picture shows one threshold.", advice="Name it: `segment thresholds NAME --out FILE`.")
    with (
        Workspace.open(environment.workspace) as workspace,
        environment.progress.step("Computing thresholds"),
    ):
        names = [] if request.name is None else [request.name]
        found = threshold_courses(workspace, names, now=environment.now())
    shown = [course for course in found if told(course.now)]
    if request.out is not None:
        if not shown:
            raise DefinitionError("Too few people: there is nothing to draw.")
        request.out.write_text(threshold_course(request.name or "", shown, environment.now()) + "\n", encoding="utf-8")
    return ThresholdsResult(
        thresholds=[_course(course) for course in shown],
        small_groups=len(found) - len(shown),
        picture=str(request.out or ""),
    )


def _course(course: "Course") -> ThresholdCourse:
    from passerelle.privacy.audit.times import iso
    from passerelle.segmentation.literals import in_words
    from passerelle.workflows.segments.pictures import LAST

    return ThresholdCourse(
        threshold=course.now.name,
        group=course.now.group,
        kind=course.now.kind,
        value=course.now.shown,
        computed=in_words(course.now.computed, course.type),
        kept=course.now.kept,
        history=[
            PastValue(as_of=iso(each.as_of), value=in_words(each.value, course.type), state=_state(course, each))
            for each in course.past[-LAST:]
        ],
    )


def _state(course: "Course", value: "ThresholdValue") -> State:
    if value.definition != course.now.definition:
        return "other_definition"
    return "accepted" if value.accepted else "kept" if value.kept else "computed"


def render_thresholds(result: ThresholdsResult, console: "Console") -> None:
    """A table of what is in force, then how each one went lately."""
    from passerelle.workflows.verbs.tables import table

    lines = table("Thresholds", ("Threshold", "For", "Kind"), ("Now", "Computed", "Runs"))
    for row in result.thresholds:
        lines.add_row(
            row.threshold,
            row.group,
            row.kind.replace("_", " "),
            f"{row.value} (kept)" if row.kept else row.value,
            row.computed,
            str(len(row.history)),
        )
    console.print(lines, markup=False)
    for row in result.thresholds:
        for each in row.history[-5:]:
            state = "" if each.state == "computed" else f" ({each.state.replace('_', ' ')})"
            console.print(f"  {row.threshold} {row.group} {each.as_of}  {each.value}{state}", markup=False)
    if result.small_groups:
        console.print(f"{result.small_groups} groups have fewer than {SMALL_GROUP} people, and are not told.")


class AcceptRequest(Request):
    """Which threshold, and why."""

    name: str = Field(description="The threshold, as model.yaml calls it.", json_schema_extra={"cli": "argument"})
    group: str | None = Field(None, description="Only for this group; without it, wherever its guard keeps a value.")
    reason: str = Field(min_length=1, max_length=400, description="Why the jump is right. It goes into the log.")


class AcceptResult(Result):
    """What was accepted."""

    threshold: str = ""
    groups: int = Field(0, description="How many values: one per group.")


def run_accept(environment: Environment, request: AcceptRequest) -> AcceptResult:
    """Take the new values, and say so in the log."""
    from passerelle.workflows.thresholds import accept_jump
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        taken = accept_jump(
            workspace,
            request.name,
            request.group,
            reason=request.reason.strip(),
            run=environment.run_id,
            now=environment.now(),
        )
    return AcceptResult(threshold=request.name, groups=len(taken), advice="The next plan goes by it.")


def render_accept(result: AcceptResult, console: "Console") -> None:
    """One line."""
    values = "value" if result.groups == 1 else f"{result.groups} values"
    console.print(f"The new {values} of {result.threshold} stands. {result.advice}")


VERBS: list[AnyVerb] = [
    Verb(
        name="segment thresholds",
        help="How thresholds went from run to run, and what they are now. Nothing is saved; --out draws a picture.",
        request=ThresholdsRequest,
        result=ThresholdsResult,
        run=run_thresholds,
        render=render_thresholds,
    ),
    Verb(
        name="segment accept",
        help="Accept a threshold's jump that its guard keeps out. The log says why.",
        request=AcceptRequest,
        result=AcceptResult,
        run=run_accept,
        render=render_accept,
        recorded=True,
    ),
]
