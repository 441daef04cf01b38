"""`funnel show`: how far people come, and how long it takes them."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Part, Request, Result, Verb
from passerelle.workflows.verbs.instants import AS_OF, as_of

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.segmentation.journeys.funnels import Passed


class FunnelRequest(Request):
    """Which funnel, and of whom."""

    name: str = Field(description="The funnel, as model.yaml calls it.", json_schema_extra={"cli": "argument"})
    by: str | None = Field(None, description="A trait or attribute: also one line for each of its values.")
    as_of: str | None = Field(None, description=AS_OF)
    out: Path | None = Field(None, description="A file for the picture (SVG).")


class FunnelStage(Part):
    """One step. Null: fewer than 10 people, but not nobody."""

    step: str
    people: int | None
    of_first: float | None = Field(description="Their share of those who came to the first step.")
    of_before: float | None = Field(description="Their share of those who came to the step before.")
    median_seconds: float | None = Field(description="From the step before; half of them took no longer.")


class FunnelGroup(Part):
    """One group's way."""

    group: str = Field(description="Empty: everybody.")
    stages: list[FunnelStage]


class FunnelResult(Result):
    """How far people come."""

    funnel: str = ""
    as_of: str = Field("", description="UTC.")
    groups: list[FunnelGroup] = Field(default_factory=list, description="Everybody, then groups, the greatest first.")
    small_groups: int = Field(0, description="Groups of which fewer than 10 people came to the first step.")
    picture: str = Field("", description="The file that was written.")


def run(environment: Environment, request: FunnelRequest) -> FunnelResult:
    """Compute it; save nothing but the picture."""
    from passerelle.privacy.audit.times import iso
    from passerelle.workflows.engine import instant
    from passerelle.workflows.journeys.figures import funnel
    from passerelle.workflows.journeys.pictures import funnel_bars
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace, environment.progress.step("Computing the funnel"):
        moment = instant(as_of(workspace, request.as_of, now), now)
        found = funnel(workspace, request.name, as_of=moment, by=request.by)
    if request.out is not None:
        request.out.write_text(funnel_bars(found) + "\n", encoding="utf-8")
    return FunnelResult(
        funnel=found.name,
        as_of=iso(moment),
        groups=[FunnelGroup(group=each.group, stages=_stages(each)) for each in found.groups],
        small_groups=found.small_groups,
        picture=str(request.out or ""),
    )


def _stages(passed: "Passed") -> list[FunnelStage]:
    made: list[FunnelStage] = []
    for number, stage in enumerate(passed.stages):
        before = passed.stages[max(number - 1, 0)].people
        made.append(
            FunnelStage(
                step=stage.step,
                people=stage.people,
                of_first=_share(stage.people, passed.stages[0].people),
                of_before=_share(stage.people, before),
                median_seconds=stage.median,
            )
        )
    return made


def _share(people: int | None, whole: int | None) -> float | None:
    return None if people is None or not whole else people / whole


def render(result: FunnelResult, console: "Console") -> None:
    """A table for everybody, and one line per step of each group."""
    from passerelle.workflows.verbs.tables import number, table

    lines = table(
        f"The funnel {result.funnel}", ("For", "Step"), ("People", "Of first", "Of before", "Median time"), ()
    )
    for group in result.groups:
        for place, stage in enumerate(group.stages):
            lines.add_row(
                "" if place else group.group or "everybody",
                stage.step,
                "few" if stage.people is None else number(stage.people),
                _percent(stage.of_first),
                _percent(stage.of_before) if place else "",
                "" if stage.median_seconds is None else lasting(stage.median_seconds),
            )
    console.print(lines, markup=False)
    if result.small_groups:
        console.print(f"{result.small_groups} groups have fewer than 10 people, and are not told.")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def lasting(seconds: float) -> str:
    """A time as people say it: `2.5 days`, `40 s`."""
    for length, word in ((86_400, "days"), (3_600, "hours"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.1f} {word}"
    return f"{seconds:.0f} s"


VERBS: list[AnyVerb] = [
    Verb(
        name="funnel show",
        help="How many people come how far in a funnel of model.yaml, and how long it takes them; --out draws it.",
        request=FunnelRequest,
        result=FunnelResult,
        run=run,
        render=render,
    ),
]
