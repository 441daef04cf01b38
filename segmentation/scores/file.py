"""scores/*.yaml: what is expected of whom, learnt from what, and how good it must be."""

import hashlib
import json
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from passerelle.segmentation.language.comparisons import Comparison
from passerelle.segmentation.language.conditions import Condition
from passerelle.segmentation.language.events import EventColumn, Events
from passerelle.segmentation.language.words import Closed, Length, Name, Number, complaint
from passerelle.segmentation.learning.traits import LearnedTrait, options

Kind = Literal["will", "will_not", "will_spend"]
KINDS: tuple[Kind, ...] = ("will", "will_not", "will_spend")


class ScoredTrait(LearnedTrait):
    """How one trait counts. Where a value is missing and nothing fills it, that it is missing counts."""

    known_before: bool = Field(
        False, description="true: it really is known beforehand, even if it alone tells the outcome almost surely."
    )


Options = dict[str, list[Number]]


class Search(Closed):
    """How the settings of each learner are found, by folds in time."""

    by: Literal["grid", "random"] = Field("grid", description="All settings, or as many as `tries`, drawn by the seed.")
    tries: int = Field(8, ge=1, le=100, description="random: how many.")


class Select(Closed):
    """Which features are left out before anything is learnt."""

    correlation: Number | None = Field(
        None, gt=0, le=1, description="Of two that go together more closely than this, the weaker one."
    )
    features: int | None = Field(
        None,
        ge=1,
        le=100,
        description="So many are kept: the weakest goes, again and again (RFE by logistic regression).",
    )


class Gates(Closed):
    """What a model must be for segments to rest on it."""

    min_auc: Number = Field(Decimal("0.6"), ge=0.5, le=1, description="At least so good at telling people apart.")
    max_calibration_error: Number = Field(Decimal("0.1"), ge=0, description="At most so far from what really happened.")
    max_drift: Number = Field(
        Decimal("0.25"), gt=0, description="At most so different are today's people (PSI): 0.25 is another population."
    )
    max_age: Length | None = Field(None, description="Fitted at most this long ago.")


class ScoreFile(Closed):
    """`scores/<name>.yaml`: what people will probably do."""

    version: Literal[1] = Field(1, description="The version of this language.")
    score: Name = Field(description="Its name: the file's name.")
    description: str = Field("", max_length=400, description="What it is for, for readers.")
    will: Events | None = Field(None, description="How probably they do one of these: a propensity.")
    will_not: Events | None = Field(None, description="How probably they do none of these: churn.")
    will_spend: EventColumn | None = Field(
        None, description="How much of this they bring: an event's amount, `purchase.amount`."
    )
    within: Length = Field(description="In this long from now.")
    where: dict[str, Comparison] | None = Field(None, min_length=1, description="Only such events.")
    population: Condition = Field(description="Of whom: a condition on what they did, such as `{did: purchase}`.")
    features: dict[str, Annotated[ScoredTrait, BeforeValidator(options)]] | None = Field(
        None, min_length=1, max_length=60, description="Traits of model.yaml that it is learnt from."
    )
    unchanging: list[str] = Field(
        default_factory=list,
        description="Columns, or traits made of them, that never change: they are known today as they were then.",
    )
    learners: dict[str, Options] | None = Field(
        None, min_length=1, description="What is tried, with the settings to try: `{logistic: {}}`."
    )
    search: Search = Field(default_factory=Search, description="How settings are found.")
    select: Select = Field(default_factory=Select, description="Which features are left out.")
    cuts: int = Field(4, ge=3, le=24, description="From so many past moments it is learnt; the newest is the test.")
    imbalance: Literal["keep", "weigh"] = Field(
        "keep", description="`weigh`: the rarer outcome counts as much as the other while learning."
    )
    sample: int = Field(50_000, ge=200, le=1_000_000, description="People at most that are looked at, per moment.")
    seed: int = Field(1, ge=0, le=2**31 - 1, description="Where chance begins: the same seed, the same model.")
    gates: Gates = Field(default_factory=Gates, description="How good it must be.")

    @model_validator(mode="after")
    def _one_question(self) -> "ScoreFile":
        asked = [word for word in KINDS if getattr(self, word) is not None]
        if len(asked) != 1:
            raise PydanticCustomError("score", "must have one of `will`, `will_not` and `will_spend`")
        if asked == ["will_spend"]:
            given = [
                word for word in ("features", "learners", "search", "select", "imbalance", "cuts") if self._says(word)
            ]
            if given:
                raise complaint("score", f"takes no `{given[0]}`: what people will spend follows from their purchases")
        elif self.features is None:
            raise PydanticCustomError("score", "needs `features`: traits that it is learnt from")
        return self

    def _says(self, word: str) -> bool:
        return word in self.model_fields_set and getattr(self, word) is not None

    @property
    def kind(self) -> Kind:
        """What is asked."""
        return next(word for word in KINDS if getattr(self, word) is not None)

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides what a fit finds: not the description and gates."""
        decides = self.model_dump(mode="json", exclude={"description", "gates", "version"})
        text = json.dumps(decides, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
