"""Traits: what is known of one person, computed from a column or from their events."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from passerelle.segmentation.facts import Measure
from passerelle.segmentation.language.events import EventColumn, EventName, Events, Window
from passerelle.segmentation.language.words import Alternatives, Closed, Length, Name, Number, Scalar

Unit = Literal["minute", "hour", "day", "week"]
UNIT_SECONDS: dict[Unit, int] = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}


Dimension = Literal["demographic", "behavioural", "psychographic", "contextual"]
_YEAR = 365 * 86_400


class Described(Closed):
    """Base of every trait."""

    description: str = Field("", max_length=400, description="What it means, for readers.")
    dimension: Dimension | None = Field(
        None, description="What it tells of people: who they are, what they do, what they care for, or when and where."
    )


class ColumnTrait(Described):
    """A column of a person table: `customers.country`."""

    tag: ClassVar[str] = "<column>"
    column: str = Field(description="A column of a person table: `customers.country`.")
    default: Scalar | None = Field(None, description="Where there is no value.")


class EventTrait(Window, Described):
    """Base of what is computed from a person's events."""

    default: Scalar | None = Field(None, description="Where nothing was found.")


class CountTrait(EventTrait):
    """How many events; 0 for none."""

    tag: ClassVar[str] = "<count>"
    count: Events = Field(description="How many of these events; 0 for none.")


class SumTrait(EventTrait):
    """The sum of a column; 0 for no event."""

    tag: ClassVar[str] = "<sum>"
    sum: EventColumn = Field(description="The sum of a column: `purchase.amount`; 0 for no event.")


class AvgTrait(EventTrait):
    """The mean of a column."""

    tag: ClassVar[str] = "<avg>"
    avg: EventColumn = Field(description="The mean of a column: `purchase.amount`.")


class MinTrait(EventTrait):
    """The smallest value of a column."""

    tag: ClassVar[str] = "<min>"
    min: EventColumn = Field(description="The smallest value of a column.")


class MaxTrait(EventTrait):
    """The greatest value of a column."""

    tag: ClassVar[str] = "<max>"
    max: EventColumn = Field(description="The greatest value of a column.")


class FirstTrait(EventTrait):
    """A column's value at the first event."""

    tag: ClassVar[str] = "<first>"
    first: EventColumn = Field(description="A column's value at the first event.")


class LastTrait(EventTrait):
    """A column's value at the last event."""

    tag: ClassVar[str] = "<last>"
    last: EventColumn = Field(description="A column's value at the last event.")


class FavouriteTrait(EventTrait):
    """A column's most frequent value; of equals the first in the alphabet."""

    tag: ClassVar[str] = "<favourite>"
    favourite: EventColumn = Field(description="A column's most frequent value.")


class DistinctTrait(EventTrait):
    """How many different values of a column; 0 for none."""

    tag: ClassVar[str] = "<distinct>"
    distinct: EventColumn = Field(description="How many different values of a column.")


class TimedTrait(EventTrait):
    """Base of what counts time."""

    unit: Unit = Field("day", description="What is counted: full minutes, hours, days or weeks.")


class SinceLastTrait(TimedTrait):
    """Full days (or another unit) since the last event."""

    tag: ClassVar[str] = "<since_last>"
    since_last: Events = Field(description="Full days (or another unit) since the last of these events.")


class SinceFirstTrait(TimedTrait):
    """Full days (or another unit) since the first event."""

    tag: ClassVar[str] = "<since_first>"
    since_first: Events = Field(description="Full days (or another unit) since the first of these events.")


class MeanGapTrait(TimedTrait):
    """The mean time between events: the person's own rhythm; missing with fewer than two."""

    tag: ClassVar[str] = "<mean_gap>"
    mean_gap: Events = Field(description="The mean time between these events; missing with fewer than two.")


class OwnGapsTrait(EventTrait):
    """The time since the last event, in the person's own mean gaps; missing with fewer than two events."""

    tag: ClassVar[str] = "<own_gaps>"
    own_gaps: Events = Field(description="Time since the last of these events, counted in the person's own mean gaps.")


class SessionsTrait(TimedTrait):
    """Sessions: events with no long pause between them."""

    tag: ClassVar[str] = "<sessions>"
    sessions: Events = Field(description="The events that make sessions.")
    gap: Length = Field(1_800, description="A longer pause begins a new session; by default `30min`.")
    measure: Measure = Field(
        "number",
        description="`number` of sessions, their mean `length`, the mean number of `events` in one, or `weighted`: "
        "events, each times the length of its session.",
    )
    counting: Events | None = Field(None, description="The events that `events` and `weighted` count; by default all.")
    unit: Unit = Field("minute", description="Of a length: minutes, hours, days or weeks.")


class TimeBetweenTrait(TimedTrait):
    """The mean time that a step takes: from one event to the next of another kind."""

    tag: ClassVar[str] = "<time_between>"
    time_between: Annotated[list[EventName], Field(min_length=2, max_length=2)] = Field(
        description="From the latest of the first event to the first of the second one after it: `[cart, purchase]`."
    )
    at_most: Length | None = Field(None, description="Only where it took no longer than this.")
    unit: Unit = Field("hour", description="What is counted: minutes, hours, days or weeks.")


