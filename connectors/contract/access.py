"""What every source behind HTTP lets a workspace say: where its secret is, and which address is meant."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from passerelle.connectors.authentication import Secret, from_command, from_file
from passerelle.connectors.contract.source import SourceSettings
from passerelle.connectors.errors import DefinitionError
from passerelle.connectors.http import Endpoint


class TokenFrom(BaseModel):
    """A secret: in a file of its own, or printed by a command. Never in the settings themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token_file: Path | None = Field(None, description="A file of mode 0600 that holds the token, and nothing else.")
    token_command: tuple[str, ...] | None = Field(
        None, min_length=1, description="A command and its arguments that print it; run without a shell."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.token_file is None) == (self.token_command is None):
            raise DefinitionError("Give either `token_file` or `token_command`.", path=("token_file",))
        return self

    def secret(self, folder: Path) -> Secret:
        """What reads it; paths are taken from `folder`."""
        if self.token_file is not None:
            return from_file(folder / self.token_file)
        return from_command(self.token_command or (), folder)


class ApiSettings(SourceSettings, TokenFrom):
    """Base of connectors whose vendor has one address and takes one token."""

    endpoint: str | None = Field(
        None, pattern=r"^https?://[^\s@]+$", description="Another address than the vendor's, such as a test's."
    )
    allow_private: bool = Field(False, description="That address stands inside the house, and is meant to.")

    def at(self, url: str) -> Endpoint:
        """The vendor's address, or the one that was set instead."""
        return Endpoint(self.endpoint or url, allow_private=self.allow_private)
