"""What `passerelle.yaml` says of a Meta destination."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from passerelle.connectors.destinations.endpoint import checked
from passerelle.connectors.destinations.meta_api import CURRENT


class MetaSettings(BaseModel):
    """A Meta ad account whose Custom Audiences Passerelle fills."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["meta"] = Field(description="Meta Custom Audiences.")
    ad_account: str = Field(pattern=r"^act_[0-9]{1,20}$", description="The ad account: act_ and its number.")
    token_file: Path = Field(description="File that holds a System User token with ads_management; mode 0400 or 0600.")
    app_secret_file: Path | None = Field(
        None, description="File that holds the app's secret, where the app requires proofs of it."
    )
    api_version: str = Field(CURRENT, pattern=r"^v[0-9]{2,3}\.0$", description="Version of Meta's Marketing API.")
    endpoint: Annotated[str, AfterValidator(checked)] | None = Field(
        None, description="Another address than Meta's: a local twin, such as http://127.0.0.1:8701."
    )
    customer_file_source: Literal["user_provided_only", "partner_provided_only", "both_user_and_partner_provided"] = (
        Field(
            "user_provided_only",
            description="Where the people's data comes from, as Meta asks: from themselves (your shop, your CRM), from "
            "partners who gave it, or both. Say what is true: it is a declaration to Meta.",
        )
    )
    timeout_seconds: float = Field(120, gt=0, le=600, description="How long one answer may take.")
    rows_per_request: int = Field(
        10_000, ge=10, le=10_000, description="How many people one request carries; fewer on a slow line."
    )
