"""What every source behind HTTP lets a workspace say: where its secret is, and which address is meant."""

from collections.abc import Callable
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from passerelle.connectors.authentication import Authentication, Secret, from_command, from_file
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.http import Endpoint
from passerelle.connectors.oauth import OAuth, Refresh


class TokenFrom(BaseModel):
    """A secret: in a file of its own, or printed by a command. Never in the settings themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token_file: Path | None = Field(None, description="A file of mode 0600 that holds the token, and nothing else.")
    token_command: tuple[str, ...] | None = Field(
        None, min_length=1, description="A command and its arguments that print it; run without a shell."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        ways = self._ways()
        if sum(way is not None for way in ways.values()) != 1:
            raise DefinitionError(f"Give either {' or '.join(f'`{name}`' for name in ways)}.", path=("token_file",))
        return self

    def _ways(self) -> dict[str, object]:
        """The ways of letting us in, by their settings: one of them must be given."""
        return {"token_file": self.token_file, "token_command": self.token_command}

    def secret(self, folder: Path) -> Secret:
        """What reads it; paths are taken from `folder`."""
        if self.token_file is not None:
            return from_file(folder / self.token_file)
        return from_command(self.token_command or (), folder)


class Reached(BaseModel):
    """Which address is meant."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    endpoint: str | None = Field(
        None, pattern=r"^https?://[^\s@]+$", description="Another address than the vendor's, such as a test's."
    )
    allow_private: bool = Field(False, description="That address stands inside the house, and is meant to.")

    def at(self, url: str) -> Endpoint:
        """The vendor's address, or the one that was set instead."""
        return Endpoint(self.endpoint or url, allow_private=self.allow_private)


class ApiSettings(Reached, TokenFrom, SourceSettings):
    """Base of connectors whose vendor has one address and takes one token."""


class OAuthSettings(ApiSettings):
    """Base of connectors whose vendor takes a token that lasts, or tokens that end and are renewed."""

    oauth_file: Path | None = Field(
        None, description="Instead of a token: JSON of mode 0600 with client_id, client_secret, refresh_token."
    )

    def _ways(self) -> dict[str, object]:
        return {**super()._ways(), "oauth_file": self.oauth_file}

    def login(self, folder: Path, lasting: Callable[[Secret], Authentication], token_url: str) -> Authentication:
        """What lets us in: a token that lasts, as `lasting` sends it, or tokens asked for at `token_url`."""
        if self.oauth_file is None:
            return lasting(self.secret(folder))
        return OAuth(Endpoint(token_url, allow_private=self.allow_private), Refresh(folder / self.oauth_file))
