"""How a value is compared: ordinary words, several of which must all hold."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from passerelle.segmentation.language.words import Alternatives, Closed, Length, Name, Number, Scalar

Ordering = Literal["at_least", "at_most", "more_than", "less_than"]
ORDERINGS: tuple[Ordering, ...] = ("at_least", "at_most", "more_than", "less_than")


class ThresholdValue(Closed):
    """A threshold of model.yaml, as it stands in this run."""

    tag: ClassVar[str] = "<threshold>"
    threshold: Name = Field(description="A threshold of model.yaml.")
    times: Number | None = Field(None, description="Multiplied by this.")


class TraitValue(Closed):
    """The person's own value of another trait."""

    tag: ClassVar[str] = "<trait>"
    trait: str = Field(description="Another trait of the same person.")
    times: Number | None = Field(None, description="Multiplied by this.")


class QuantileValue(Closed):
    """A quantile computed for this comparison alone."""

    tag: ClassVar[str] = "<quantile>"
    quantile: Number = Field(gt=0, lt=1, description="0.90: the value that nine of ten people do not exceed.")
    of: str = Field(description="The trait whose values are ranked.")
    by: str | None = Field(None, description="One value per group: a trait or attribute with few values.")
    times: Number | None = Field(None, description="Multiplied by this.")


_REFERENCES = Alternatives(
    {model.tag.strip("<>"): model.tag for model in (ThresholdValue, TraitValue, QuantileValue)},
    "value, a `threshold:`, a `trait:` or a `quantile:`",
)


def _which(value: object) -> str | None:
    return _REFERENCES.tag(value) if isinstance(value, dict | Closed) else "<value>"


def _check(value: object) -> object:
    return _REFERENCES.check(value) if isinstance(value, dict) else value


Value = Annotated[
    Annotated[Scalar, Tag("<value>")]
    | Annotated[ThresholdValue, Tag("<threshold>")]
    | Annotated[TraitValue, Tag("<trait>")]
    | Annotated[QuantileValue, Tag("<quantile>")],
    Discriminator(_which),
    BeforeValidator(_check),
]
"""What to compare with."""


def _pair(value: object) -> object:
    if not isinstance(value, list | tuple) or len(value) != 2:  # noqa: PLR2004 - from and to
        raise PydanticCustomError("pair", "must be two values: [from, to]")
    return tuple(value)


Between = Annotated[
    tuple[Scalar, Scalar],
    BeforeValidator(_pair),
    WithJsonSchema({"type": "array", "minItems": 2, "maxItems": 2}),
]


class Comparison(Closed):
    """One or more words that must all hold. A missing value satisfies none of them, but for `missing: true`."""

    is_: Value | None = Field(None, alias="is", description="Equal to.")
    is_not: Value | None = Field(None, description="Known, and different from.")
    in_: list[Scalar] | None = Field(None, alias="in", min_length=1, max_length=10_000, description="One of these.")
    not_in: list[Scalar] | None = Field(None, min_length=1, max_length=10_000, description="Known, and none of these.")
    at_least: Value | None = Field(None, description="This much or more.")
    at_most: Value | None = Field(None, description="This much or less.")
    more_than: Value | None = Field(None, description="More than.")
    less_than: Value | None = Field(None, description="Less than.")
    between: Between | None = Field(None, description="From the first to the second, both included.")
    contains: str | None = Field(None, min_length=1, description="Text that holds this, small and capital alike.")
    starts_with: str | None = Field(None, min_length=1, description="Text that begins with this.")
    older_than: Length | None = Field(None, description="A date longer ago than this.")
    newer_than: Length | None = Field(None, description="A date at most this long ago.")
    missing: bool | None = Field(None, description="true: there is no value. false: there is one.")

    @model_validator(mode="after")
    def _says_something(self) -> "Comparison":
        if not self.says_something:
            raise PydanticCustomError("comparison", "compares with nothing: add for example `at_least: 3`")
        return self

    @property
    def compares(self) -> bool:
        """Whether any of its words is there."""
        return any(getattr(self, name) is not None for name in COMPARISONS)

    @property
    def says_something(self) -> bool:
        """Whether it chooses anybody."""
        return self.compares


COMPARISONS: tuple[str, ...] = tuple(Comparison.model_fields)


class Count(Closed):
    """How often."""

    is_: int | None = Field(None, alias="is", ge=0, description="Exactly so often.")
    at_least: int | None = Field(None, ge=1, description="So often or more.")
    at_most: int | None = Field(None, ge=0, description="So often or less; never counts too.")
    more_than: int | None = Field(None, ge=0, description="More often than.")
    less_than: int | None = Field(None, ge=1, description="Less often than; never counts too.")

    @model_validator(mode="after")
    def _says_something(self) -> "Count":
        if not any(getattr(self, name) is not None for name in type(self).model_fields):
            raise PydanticCustomError("comparison", "says no number: add for example `at_least: 2`")
        return self
