"""The two documents: model.yaml, written once by whoever knows the data, and one small file per segment."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from passerelle.segmentation.language.conditions import AllCondition, Condition, RfmCondition
from passerelle.segmentation.language.events import EventName
from passerelle.segmentation.language.journeys import (
    FunnelDefinition,
    JourneyDefinition,
    LadderDefinition,
    MomentDefinition,
)
from passerelle.segmentation.language.thresholds import Metric, Rfm, Threshold
from passerelle.segmentation.language.traits import Trait
from passerelle.segmentation.language.words import Closed, Length, Name, Number


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError("time_zone", "must be a time zone such as `Europe/Paris`") from None
    return name


class TableDefinition(Closed):
    """A table of the lake, under the name that rules use."""

    from_: str = Field(alias="from", description="The lake's table: a source of passerelle.yaml.")
    grain: Literal["person", "event"] = Field(description="One row per person, or one per event.")
    events: list[EventName] | None = Field(
        None, min_length=1, description="The events it holds. Listed, misspelt ones are found before anything runs."
    )

    @model_validator(mode="after")
    def _events_of_events(self) -> "TableDefinition":
        if self.grain == "person" and self.events is not None:
            raise PydanticCustomError("table", "has no events: it holds one row per person")
        return self


class ModelFile(Closed):
    """`model.yaml`: what is known of people, and what counts as much."""

    version: Literal[1] = Field(1, description="The version of this language.")
    timezone: Annotated[str, AfterValidator(_zone)] = Field("UTC", description="What a day is: `Europe/Paris`.")
    tables: dict[Name, TableDefinition] = Field(min_length=1, description="Tables of the lake, by the name rules use.")
    population: list[Name] | None = Field(
        None, min_length=1, description="Tables whose people are everybody; by default all person tables."
    )
    events: list[EventName] | None = Field(None, min_length=1, description="Every event there is.")
    traits: dict[Name, Trait] = Field(default_factory=dict, description="What is known of one person.")
    thresholds: dict[Name, Threshold] = Field(default_factory=dict, description="What counts as much, or long.")
    metrics: dict[Name, Metric] = Field(default_factory=dict, description="One number per day, for moving averages.")
    rfm: Rfm | None = Field(None, description="Scores for recency, frequency and money.")
    moments: dict[Name, MomentDefinition] = Field(
        default_factory=dict, description="Several events within a short time."
    )
    funnels: dict[Name, FunnelDefinition] = Field(default_factory=dict, description="Steps one after the other.")
    ladders: dict[Name, LadderDefinition] = Field(
        default_factory=dict, description="Steps of which each person stands on exactly one."
    )
    journeys: dict[Name, JourneyDefinition] = Field(
        default_factory=dict, description="Which way people take from one state to the next."
    )


class HoldoutDefinition(Closed):
    """People kept out on purpose, always the same ones while the salt stays."""

    percent: Number = Field(gt=0, lt=100, description="So many of a hundred.")
    salt: str = Field(min_length=1, max_length=64, description="Any word; another word draws other people.")


class RequiredModel(Closed):
    """What models must be for groups and scores to choose anybody, beside their own gates."""

    min_stability_ari: Number | None = Field(
        None, ge=0, le=1, description="At least this stable, as an adjusted Rand index, beside the cluster's own gate."
    )
    min_auc: Number | None = Field(
        None, ge=0.5, le=1, description="Of a score: at least so good at telling people apart."
    )
    max_calibration_error: Number | None = Field(
        None, ge=0, description="Of a score: at most so far from what really happened."
    )
    max_drift: Number | None = Field(
        None, gt=0, description="Of a score: at most so different are today's people (population stability index)."
    )
    max_age: Length | None = Field(None, description="Fitted at most this long ago.")
    version: Annotated[str, StringConstraints(pattern="^[0-9a-f]{8,64}$")] | None = Field(
        None, description="This one and no other: its version, or how that begins."
    )


class SegmentFile(Closed):
    """`segments/<name>.yaml`: who."""

    version: Literal[1] = Field(1, description="The version of this language.")
    segment: Name = Field(description="Its name: the file's name.")
    description: str = Field("", max_length=400, description="Who they are, for readers.")
    where: Condition = Field(description="Who is in.")
    exclude: list[Condition] = Field(default_factory=list, max_length=50, description="Who is out all the same.")
    require_model: RequiredModel | None = Field(
        None, description="What models that it rests on must be; else it is held back, and nobody comes or goes."
    )
    holdout: HoldoutDefinition | None = Field(None, description="People kept out to measure an effect.")
    splits: dict[Name, Number] | None = Field(
        None, min_length=1, description="Parts for comparison, each so many of a hundred: `{a: 50, b: 50}`."
    )

    @property
    def rfm_groups(self) -> tuple[str, ...]:
        """The RFM groups that it is made of: `where` is a choice of them, or one that `all` of the rest narrows."""
        parts = self.where.all if isinstance(self.where, AllCondition) else [self.where]
        chosen = [part for part in parts if isinstance(part, RfmCondition)]
        return tuple(chosen[0].rfm) if len(chosen) == 1 else ()

    @model_validator(mode="after")
    def _at_most_everybody(self) -> "SegmentFile":
        parts = list((self.splits or {}).values())
        if any(part <= 0 for part in parts):
            raise PydanticCustomError("splits", "has a split of nobody: each must be more than 0")
        if sum(parts) + (self.holdout.percent if self.holdout else 0) > 100:  # noqa: PLR2004 - per cent
            raise PydanticCustomError("splits", "takes more than 100 per cent together with its holdout")
        return self