class EngagementTrait(Described):
    """Points for events, fewer for older ones."""

    tag: ClassVar[str] = "<engagement>"
    engagement: dict[EventName, Number] = Field(
        min_length=1, max_length=50, description="Points for each event: `{view: 1, cart: 5}`."
    )
    half_life: Length | None = Field(None, description="After this time an event counts half; without it, in full.")
    within: Length | None = Field(None, description="At most this long ago.")


class FormulaTrait(Described):
    """Arithmetic on other traits."""

    tag: ClassVar[str] = "<formula>"
    formula: str = Field(
        min_length=1, max_length=200, description="Traits and numbers with + - * / and brackets: `spent / orders`."
    )
    default: Scalar | None = Field(None, description="Where a trait is missing, or is divided by zero.")


class OrdinalTrait(Described):
    """Values in order: 1 for the first."""

    tag: ClassVar[str] = "<ordinal>"
    ordinal: str = Field(description="A trait of texts.")
    order: list[Scalar] = Field(min_length=2, max_length=100, description="Its values from the least: 1, 2, …")
    default: Scalar | None = Field(None, description="Where the value is missing or not in `order`.")


class ScaledTrait(Described):
    """Base of what rests on numbers that were fitted."""

    among: Name | None = Field(None, description="The segment whose people it is fitted on; without it, everybody.")


class MinMaxTrait(ScaledTrait):
    """A value on a scale from 0 to 1, by the least and the greatest value that were fitted."""

    tag: ClassVar[str] = "<min_max>"
    min_max: str = Field(description="A trait that is a number or money.")


class ZScoreTrait(ScaledTrait):
    """How many standard deviations above the mean, both as they were fitted."""

    tag: ClassVar[str] = "<z_score>"
    z_score: str = Field(description="A trait that is a number or money.")


class SeasonalTrait(EventTrait):
    """How many events, for a usual time of the year."""

    tag: ClassVar[str] = "<seasonal>"
    seasonal: Events = Field(
        description="How many of these events within `within`, divided by how much everybody had of a year's events at "
        "the same time of the years before, against an even year."
    )
    years: int = Field(1, ge=1, le=5, description="So many years before are compared with.")

    @model_validator(mode="after")
    def _at_most_a_year(self) -> "SeasonalTrait":
        if self.within is None or self.within > _YEAR or self.until is not None:
            raise PydanticCustomError("seasonal", "needs `within`, at most `365d`, and no `until`")
        return self


class OneHotTrait(Described):
    """1 for one value, 0 for every other."""

    tag: ClassVar[str] = "<one_hot>"
    one_hot: str = Field(description="A trait of texts, or of yes and no.")
    value: Scalar = Field(description="The value that gives 1; every other gives 0; a missing one is missing.")
    default: Scalar | None = Field(None, description="Where the value is missing.")


_KINDS = (
    ColumnTrait,
    CountTrait,
    SumTrait,
    AvgTrait,
    MinTrait,
    MaxTrait,
    FirstTrait,
    LastTrait,
    FavouriteTrait,
    DistinctTrait,
    SinceLastTrait,
    SinceFirstTrait,
    MeanGapTrait,
    OwnGapsTrait,
    SessionsTrait,
    TimeBetweenTrait,
    EngagementTrait,
    FormulaTrait,
    OrdinalTrait,
    OneHotTrait,
    MinMaxTrait,
    ZScoreTrait,
    SeasonalTrait,
)
_ALTERNATIVES = Alternatives({kind.tag.strip("<>"): kind.tag for kind in _KINDS} | {"recency": "<since_last>"}, "trait")


def _recency(value: object) -> object:
    # `recency: purchase` is what marketers call days since the last purchase.
    if isinstance(value, dict) and "recency" in value and "since_last" not in value:
        return {"since_last" if key == "recency" else key: inner for key, inner in value.items()}
    return value


Trait = Annotated[
    Annotated[ColumnTrait, Tag("<column>")]
    | Annotated[CountTrait, Tag("<count>")]
    | Annotated[SumTrait, Tag("<sum>")]
    | Annotated[AvgTrait, Tag("<avg>")]
    | Annotated[MinTrait, Tag("<min>")]
    | Annotated[MaxTrait, Tag("<max>")]
    | Annotated[FirstTrait, Tag("<first>")]
    | Annotated[LastTrait, Tag("<last>")]
    | Annotated[FavouriteTrait, Tag("<favourite>")]
    | Annotated[DistinctTrait, Tag("<distinct>")]
    | Annotated[SinceLastTrait, Tag("<since_last>")]
    | Annotated[SinceFirstTrait, Tag("<since_first>")]
    | Annotated[MeanGapTrait, Tag("<mean_gap>")]
    | Annotated[OwnGapsTrait, Tag("<own_gaps>")]
    | Annotated[SessionsTrait, Tag("<sessions>")]
    | Annotated[TimeBetweenTrait, Tag("<time_between>")]
    | Annotated[EngagementTrait, Tag("<engagement>")]
    | Annotated[FormulaTrait, Tag("<formula>")]
    | Annotated[OrdinalTrait, Tag("<ordinal>")]
    | Annotated[OneHotTrait, Tag("<one_hot>")]
    | Annotated[MinMaxTrait, Tag("<min_max>")]
    | Annotated[ZScoreTrait, Tag("<z_score>")]
    | Annotated[SeasonalTrait, Tag("<seasonal>")],
    Discriminator(_ALTERNATIVES.tag),
    BeforeValidator(_ALTERNATIVES.check),
    BeforeValidator(_recency),
]
"""One trait of model.yaml."""
