"""Thresholds that are fixed or adapt with every run, the daily metrics behind them, and RFM."""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from passerelle.segmentation.language.conditions import Condition
from passerelle.segmentation.language.events import EventColumn, Events
from passerelle.segmentation.language.words import Alternatives, Closed, Name, Number, Scalar

PERCENT = r"^[0-9]+(\.[0-9]+)? ?%$"


def share(value: object) -> object:
    """`25%` or `0.5 %` as 0.25 and 0.005; a number as it is."""
    if isinstance(value, str) and re.fullmatch(PERCENT, value):
        return float(value[:-1]) / 100
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise PydanticCustomError("share", "must be a share such as `25%`")


Share = Annotated[
    Number,
    BeforeValidator(share),
    Field(gt=0, le=10),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": PERCENT}, {"type": "number"}]}),
]


class Guard(Closed):
    """When a threshold jumps, as after an outage of a tracker: the previous value is kept, and it is said."""

    max_change: Share = Field(description="A bigger change than this against the last run keeps the previous value.")


class _Threshold(Closed):
    description: str = Field("", max_length=400, description="What it means, for readers.")


class _Adaptive(_Threshold):
    guard: Guard | None = Field(None, description="Keeps the previous value when the new one jumps.")


class FixedThreshold(_Threshold):
    """A number that stays."""

    tag: ClassVar[str] = "<fixed>"
    fixed: Scalar = Field(description="A number that stays, such as 120.50.")


class QuantileThreshold(_Adaptive):
    """The smallest value that this share of people does not exceed. Exact; equals are never split."""

    tag: ClassVar[str] = "<quantile>"
    quantile: Number = Field(gt=0, lt=1, description="0.90: nine of ten people have this value or less.")
    of: str = Field(description="The trait whose values are ranked.")
    over: Condition | None = Field(None, description="Only among people for whom this holds.")
    by: str | None = Field(None, description="One value per group: a trait or attribute with few values.")


class ZScoreThreshold(_Adaptive):
    """The mean, plus so many standard deviations."""

    tag: ClassVar[str] = "<z_score>"
    z_score: Number = Field(description="So many standard deviations above the mean (below, if negative).")
    of: str = Field(description="The trait.")
    over: Condition | None = Field(None, description="Only among people for whom this holds.")
    by: str | None = Field(None, description="One value per group: a trait or attribute with few values.")


class NaturalBreaksThreshold(_Adaptive):
    """Where the values part by themselves: into groups that are as close within as can be."""

    tag: ClassVar[str] = "<natural_breaks>"
    natural_breaks: int = Field(ge=2, le=10, description="Into so many groups: `3` for low, middle and high.")
    of: str = Field(description="The trait whose values are grouped.")
    reach: int = Field(1, ge=1, le=9, description="So many of the groups reach it, from the highest.")
    over: Condition | None = Field(None, description="Only among people for whom this holds.")
    by: str | None = Field(None, description="One value per group: a trait or attribute with few values.")

    @model_validator(mode="after")
    def _someone_does_not(self) -> "NaturalBreaksThreshold":
        if self.reach >= self.natural_breaks:
            raise PydanticCustomError("natural_breaks", "is reached by everybody: `reach` must be less")
        return self


class MovingAverageThreshold(_Adaptive):
    """The mean of a daily metric over the last so many complete days."""

    tag: ClassVar[str] = "<moving_average>"
    moving_average: Name = Field(description="A metric of model.yaml.")
    days: int = Field(ge=1, le=400, description="Over the last so many complete days.")
    by: str | None = Field(None, description="One value per group: a trait or attribute with few values.")


_KINDS = (FixedThreshold, QuantileThreshold, ZScoreThreshold, NaturalBreaksThreshold, MovingAverageThreshold)
_ALTERNATIVES = Alternatives({kind.tag.strip("<>"): kind.tag for kind in _KINDS}, "threshold")


Threshold = Annotated[
    Annotated[FixedThreshold, Tag("<fixed>")]
    | Annotated[QuantileThreshold, Tag("<quantile>")]
    | Annotated[ZScoreThreshold, Tag("<z_score>")]
    | Annotated[NaturalBreaksThreshold, Tag("<natural_breaks>")]
    | Annotated[MovingAverageThreshold, Tag("<moving_average>")],
    Discriminator(_ALTERNATIVES.tag),
    BeforeValidator(_ALTERNATIVES.check),
]
"""One threshold of model.yaml."""


class Metric(Closed):
    """One number per calendar day, in the model's time zone."""

    count: Events | None = Field(None, description="How many of these events that day.")
    sum: EventColumn | None = Field(None, description="The sum of a column that day: `purchase.amount`.")
    people: Events | None = Field(None, description="How many people had one of these events that day.")
    per: Literal["person", "active_person"] | None = Field(
        None,
        description="Divided by everybody, or by the people who had one of these events that day (empty days then do "
        "not count).",
    )
    description: str = Field("", max_length=400, description="What it means, for readers.")

    @model_validator(mode="after")
    def _one_kind(self) -> "Metric":
        if sum(part is not None for part in (self.count, self.sum, self.people)) != 1:
            raise PydanticCustomError("metric", "must have one of `count`, `sum` and `people`")
        if self.people is not None and self.per == "active_person":
            raise PydanticCustomError("metric", "would always be 1: leave out `per` beside `people`")
        return self


class Rfm(Closed):
    """Recency, frequency and money, each scored 1 to 5 (or `bins`); equal values always get equal scores."""

    recency: str = Field(description="A trait: days since the last purchase. Less is better.")
    frequency: str = Field(description="A trait: number of purchases.")
    monetary: str = Field(description="A trait: money spent.")
    bins: int = Field(5, ge=2, le=10, description="How many scores.")
    over: Condition | None = Field(None, description="Only these people get scores.")
