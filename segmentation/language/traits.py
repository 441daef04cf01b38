"""Traits: what is known of one person, computed from a column or from their events."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from passerelle.segmentation.language.events import EventColumn, Events, Window
from passerelle.segmentation.language.words import Alternatives, Closed, Scalar

Unit = Literal["minute", "hour", "day", "week"]
UNIT_SECONDS: dict[Unit, int] = {"minute": 60, "hour": 3_600, "day": 86_400, "week": 604_800}


class _Described(Closed):
    description: str = Field("", max_length=400, description="What it means, for readers.")


class ColumnTrait(_Described):
    """A column of a person table: `customers.country`."""

    tag: ClassVar[str] = "<column>"
    column: str = Field(description="A column of a person table: `customers.country`.")
    default: Scalar | None = Field(None, description="Where there is no value.")


class EventTrait(Window, _Described):
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
    | Annotated[MeanGapTrait, Tag("<mean_gap>")],
    Discriminator(_ALTERNATIVES.tag),
    BeforeValidator(_ALTERNATIVES.check),
    BeforeValidator(_recency),
]
"""One trait of model.yaml."""
