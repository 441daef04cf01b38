"""Journeys in model.yaml: moments, funnels, ladders, and the ways people take from one state to another."""

from typing import Annotated, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from passerelle.segmentation.language.comparisons import Comparison
from passerelle.segmentation.language.conditions import Condition
from passerelle.segmentation.language.events import EventColumn, Events
from passerelle.segmentation.language.words import Closed, Length, Name, complaint

START, END, OTHER = "start", "end", "other"
"""What no state may be called: where journeys begin and end, and what has no name."""
HALF_AN_HOUR = 1_800


class Happening(Closed):
    """One kind of event."""

    event: Events = Field(description="One of these events.")
    where: dict[str, Comparison] | None = Field(
        None, min_length=1, description="Only events whose columns compare so: `{page: {starts_with: /robes}}`."
    )


class MomentPart(Happening):
    """What a moment is made of."""

    times: int = Field(1, ge=1, le=1_000, description="At least so many of them.")


class MomentDefinition(Closed):
    """Several events within a short time, in any order."""

    description: str = Field("", max_length=400, description="What it means, for readers.")
    of: list[MomentPart] = Field(min_length=1, max_length=10, description="All of these happen, in any order.")
    within: Length | None = Field(None, description="From the first to the last of them at most this long.")
    visit: Events | None = Field(
        None, description="In one visit: a visit is made of these events, and of those in `of`."
    )
    gap: Length | None = Field(None, description="Of visits: a longer pause begins a new one; by default `30min`.")

    @model_validator(mode="after")
    def _short(self) -> "MomentDefinition":
        if (self.within is None) == (self.visit is None):
            raise PydanticCustomError("moment", "must have either `within` or `visit`: how short is the moment?")
        if self.gap is not None and self.visit is None:
            raise PydanticCustomError("moment", "has a `gap` without a `visit`")
        if sum(part.times for part in self.of) == 1:
            raise PydanticCustomError("moment", "is a single event: choose by `did` instead")
        return self


class FunnelStep(Happening):
    """One step on the way."""

    step: Name = Field(description="What the step is called.")
    within: Length | None = Field(None, description="At most this long after the step before.")


class FunnelDefinition(Closed):
    """Steps one after the other, and how far people come."""

    description: str = Field("", max_length=400, description="What it means, for readers.")
    steps: list[FunnelStep] = Field(min_length=2, max_length=10, description="What happens, in the order of time.")
    within: Length | None = Field(None, description="From the first step to each other one at most this long.")
    within_last: Length | None = Field(None, description="The first step happened at most this long ago.")
    order: Literal["loose", "strict"] = Field(
        "loose", description="`loose`: other events may lie between; `strict`: each step is the very next event."
    )

    @model_validator(mode="after")
    def _possible(self) -> "FunnelDefinition":
        _different("funnel", "step", [each.step for each in self.steps])
        if self.steps[0].within is not None:
            raise PydanticCustomError("funnel", "has nothing before its first step: use `within_last` of the funnel")
        return self


class LadderStep(Closed):
    """One step of a ladder."""

    step: Name = Field(description="What the step is called.")
    where: Condition = Field(description="Who may stand on it.")


class LadderDefinition(Closed):
    """Steps of which each person stands on exactly one."""

    description: str = Field("", max_length=400, description="What it means, for readers.")
    steps: list[LadderStep] = Field(min_length=1, max_length=20, description="From the lowest to the highest.")
    choose: Literal["highest", "lowest"] = Field(
        "highest", description="Where several steps fit: the highest of them, or the lowest."
    )
    otherwise: Name = Field("none", description="The step below all others, for people whom none fits.")

    @model_validator(mode="after")
    def _possible(self) -> "LadderDefinition":
        _different("ladder", "step", [self.otherwise, *(each.step for each in self.steps)])
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """All steps, from the lowest."""
        return (self.otherwise, *(each.step for each in self.steps))


class JourneyDefinition(Closed):
    """Which way people take from one state to the next."""

    description: str = Field("", max_length=400, description="What it means, for readers.")
    states: dict[Name, Happening] | None = Field(
        None, min_length=1, max_length=30, description="States by name; an event belongs to the first that it fits."
    )
    values: EventColumn | None = Field(
        None, description="Instead: the values of a column are the states, such as `view.page`."
    )
    most: Annotated[int, Field(ge=1, le=30)] | None = Field(
        None, description="Of `values`: so many, the most frequent (by default 12); all others are `other`."
    )
    gap: Length | None = Field(
        None, description="A longer pause ends a journey; without it, all that a person did is one journey."
    )
    within: Length | None = Field(None, description="Only what happened at most this long ago.")
    goal: str | None = Field(None, description="The state that a journey should reach: it ends there.")
    smoothing: int = Field(0, ge=0, le=1_000, description="Added to how often each step was seen, before shares.")

    @model_validator(mode="after")
    def _possible(self) -> "JourneyDefinition":
        if (self.states is None) == (self.values is None):
            raise PydanticCustomError("journey", "must have either `states` or `values`")
        if self.most is not None and self.values is None:
            raise PydanticCustomError("journey", "has `most` without `values`")
        taken = sorted({START, END, OTHER} & set(self.states or {}))
        if taken:
            raise complaint("journey", f"has a state called `{taken[0]}`, which has a meaning of its own")
        return self


def _different(what: str, each: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise complaint("names", f"has two {each}s called `{twice[0]}`: each {each} of a {what} needs its own name")
