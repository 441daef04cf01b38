"""`experiment readout`: whether an audience changed what people do."""

from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.segments.small import SMALL_GROUP
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Outcome, Part, Request, Result, Verb
from passerelle.workflows.verbs.instants import instant_of

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.segmentation.measurement.statistics import Difference
    from passerelle.workflows.experiments.readout import Compared, Readout


class ReadoutRequest(Request):
    """Which audience, against whom, measured in what, over how long."""

    audience: str = Field(description="The audience.", json_schema_extra={"cli": "argument"})
    measure: list[str] = Field(
        min_length=1, max_length=20, description="A trait of model.yaml that counts or adds up events. May be repeated."
    )
    days: int = Field(28, ge=1, le=365, description="So many days of each person are looked at, from their first on.")
    against: str | None = Field(
        None, description="Another audience, of another split. By default, who was held out of this one."
    )
    since: str | None = Field(None, description="Only people who were drawn from then on, such as 2026-11-01.")
    confidence: float = Field(0.95, ge=0.5, le=0.999, description="Of the intervals.")
    power: float = Field(0.8, ge=0.5, le=0.999, description="With which a difference should have been seen.")


class ReadGroup(Part):
    """One of the two groups. Null: too few people to be told."""

    group: str = Field(description="sent, held_out, or an audience.")
    drawn: int | None
    measured: int | None = Field(description="Of those drawn, people whose days are over.")


class ReadFigures(Part):
    """What one group did."""

    group: str
    did: int = Field(description="People who did it at all.")
    total: str = Field(description="Of everybody, exactly; money in euros and cents.")
    mean: float = Field(description="For each person of the group, those who did nothing among them.")


class ReadDifference(Part):
    """The first group less the second."""

    difference: float
    low: float = Field(description="The interval's ends.")
    high: float
    p: float = Field(description="How probable a difference as big is, if there were none.")
    lift: float | None = Field(description="The difference by the second group's figure; null where that is zero.")
    detectable: float = Field(description="The smallest difference that such groups show with the power asked for.")
    needed: int | None = Field(description="People it takes in both groups to show a difference like this one.")


class ReadMeasure(Part):
    """One measure in both groups."""

    measure: str
    groups: list[ReadFigures]
    share: ReadDifference = Field(description="Of people who did it at all: Newcombe's interval, the z-test.")
    mean: ReadDifference = Field(description="Of the mean for each person: Welch's interval and test.")
    before: float = Field(description="How far apart the groups were before, in standard deviations.")


class ReadoutResult(Result):
    """Everybody counts in the group into which they were drawn first, whatever became of them."""

    audience: str = ""
    days: int = 0
    since: str = Field("", description="The first day of the comparison, UTC.")
    until: str = Field("", description="What people did until then is known, UTC.")
    groups: list[ReadGroup] = Field(default_factory=list)
    before: int = Field(0, description="People who were sent before anybody was held out; they are in no group.")
    crossed: int = Field(0, description="People who were in both groups, one after the other.")
    even: float | None = Field(
        None, description="How probable the groups' sizes are; null where the settings no longer say how it was drawn."
    )
    measures: list[ReadMeasure] = Field(default_factory=list)
    untold: list[str] = Field(default_factory=list, description="Measures with 1 to 9 people behind a figure.")
    warnings: list[str] = Field(default_factory=list)


def run(environment: Environment, request: ReadoutRequest) -> ReadoutResult:
    """Compute the figures; save nothing."""
    from passerelle.privacy.audit.times import iso
    from passerelle.segmentation.measurement.statistics import Asked
    from passerelle.workflows.experiments.readout import Question, readout
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace, environment.progress.step("Comparing the groups"):
        question = Question(
            request.audience,
            list(dict.fromkeys(request.measure)),
            request.days,
            request.against,
            instant_of(workspace, request.since, now, "--since"),
            Asked(request.confidence, request.power),
        )
        found = readout(workspace, question, now=now, minimum=SMALL_GROUP)
    drawn, counted = found.drawn.sizes(), found.groups.sizes()
    warnings = _warnings(found)
    uneven = _uneven(found)
    return ReadoutResult(
        outcome=Outcome.HELD_BACK if uneven else Outcome.DONE,
        exit_code=3 if uneven else 0,
        advice=uneven,
        audience=request.audience,
        days=request.days,
        since=iso(found.drawn.since),
        until=iso(found.until),
        groups=[
            ReadGroup(group=name, drawn=_shown(drawn[name]), measured=_shown(counted[name]))
            for name in found.drawn.names
        ],
        before=found.drawn.before,
        crossed=found.drawn.crossed,
        even=found.even,
        measures=[_measure(each, found.drawn.names) for each in found.compared],
        untold=list(found.untold),
        warnings=warnings,
    )


