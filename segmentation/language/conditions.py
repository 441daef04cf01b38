"""Conditions: which people a segment takes."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from passerelle.segmentation.language.comparisons import Comparison, Count
from passerelle.segmentation.language.events import Events, Window
from passerelle.segmentation.language.traits import Unit
from passerelle.segmentation.language.words import (
    Alternatives,
    Closed,
    Length,
    Name,
    Number,
    complaint,
    in_words,
    suggestion,
)
from passerelle.segmentation.rfm import NAMES as RFM_NAMES


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[
    list[Name],
    BeforeValidator(_listed),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]


class TraitCondition(Comparison):
    """A trait of model.yaml, or `rfm.r`, `rfm.f`, `rfm.m`, compared."""

    tag: ClassVar[str] = "<trait>"
    trait: str = Field(description="A trait of model.yaml, or rfm.r, rfm.f, rfm.m (1 to 5).")


class AttributeCondition(Comparison):
    """A column of a person table, compared."""

    tag: ClassVar[str] = "<attribute>"
    attribute: str = Field(description="A column of a person table: `loyalty` or `customers.loyalty`.")


class Regularly(Closed):
    """In how many of the last periods at least one event fell."""

    periods: int = Field(ge=1, description="In so many …")
    of: int = Field(ge=1, le=366, description="… of the last so many …")
    unit: Unit = Field("week", description="… weeks (or days, hours).")

    @model_validator(mode="after")
    def _possible(self) -> "Regularly":
        if self.periods > self.of:
            raise PydanticCustomError("window", "can never hold: `periods` must be at most `of`")
        return self


class DidCondition(Window):
    """Did something, once or as often as `count` says."""

    tag: ClassVar[str] = "<did>"
    did: Events = Field(description="One of these events happened.")
    count: Count | None = Field(None, description="How often; at least once when left out.")
    first_time: bool = Field(False, description="true: for the first time ever within the window.")
    regularly: Regularly | None = Field(None, description="In at least so many of the last weeks.")

    @model_validator(mode="after")
    def _consistent(self) -> "DidCondition":
        chosen = [self.count is not None, self.first_time, self.regularly is not None]
        if sum(chosen) > 1:
            raise PydanticCustomError("did", "can have only one of `count`, `first_time` and `regularly`")
        if self.first_time and self.within is None:
            raise PydanticCustomError("did", "needs `within` beside `first_time`: first time since when?")
        if self.regularly and (self.within or self.until):
            raise PydanticCustomError("did", "takes its window from `regularly`: leave out `within` and `until`")
        return self


class DidNotCondition(Window):
    """Did not do it, within the window or ever."""

    tag: ClassVar[str] = "<did_not>"
    did_not: Events = Field(description="None of these events happened.")


class StoppedCondition(Closed):
    """Was active, and has been silent since."""

    tag: ClassVar[str] = "<stopped>"
    stopped: Events = Field(description="These events happened, and then no more.")
    active: Length = Field(description="Happened in this long before the silence.")
    silent: Length = Field(description="Not once in this long until now.")


class RestartedCondition(Closed):
    """Was silent for a while, and is active again; new people do not count."""

    tag: ClassVar[str] = "<restarted>"
    restarted: Events = Field(description="These events happened, stopped, and happened again.")
    active: Length = Field(description="Happened again in this long until now.")
    silent: Length = Field(description="Not once in this long before that.")


class Step(Closed):
    """One step of a sequence: an event that happens, or, as the last one, one that stays away."""

    event: Events | None = Field(None, description="This happens, after the step before.")
    absent: Events | None = Field(None, description="This stays away `within` the step before. Last step only.")
    within: Length | None = Field(None, description="At most this long after the step before.")
    immediately: bool = Field(False, description="true: it is the very next event of the person.")
    where: dict[str, Comparison] | None = Field(None, min_length=1, description="Only such events.")

    @model_validator(mode="after")
    def _one_kind(self) -> "Step":
        if (self.event is None) == (self.absent is None):
            raise PydanticCustomError("step", "must have either `event` or `absent`")
        if self.absent is not None and self.within is None:
            raise PydanticCustomError("step", "needs `within`: how long to wait before it counts as absent?")
        if self.absent is not None and self.immediately:
            raise PydanticCustomError("step", "cannot be both `absent` and `immediately`")
        return self


class Steps(Closed):
    """Steps in the order of time; each happens later than the one before."""

    within_last: Length | None = Field(None, description="The first step happened at most this long ago.")
    max: Length | None = Field(None, description="From the first step to the last at most this long.")
    steps: list[Step] = Field(min_length=2, max_length=10, description="What happens, in the order of time.")

    @model_validator(mode="after")
    def _possible(self) -> "Steps":
        if self.steps[0].absent is not None or any(step.absent is not None for step in self.steps[:-1]):
            raise PydanticCustomError("sequence", "can have `absent` only as its last step")
        if self.steps[0].within is not None or self.steps[0].immediately:
            raise PydanticCustomError("sequence", "has nothing before its first step: use `within_last` there")
        last = self.steps[-1]
        if last.absent is not None and self.within_last and last.within and last.within >= self.within_last:
            text = (
                f"can never hold: waiting {in_words(last.within)} for what stays absent "
                f"takes as long as `within_last` ({in_words(self.within_last)}) looks back"
            )
            raise complaint("sequence", text)
        return self


class SequenceCondition(Closed):
    """Steps in the order of time, such as added to the cart and did not buy within 24 hours."""

    tag: ClassVar[str] = "<sequence>"
    sequence: Steps


def _rfm_names(value: object) -> object:
    listed = [value] if isinstance(value, str) else value
    for name in listed if isinstance(listed, list) else []:
        if name not in RFM_NAMES:
            raise complaint("rfm", f"must be a group: {suggestion(name, RFM_NAMES)}")
    return listed


class RfmCondition(Closed):
    """One of the eleven usual groups by recency, frequency and money."""

    tag: ClassVar[str] = "<rfm>"
    rfm: Annotated[
        list[str],
        BeforeValidator(_rfm_names),
        Field(min_length=1, description="One or more of the eleven usual groups."),
        WithJsonSchema({"anyOf": [{"enum": list(RFM_NAMES)}, {"type": "array", "items": {"enum": list(RFM_NAMES)}}]}),
    ]


def _called(value: object) -> object:
    listed = value if isinstance(value, list | tuple) else [value]
    return [str(each) if isinstance(each, int) and not isinstance(each, bool) else each for each in listed]


Groups = Annotated[
    list[Name],
    BeforeValidator(_called),
    Field(min_length=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "integer"]},
                {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1},
            ]
        }
    ),
]
"""Groups of a cluster: by name, or by number where they have none."""


class ClusterCondition(Closed):
    """Belongs to a group that was found in the data."""

    tag: ClassVar[str] = "<cluster>"
    cluster: Name = Field(description="A file of clusters/, fitted by `passerelle cluster fit`.")
    in_: Groups | None = Field(None, alias="in", description="One of these groups.")
    not_in: Groups | None = Field(None, description="In a group, and in none of these.")

    @model_validator(mode="after")
    def _one_choice(self) -> "ClusterCondition":
        if (self.in_ is None) == (self.not_in is None):
            raise PydanticCustomError("cluster", "must have either `in` or `not_in`: which groups?")
        return self


class MomentCondition(Closed):
    """Had a moment of model.yaml."""

    tag: ClassVar[str] = "<moment>"
    moment: Name = Field(description="A moment of model.yaml.")
    within: Length | None = Field(None, description="All of it at most this long ago.")
    until: Length | None = Field(None, description="All of it at least this long ago.")
    count: Count | None = Field(None, description="How often; at least once when left out.")

    @model_validator(mode="after")
    def _possible(self) -> "MomentCondition":
        if self.within is not None and self.until is not None and self.until >= self.within:
            raise PydanticCustomError("window", "can never hold: `until` must be shorter than `within`")
        return self


class FunnelCondition(Closed):
    """Came so far in a funnel of model.yaml."""

    tag: ClassVar[str] = "<funnel>"
    funnel: Name = Field(description="A funnel of model.yaml.")
    reached: Name | None = Field(None, description="Came to this step, or further.")
    stopped_at: Name | None = Field(None, description="Came to this step, and not further so far.")

    @model_validator(mode="after")
    def _one_choice(self) -> "FunnelCondition":
        if (self.reached is None) == (self.stopped_at is None):
            raise PydanticCustomError("funnel", "must have either `reached` or `stopped_at`: which step?")
        return self


class LadderCondition(Closed):
    """Stands on a step of a ladder of model.yaml."""

    tag: ClassVar[str] = "<ladder>"
    ladder: Name = Field(description="A ladder of model.yaml.")
    is_: Name | None = Field(None, alias="is", description="On this step.")
    at_least: Name | None = Field(None, description="On this step, or higher.")
    at_most: Name | None = Field(None, description="On this step, or lower.")

    @model_validator(mode="after")
    def _one_choice(self) -> "LadderCondition":
        if sum(word is not None for word in (self.is_, self.at_least, self.at_most)) != 1:
            raise PydanticCustomError("ladder", "must have one of `is`, `at_least` and `at_most`: which step?")
        return self


class ScoreCondition(Comparison):
    """What people will probably do, or spend, compared; or the greatest."""

    tag: ClassVar[str] = "<score>"
    score: Name = Field(description="A file of scores/, fitted by `passerelle score fit`.")
    top_percent: Number | None = Field(
        None, gt=0, le=100, description="The greatest: so many of a hundred, rounded up."
    )

    @property
    def says_something(self) -> bool:
        """See `Comparison`."""
        return self.top_percent is not None or self.compares


class InSegmentCondition(Closed):
    """Is in any of these segments, as they stand in the same run (before their holdouts)."""

    tag: ClassVar[str] = "<in_segment>"
    in_segment: Names = Field(description="Another segment, or several: any of them.")


class NotInSegmentCondition(Closed):
    """Is in none of these segments."""

    tag: ClassVar[str] = "<not_in_segment>"
    not_in_segment: Names = Field(description="Another segment, or several: none of them.")


class Ranking(Closed):
    """The greatest by a trait, of all people who have a value."""

    n: int | None = Field(None, ge=1, description="So many people.")
    percent: Number | None = Field(None, gt=0, le=100, description="So many of a hundred, rounded up.")
    by: str = Field(description="A trait: the greatest first.")
    ties: Literal["include", "hash"] = Field(
        "include", description="Equals at the edge: all of them, or drawn by a fixed hash."
    )

    @model_validator(mode="after")
    def _one_size(self) -> "Ranking":
        if (self.n is None) == (self.percent is None):
            raise PydanticCustomError("top", "must have either `n` or `percent`")
        return self


class TopCondition(Closed):
    """The top n, or the top so many per cent, by a trait."""

    tag: ClassVar[str] = "<top>"
    top: Ranking


class AllCondition(Closed):
    """All of these hold."""

    tag: ClassVar[str] = "<all>"
    all: list["Condition"] = Field(min_length=1, max_length=200, description="All of these hold.")


class AnyCondition(Closed):
    """At least one of these holds."""

    tag: ClassVar[str] = "<any>"
    any: list["Condition"] = Field(min_length=1, max_length=200, description="At least one of these holds.")


class NotCondition(Closed):
    """Everybody else: all people but those for whom this holds."""

    tag: ClassVar[str] = "<not>"
    not_: "Condition" = Field(alias="not", description="Everybody for whom this does not hold.")


_KINDS = (
    TraitCondition,
    AttributeCondition,
    DidCondition,
    DidNotCondition,
    StoppedCondition,
    RestartedCondition,
    SequenceCondition,
    RfmCondition,
    ClusterCondition,
    ScoreCondition,
    MomentCondition,
    FunnelCondition,
    LadderCondition,
    InSegmentCondition,
    NotInSegmentCondition,
    TopCondition,
    AllCondition,
    AnyCondition,
    NotCondition,
)
_ALTERNATIVES = Alternatives({kind.tag.strip("<>"): kind.tag for kind in _KINDS}, "condition")


Condition = Annotated[
    Annotated[TraitCondition, Tag("<trait>")]
    | Annotated[AttributeCondition, Tag("<attribute>")]
    | Annotated[DidCondition, Tag("<did>")]
    | Annotated[DidNotCondition, Tag("<did_not>")]
    | Annotated[StoppedCondition, Tag("<stopped>")]
    | Annotated[RestartedCondition, Tag("<restarted>")]
    | Annotated[SequenceCondition, Tag("<sequence>")]
    | Annotated[RfmCondition, Tag("<rfm>")]
    | Annotated[ClusterCondition, Tag("<cluster>")]
    | Annotated[ScoreCondition, Tag("<score>")]
    | Annotated[MomentCondition, Tag("<moment>")]
    | Annotated[FunnelCondition, Tag("<funnel>")]
    | Annotated[LadderCondition, Tag("<ladder>")]
    | Annotated[InSegmentCondition, Tag("<in_segment>")]
    | Annotated[NotInSegmentCondition, Tag("<not_in_segment>")]
    | Annotated[TopCondition, Tag("<top>")]
    | Annotated[AllCondition, Tag("<all>")]
    | Annotated[AnyCondition, Tag("<any>")]
    | Annotated[NotCondition, Tag("<not>")],
    Discriminator(_ALTERNATIVES.tag),
    BeforeValidator(_ALTERNATIVES.check),
]
"""One condition of a segment."""
