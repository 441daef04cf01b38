"""Moments, funnels, ladders and journeys of model.yaml, checked: what they are made of, and the rules that use them."""

from collections.abc import Sequence as Several
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from passerelle.segmentation.catalogue import NUMBER, Catalogue
from passerelle.segmentation.facts import Moments
from passerelle.segmentation.language import journeys as say
from passerelle.segmentation.language.events import Window
from passerelle.segmentation.rules import (
    AllOf,
    AnyOf,
    Called,
    Not,
    Rule,
    Segment,
    Selection,
    Sequence,
    SequenceStep,
    Sort,
)
from passerelle.segmentation.wrong import Place, model_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from passerelle.segmentation.language.conditions import Condition

MOST_VALUES = 12
LADDER = "ladder "
"""How a ladder is called among segments."""


@dataclass(frozen=True, slots=True)
class Funnel:
    """Steps by name, and the sequence that they are."""

    name: str
    steps: tuple[str, ...]
    sequence: Sequence

    def up_to(self, index: int) -> Sequence:
        """Whoever came to this step. What fits a longer way fits the beginning of it, so steps only lose people."""
        return replace(self.sequence, steps=self.sequence.steps[: index + 1])


@dataclass(frozen=True, slots=True)
class Ladder:
    """Steps from the lowest; the first has no rule of its own: it is for people whom no other fits."""

    name: str
    steps: tuple[str, ...]
    rules: tuple[Rule, ...]
    """Of all steps but the first."""
    highest: bool
    """Whether the highest step that fits is taken, or the lowest."""
    uses: tuple[str, ...]
    """Segments that the rules refer to."""

    @property
    def preferred(self) -> list[tuple[int, Rule]]:
        """Steps with their rules, in the order in which they are tried: the first that fits is taken."""
        numbered = list(enumerate(self.rules, start=1))
        return numbered[::-1] if self.highest else numbered

    @property
    def as_segment(self) -> Segment:
        """Everybody above the lowest step."""
        return Segment(f"{LADDER}{self.name}", AnyOf(self.rules), (), None, (), self.uses)

    def on(self, index: int) -> Rule:
        """Standing on this step."""
        tried: list[Rule] = []
        for number, rule in self.preferred:
            if number == index:
                return AllOf((rule, Not(AnyOf(tuple(tried))))) if tried else rule
            tried.append(rule)
        return Not(AnyOf(tuple(tried)))


@dataclass(frozen=True, slots=True)
class Journey:
    """What journeys are made of. Either `states`, or the values of a column of `events`."""

    name: str
    states: tuple[tuple[str, tuple[Selection, ...]], ...]
    """In the order in which an event is held against them."""
    events: tuple[Selection, ...]
    column: str
    most: int
    gap: int | None
    goal: str | None
    smoothing: int


