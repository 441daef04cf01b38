"""What every settings model has in common."""

from pydantic import BaseModel, ConfigDict


class Closed(BaseModel):
    """Base of every settings model: no unknown key, no change after loading, no value in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True)
