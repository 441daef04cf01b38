"""`journey list · show`: what model.yaml says of journeys, and which way people take."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Part, Request, Result, Verb
from passerelle.workflows.verbs.instants import AS_OF, as_of

if TYPE_CHECKING:
    from rich.console import Console

Kind = Literal["moment", "funnel", "ladder", "journey"]
_SHOWN = 30


class ListRequest(Request):
    """Nothing to say."""


class ListedJourney(Part):
    """One definition."""

    name: str
    kind: Kind
    steps: list[str] = Field(description="Of a funnel, a ladder, or a journey with named states.")
    description: str
    flagged: list[str] = Field(description="Words of special categories in it, or in what it is made of.")


class ListResult(Result):
    """Moments, funnels, ladders and journeys of this workspace."""

    journeys: list[ListedJourney] = Field(default_factory=list)


def run_list(environment: Environment, _request: ListRequest) -> ListResult:
    """Read model.yaml."""
    from passerelle.workflows.sensitive import words_in_part
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        model = workspace.model
        named: list[tuple[Kind, str, list[str], str]] = [
            *(("moment", name, [], each.description) for name, each in model.moments.items()),
            *(("funnel", name, [step.step for step in it.steps], it.description) for name, it in model.funnels.items()),
            *(("ladder", name, list(each.names), each.description) for name, each in model.ladders.items()),
            *(("journey", name, list(each.states or ()), each.description) for name, each in model.journeys.items()),
        ]
        found = [
            ListedJourney(
                name=name, kind=kind, steps=steps, description=about, flagged=list(words_in_part(workspace, name))
            )
            for kind, name, steps, about in named
        ]
    return ListResult(journeys=found)


def render_list(result: ListResult, console: "Console") -> None:
    """One line each."""
    from passerelle.workflows.verbs.tables import table

    lines = table("Journeys", ("Name", "Kind"), (), ("Steps", "What it is"))
    for row in result.journeys:
        lines.add_row(row.name, row.kind, ", ".join(row.steps), row.description)
    console.print(lines, markup=False)
    for row in result.journeys:
        if row.flagged:
            told = f"Note: what may be a special category (GDPR art. 9) is in {row.name}: {', '.join(row.flagged)}."
            console.print(told, style="yellow", markup=False)


class ShowRequest(Request):
    """Which journey."""

    name: str = Field(description="The journey, as model.yaml calls it.", json_schema_extra={"cli": "argument"})
    as_of: str | None = Field(None, description=AS_OF)
    out: Path | None = Field(None, description="A file for the graph (SVG).")


class JourneyState(Part):
    """One state."""

    state: str
    visits: int = Field(description="How often somebody came to it.")
    removal_effect: float | None = Field(
        description="The share of the chance to reach the goal that is lost without this state; null without a goal."
    )


class JourneyWay(Part):
    """One step from state to state; `start` and `end` are where journeys begin and end."""

    source: str
    target: str
    times: int
    people: int
    share: float = Field(description="Of all that follows on `source`, after smoothing.")


class ShowResult(Result):
    """A first-order Markov chain of all steps; those that fewer than 10 people took are not told."""

    journey: str = ""
    as_of: str = Field("", description="UTC.")
    goal: str | None = None
    journeys: int | None = Field(None, description="How many; null where fewer than 10 people went any way of them.")
    chance: float | None = Field(None, description="How likely a journey reaches the goal, by the chain.")
    states: list[JourneyState] = Field(default_factory=list)
    ways: list[JourneyWay] = Field(default_factory=list, description="The most frequent first.")
    untold: int = Field(0, description="Kinds of steps that fewer than 10 people took, or that would tell of those.")
    picture: str = Field("", description="The file that was written.")


def run_show(environment: Environment, request: ShowRequest) -> ShowResult:
    """Compute it; save nothing but the picture."""
    from passerelle.privacy.audit.times import iso
    from passerelle.workflows.engine import instant
    from passerelle.workflows.journeys.figures import journey
    from passerelle.workflows.journeys.pictures import journey_graph
    from passerelle.workflows.workspace import Workspace

    now = environment.now()
    with Workspace.open(environment.workspace) as workspace, environment.progress.step("Computing the journey"):
        moment = instant(as_of(workspace, request.as_of, now), now)
        found = journey(workspace, request.name, as_of=moment)
    if request.out is not None:
        request.out.write_text(journey_graph(found) + "\n", encoding="utf-8")
    return ShowResult(
        journey=found.name,
        as_of=iso(moment),
        goal=found.goal,
        journeys=found.journeys,
        chance=found.chance,
        states=[
            JourneyState(state=each.name, visits=each.visits, removal_effect=each.removal_effect)
            for each in found.states
        ],
        ways=[
            JourneyWay(source=way.source, target=way.target, times=way.times, people=way.people, share=way.share)
            for way in found.ways
        ],
        untold=found.untold,
        picture=str(request.out or ""),
    )


def render_show(result: ShowResult, console: "Console") -> None:
    """The states, then the most frequent ways."""
    from passerelle.workflows.verbs.tables import number, table

    states = table(f"The journey {result.journey}", ("State",), ("Visits", *(["Without it"] if result.goal else [])))
    for state in result.states:
        lost = "" if state.removal_effect is None else f"-{100 * state.removal_effect:.0f} %"
        states.add_row(state.state, number(state.visits), *([lost] if result.goal else []))
    console.print(states, markup=False)
    ways = table("Ways", ("From", "To"), ("Times", "People", "Share"))
    for way in result.ways[:_SHOWN]:
        ways.add_row(way.source, way.target, number(way.times), number(way.people), f"{100 * way.share:.1f} %")
    console.print(ways, markup=False)
    if result.chance is not None:
        count = "" if result.journeys is None else f"{number(result.journeys)} journeys; "
        text = f"{count}{100 * result.chance:.1f} % reach {result.goal}, by the chain."
        console.print(text, markup=False)
    if result.untold:
        console.print(f"Kinds of steps that are not told, for fewer than 10 people: {result.untold}.")


VERBS: list[AnyVerb] = [
    Verb(
        name="journey list",
        help="The moments, funnels, ladders and journeys of model.yaml.",
        request=ListRequest,
        result=ListResult,
        run=run_list,
        render=render_list,
    ),
    Verb(
        name="journey show",
        help="Which way people take from state to state, and what each state does for the goal; --out draws the graph.",
        request=ShowRequest,
        result=ShowResult,
        run=run_show,
        render=render_show,
    ),
]