def _shown(people: int) -> int | None:
    return people if people >= SMALL_GROUP or people == 0 else None


def _measure(each: "Compared", names: tuple[str, str]) -> ReadMeasure:
    from passerelle.segmentation.literals import in_words

    return ReadMeasure(
        measure=each.found.measure,
        groups=[
            ReadFigures(
                group=name,
                did=outcome.share.did,
                total=in_words(outcome.total, each.found.type),
                mean=outcome.mean.mean,
            )
            for name, outcome in ((name, each.found.after[name]) for name in names)
        ],
        share=_difference(each.share),
        mean=_difference(each.mean),
        before=each.before,
    )


def _difference(found: "Difference") -> ReadDifference:
    return ReadDifference(
        difference=found.difference,
        low=found.low,
        high=found.high,
        p=found.p,
        lift=found.lift,
        detectable=found.detectable,
        needed=found.needed,
    )


def _uneven(found: "Readout") -> str:
    from passerelle.workflows.experiments.readout import UNEVEN

    if found.even is None or found.even >= UNEVEN:
        return ""
    return (
        "The groups' sizes are not what their percentages give: something sorts people after they are drawn, or the "
        "percentages were changed on the way. Find out what before you believe any difference; --since leaves earlier "
        "people out."
    )


def _warnings(found: "Readout") -> list[str]:
    from passerelle.workflows.experiments.readout import UNBALANCED

    told = [
        f"{each.found.measure}: the groups were {abs(each.before):.2f} standard deviations apart before the draw."
        for each in found.compared
        if abs(each.before) > UNBALANCED
    ]
    if found.drawn.crossed:
        told.append(
            f"{found.drawn.crossed:,} people were in both groups, one after the other: they count in the first, "
            "so that a difference looks smaller than it is."
        )
    if len(found.compared) > 1:
        told.append("Several measures are compared: of twenty without any difference, one has a p below 0.05.")
    return told


def render(result: ReadoutResult, console: "Console") -> None:
    """The groups, then a line per measure and figure."""
    from passerelle.workflows.verbs.tables import number, table

    console.print(f"[bold]{result.audience}[/bold]: {result.days} days of each person, drawn since {result.since[:10]}")
    groups = table("Groups", ("Group",), ("Drawn", "Days over"))
    for group in result.groups:
        cells = ("too few" if each is None else number(each) for each in (group.drawn, group.measured))
        groups.add_row(group.group, *cells)
    console.print(groups, markup=False)
    if result.measures:
        names = [group.group for group in result.groups]
        lines = table("What they did", ("Measure",), (*names, "Difference", "from", "to", "p", "Lift", "Would show"))
        for each in result.measures:
            sizes = {group.group: group.measured or 1 for group in result.groups}
            shares = (f"{figures.did / sizes[figures.group]:.2%}" for figures in each.groups)
            lines.add_row(f"{each.measure}: did at all", *shares, *_cells(each.share, "{:.2%}"))
            means = (f"{figures.mean:,.2f}" for figures in each.groups)
            lines.add_row(f"{each.measure}: mean", *means, *_cells(each.mean, "{:,.2f}"))
        console.print(lines, markup=False)
    for name in result.untold:
        console.print(f"{name}: too few people did anything, or their days are not over yet.", markup=False)
    if result.before:
        console.print(f"{result.before:,} people were sent before the comparison began; they are left out.")
    for warning in (*result.warnings, *([result.advice] if result.advice else [])):
        console.print(f"Note: {warning}", style="yellow", markup=False)


def _cells(found: ReadDifference, form: str) -> tuple[str, ...]:
    lift = "" if found.lift is None else f"{found.lift:+.1%}"
    ends = (form.format(each) for each in (found.difference, found.low, found.high))
    return (*ends, f"{found.p:.3f}", lift, form.format(found.detectable))


VERBS: list[AnyVerb] = [
    Verb(
        name="experiment readout",
        help="Compare who was sent with who was held out: what they did, how sure that is, whether the draw was fair.",
        request=ReadoutRequest,
        result=ReadoutResult,
        run=run,
        render=render,
        remote=True,
    ),
]
