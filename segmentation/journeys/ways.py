"""Which way people take from one state to the next: how often, how likely, and what each state does for the goal."""

from dataclasses import dataclass

from passerelle.segmentation.compile import ways
from passerelle.segmentation.compile.portable import Expr
from passerelle.segmentation.journeys.few import untold
from passerelle.segmentation.journeys.markov import chances, reaching, removal_effects
from passerelle.segmentation.language.journeys import END, OTHER, START
from passerelle.segmentation.resolve_journeys import Journey
from passerelle.segmentation.running import Evaluation
from passerelle.segmentation.wrong import Place


@dataclass(frozen=True, slots=True)
class State:
    """One state."""

    name: str
    visits: int
    """How often somebody came to it."""
    removal_effect: float | None
    """The share of the chance to reach the goal that is lost without it; None without a goal, and of the goal."""


@dataclass(frozen=True, slots=True)
class Way:
    """One step from state to state. `share`: of all that follows on `source`, after smoothing."""

    source: str
    target: str
    times: int
    people: int
    share: float


@dataclass(frozen=True, slots=True)
class JourneyFigures:
    """Journeys. Shares and effects rest on all steps; those that fewer than `minimum` people took are not told."""

    name: str
    goal: str | None
    journeys: int | None
    """How many; None where too few people went any way of them."""
    states: tuple[State, ...]
    """In the order of model.yaml; of values the most frequent first."""
    ways: tuple[Way, ...]
    """The most frequent first."""
    chance: float | None
    """How likely a journey reaches the goal; None without a goal, and where too few people reached it."""
    untold: int
    """Kinds of steps that fewer people took, or that would tell of them."""


def journey_figures(run: Evaluation, name: str, *, minimum: int, among: Expr | None = None) -> JourneyFigures:
    """The journeys `name` in an open run, once; `among`: only of these people (`subject_id`)."""
    journey = run.resolver.journeys.journey(name, Place(""))
    everybody = run.compiler.people.select("subject_id")
    people = everybody if among is None else everybody.semi_join(among, "subject_id")
    states = [state for state, _ in journey.states] or _frequent(run, journey, people, minimum)
    seen = ways.instants(journey, states, run.session.events, run.compiler.as_of, people)
    short = f"journey{list(run.resolver.catalogue.model.journeys).index(name)}"  # engines cut long names off
    counted = ways.steps(run.session.store(short, seen), goal=journey.goal is not None)
    rows = run.session.fetch(counted).to_pylist()
    names = _names(states, values=bool(journey.events))
    taken = {
        (names[int(row["source"])], names[int(row["target"])]): (int(row["n"]), int(row["people"])) for row in rows
    }
    times = {step: n for step, (n, _) in taken.items()}
    # As often as people come to a state, they leave it: the sum of either side may be known.
    lines = [[step for step in taken if step[side] == name] for side in (0, 1) for name in names.values()]
    hidden = untold(times, [step for step, (_, people) in taken.items() if people < minimum], lines, minimum)
    goal = None if journey.goal is None else names[0]
    order = [names[place] for place in range(len(names) - 2)]
    table = chances(times, order, start=START, end=END, goal=goal, smoothing=journey.smoothing)
    shown = {step: found for step, found in taken.items() if step not in hidden}
    told = [state for state in order if any(state in step for step in shown)]
    reached = goal in told
    effects = removal_effects(table, goal, START) if goal is not None and reached else {}
    found = [Way(source, target, n, people, table[source][target]) for (source, target), (n, people) in shown.items()]
    return JourneyFigures(
        name,
        goal,
        sum(n for (source, _), n in times.items() if source == START) if any(START in step for step in shown) else None,
        tuple(
            State(state, sum(n for (_, target), n in times.items() if target == state), effects.get(state))
            for state in told
        ),
        tuple(sorted(found, key=lambda way: (-way.times, way.source, way.target))),
        reaching(table, goal, START) if goal is not None and reached else None,
        len(hidden),
    )


def _frequent(run: Evaluation, journey: Journey, people: Expr, minimum: int) -> list[str]:
    """The most frequent values that enough people have; a goal that is one of them goes first."""
    found = ways.values(journey, run.session.events, run.compiler.as_of, people)
    rows = run.session.fetch(found.filter(found.people >= minimum)).to_pylist()
    ranked = [str(row["value"]) for row in sorted(rows, key=lambda row: (-int(row["events"]), row["value"]))]
    if journey.goal is None:
        return ranked[: journey.most]
    return [journey.goal, *[value for value in ranked if value != journey.goal][: journey.most - 1]]


def _names(states: list[str], *, values: bool) -> dict[int, str]:
    """What each number is called. A value that has the name of something else is put in quotes."""
    taken = {START, END, OTHER}
    found = {place: f'"{state}"' if state in taken else state for place, state in enumerate(states)}
    if values:
        found[len(states)] = OTHER
    return {**found, ways.START: START, ways.END: END}