class JourneyReader:
    """Resolves them. Each method raises `Misdefined` where something means nothing."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._model = catalogue.model

    def moments(self, name: str, within: int | None, until: int | None, place: Place) -> Moments:
        """How often a person had the moment `name`, in a window."""
        if name not in self._model.moments:
            raise place.unknown("moment", name, self._model.moments)
        written, here = self._model.moments[name], model_place() / "moments" / name
        parts: list[tuple[tuple[Selection, ...], int]] = []
        for index, part in enumerate(written.of):
            window = Window.model_construct(within=within, until=until, where=part.where)
            parts.append((self._catalogue.selections(part.event, window, here / "of" / index), part.times))
        if written.visit is None:
            return Moments(tuple(parts), (), written.within or 0, NUMBER)
        window = Window.model_construct(within=within, until=until, where=None)
        names = [*written.visit, *(event for part in written.of for event in part.event)]
        visit = self._catalogue.selections(names, window, here / "visit")
        return Moments(tuple(parts), visit, written.gap or say.HALF_AN_HOUR, NUMBER)

    def funnel(self, name: str, place: Place) -> Funnel:
        """A funnel of model.yaml."""
        if name not in self._model.funnels:
            raise place.unknown("funnel", name, self._model.funnels)
        written, here = self._model.funnels[name], model_place() / "funnels" / name
        steps: list[SequenceStep] = []
        for index, step in enumerate(written.steps):
            within = written.within_last if index == 0 else None
            window = Window.model_construct(within=within, until=None, where=step.where)
            found = self._catalogue.selections(step.event, window, here / "steps" / index)
            steps.append(SequenceStep(found, step.within, index > 0 and written.order == "strict"))
        sequence = Sequence(tuple(steps), None, written.within, self._catalogue.event_tables)
        return Funnel(name, tuple(each.step for each in written.steps), sequence)

    def journey(self, name: str, place: Place) -> Journey:
        """A journey of model.yaml."""
        if name not in self._model.journeys:
            raise place.unknown("journey", name, self._model.journeys)
        written, here = self._model.journeys[name], model_place() / "journeys" / name
        most = written.most or MOST_VALUES
        if written.values is not None:
            event, _, column = written.values.rpartition(".")
            window = Window.model_construct(within=written.within, until=None, where=None)
            events = self._catalogue.selections([event], window, here / "values", column)
            kind = self._catalogue.column_type(events, column, here / "values")
            if kind.sort is not Sort.TEXT:
                raise (here / "values").wrong(f"`{column}` is a {kind.sort}; states are made of texts.")
            return Journey(name, (), events, column, most, written.gap, written.goal, written.smoothing)
        states: list[tuple[str, tuple[Selection, ...]]] = []
        for state, happening in (written.states or {}).items():
            window = Window.model_construct(within=written.within, until=None, where=happening.where)
            states.append((state, self._catalogue.selections(happening.event, window, here / "states" / state)))
        if written.goal is not None and written.goal not in dict(states):
            raise (here / "goal").unknown("state", written.goal, dict(states))
        # The goal goes first: who reaches it at the instant of something else has reached it.
        states.sort(key=lambda state: state[0] != written.goal)
        return Journey(name, tuple(states), (), "", most, written.gap, written.goal, written.smoothing)


def reached(funnel: Funnel, step: str, place: Place, *, stopped: bool) -> Rule:
    """Who came to a step; `stopped`: and not to the next one so far."""
    if step not in funnel.steps:
        raise place.unknown(f"step of `{funnel.name}`", step, funnel.steps)
    index = funnel.steps.index(step)
    words = f"{'stopped at' if stopped else 'reached'} {step} of the funnel {funnel.name}"
    rule: Rule = funnel.up_to(index)
    if stopped and index + 1 < len(funnel.steps):
        rule = AllOf((rule, Not(funnel.up_to(index + 1))))
    return Called(words, rule)


def standing(ladder: Ladder, step: str, word: str, place: Place) -> Rule:
    """Who stands on a step (`is`), or on it or above (`at_least`) or below (`at_most`)."""
    if step not in ladder.steps:
        raise place.unknown(f"step of `{ladder.name}`", step, ladder.steps)
    index = ladder.steps.index(step)
    wanted = {
        "is": range(index, index + 1),
        "at_least": range(index, len(ladder.steps)),
        "at_most": range(index + 1),
    }[word]
    if len(wanted) == len(ladder.steps):
        raise place.wrong(f"Everybody stands on `{step}` of `{ladder.name}`, or {_beyond(word)}.")
    more = "" if word == "is" else f" or {_beyond(word)}"
    found = [ladder.on(each) for each in wanted]
    return Called(
        f"stands on {step}{more} of the ladder {ladder.name}", found[0] if len(found) == 1 else AnyOf(tuple(found))
    )


def _beyond(word: str) -> str:
    return "higher" if word == "at_least" else "lower"


def ladder_of(
    name: str, written: say.LadderDefinition, rule_of: "Callable[[Condition, Place], Rule]", uses: Several[str]
) -> Ladder:
    """A ladder by whoever reads its conditions; `uses` is filled while they are read."""
    here = model_place() / "ladders" / name
    rules = tuple(rule_of(step.where, here / "steps" / i / "where") for i, step in enumerate(written.steps))
    return Ladder(name, written.names, rules, written.choose == "highest", tuple(dict.fromkeys(uses)))
