"""What `passerelle.yaml` says of a Google Ads destination."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from passerelle.connectors.destinations.endpoint import checked, is_loopback


class Terms(BaseModel):
    """Who accepted Google's Customer Match terms for this account, and when. Google asks with every upload."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    by: str = Field(min_length=1, max_length=120, description="Who accepted them: a name or a role.")
    on: date = Field(description="When, as YYYY-MM-DD.")


class Endpoints(BaseModel):
    """Other addresses than Google's: the local twins."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    data_manager: Annotated[str, AfterValidator(checked)] | None = Field(None, description="Such as 127.0.0.1:8702.")
    google_ads: Annotated[str, AfterValidator(checked)] | None = Field(None, description="Such as 127.0.0.1:8703.")

    @property
    def local(self) -> bool:
        """Whether both are on this machine, where no credentials are needed."""
        given = [self.data_manager, self.google_ads]
        return all(one is not None and is_loopback(one) for one in given)


class GoogleAdsSettings(BaseModel):
    """A Google Ads account whose Customer Match lists Passerelle fills."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["google_ads"] = Field(description="Google Ads Customer Match.")
    account: str = Field(pattern=r"^[0-9]{10}$", description="The account's number, ten digits without dashes.")
    login_account: str | None = Field(
        None, pattern=r"^[0-9]{10}$", description="The manager account through which the credentials have access."
    )
    credentials_file: Path | None = Field(
        None, description="JSON of a service account or an authorised user; mode 0400 or 0600."
    )
    terms_accepted: Terms | None = Field(
        None, description="Who accepted Google's Customer Match terms, and when. Only twins do without."
    )
    route: Literal["data_manager", "offline_user_data_job"] = Field(
        "data_manager",
        description="How people are sent: offline_user_data_job is for projects that Google still lets use it.",
    )
    transport: Literal["grpc", "rest"] = Field(
        "grpc",
        description="How Data Manager is reached: rest where a network lets nothing but HTTPS through its proxy.",
    )
    endpoints: Endpoints = Field(default_factory=Endpoints, description="Other addresses than Google's.")
    timeout_seconds: float = Field(120, gt=0, le=600, description="How long one answer may take.")
    rows_per_request: int = Field(
        10_000, ge=10, le=10_000, description="How many people one request carries; fewer on a slow line."
    )

    @model_validator(mode="after")
    def _one_way(self) -> "GoogleAdsSettings":
        if self.route == "offline_user_data_job" and self.transport == "rest":
            raise ValueError("`route: offline_user_data_job` has no REST: use `transport: grpc`")
        return self

    @model_validator(mode="after")
    def _all_it_takes(self) -> "GoogleAdsSettings":
        missing = [name for name in ("credentials_file", "terms_accepted") if getattr(self, name) is None]
        if missing and not self.endpoints.local:
            raise ValueError(f"needs `{'` and `'.join(missing)}` to reach Google")
        return self
