"""How two plans differ: what `compare` finds and `plan --compare` tells."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ComparedMoves(BaseModel):
    """People of two plans, for the same move."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    before: int
    now: int
    more: int = Field(description="People of this plan who were not in the other one.")
    fewer: int = Field(description="People of the other plan who are not in this one.")

    @property
    def differ(self) -> bool:
        """Whether the two plans are about different people."""
        return bool(self.more or self.fewer)


class ComparedAudience(BaseModel):
    """How the plan differs from the one it is compared with, for one audience at one destination."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    audience: str
    destination: str
    only_in: Literal["", "old", "new"] = Field(description="Where only one of the plans has it.")
    purpose_changed: bool
    way_changed: bool = Field(description="Whether all members are replaced in one of them, and why.")
    values_changed: bool = Field(description="Whether other values are sent of people, or those of other people.")
    adds: ComparedMoves
    removes: ComparedMoves
    withheld: dict[str, int] = Field(description="How many more, or fewer, are withheld, by reason.")
