"""How a rule says which events it means."""

from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from passerelle.segmentation.language.comparisons import Comparison
from passerelle.segmentation.language.words import Closed, Length

EventName = Annotated[str, StringConstraints(min_length=1, max_length=120)]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


Events = Annotated[
    list[EventName],
    BeforeValidator(_listed),
    Field(min_length=1, max_length=200),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]},
    ),
]
"""One event's name, or a list of names any of which counts."""

EventColumn = Annotated[str, StringConstraints(pattern=r"^.{1,120}\.[^.]{1,120}$")]
"""An event and one of its columns: `purchase.amount`."""


class Window(Closed):
    """When, counted back from the run's instant: from `within` ago until `until` ago; without them, ever."""

    within: Length | None = Field(None, description="At most this long ago: `365d`.")
    until: Length | None = Field(None, description="At least this long ago: `within: 90d, until: 30d`.")
    where: dict[str, Comparison] | None = Field(
        None, min_length=1, description="Only events whose columns compare so: `{amount: {at_least: 50.00}}`."
    )

    @model_validator(mode="after")
    def _possible(self) -> "Window":
        if self.within is not None and self.until is not None and self.until >= self.within:
            raise PydanticCustomError("window", "can never hold: `until` must be shorter than `within`")
        return self
