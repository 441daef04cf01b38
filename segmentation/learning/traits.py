"""How a file says that a trait counts."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from passerelle.segmentation.language.words import Closed, Scalar


class LearnedTrait(Closed):
    """How one trait counts."""

    scale: Literal["z_score", "min_max"] = Field(
        "z_score", description="`z_score`: in standard deviations from the mean; `min_max`: from 0 to 1."
    )
    log: bool = Field(False, description="true: its logarithm, log(1 + value), for amounts of which few are huge.")
    one_hot: list[Scalar] | bool = Field(
        False, description="For texts: true, or the values that count; each becomes yes or no."
    )
    fill: Scalar | None = Field(
        None, description="What stands for a missing value; without it, such people are left out."
    )

    @model_validator(mode="after")
    def _one_kind(self) -> "LearnedTrait":
        if self.one_hot and self.log:
            raise PydanticCustomError("trait", "is a text beside `one_hot`, which has no logarithm")
        return self


def options(value: object) -> object:
    """What stands after a trait's name; nothing there is no option."""
    return {} if value is None else value


Learned = Annotated[LearnedTrait, BeforeValidator(options)]
