"""`passerelle.yaml`: where people come from, where audiences go, where things are kept."""

from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from passerelle.workflows.settings.names import Name, did_you_mean


class Closed(BaseModel):
    """Base of every settings model: no unknown key, no change after loading, no value in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _timezone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"is not a time zone such as `Europe/Paris`.{did_you_mean(name, available_timezones())}")
    return name


class KeySource(Closed):
    """Where the master key comes from: exactly one of a file of mode 0400, or a command that prints it."""

    file: Path | None = Field(None, description="Key file of mode 0400, relative to this folder.")
    command: list[str] | None = Field(
        None, min_length=1, description="A command and its arguments, run without a shell; prints the key."
    )

    @model_validator(mode="after")
    def _one(self) -> "KeySource":
        if (self.file is None) == (self.command is None):
            raise ValueError("must hold either `file` or `command`")
        return self


class StoreUrl(Closed):
    """A control store shared by several hosts. Its address holds a password, so it stands in a file of its own."""

    url_file: Path = Field(description="File that holds the address, such as postgresql://… ; mode 0400 or 0600.")


class Engine(Closed):
    """What computes segments."""

    kind: Literal["duckdb"] = Field("duckdb", description="DuckDB runs inside this program; nothing to set up.")
    memory: str = Field(
        "2GB", pattern=r"^[1-9][0-9]{0,4}(MB|GB)$", description="How much memory it may use, such as 2GB or 512MB."
    )
    threads: int | None = Field(None, ge=1, le=256, description="How many processor cores; by default all.")


class Project(Closed):
    """`passerelle.yaml`."""

    version: Literal[1] = Field(description="Version of this file's shape.")
    name: Name = Field(description="A name for this workspace; part of the log's origin, so never change it.")
    timezone: Annotated[str, AfterValidator(_timezone)] = Field(
        "Europe/Paris", description="Where a day begins, for segments and reports."
    )
    default_country: str = Field(
        "FR", pattern=r"^[A-Z]{2}$", description="Country of people whose country is not known: two capital letters."
    )
    store: Path | StoreUrl = Field(Path("var/control.db"), description="Control store: a SQLite file, or a url_file.")
    anchor: Path = Field(
        Path("var/anchor.jsonl"),
        description="File of the log's signed checkpoints, outside the store: best on another disk.",
    )
    lake: Path = Field(Path("var/lake"), description="Folder of the pseudonymous tables.")
    keys: KeySource = Field(description="The master key.")
    engine: Engine = Field(default_factory=Engine, description="What computes segments.")
    sources: dict[Name, dict[str, Any]] = Field(
        default_factory=dict, description="Where people, consents and events come from, by name."
    )
    destinations: dict[Name, dict[str, Any]] = Field(default_factory=dict, description="Where audiences go, by name.")
