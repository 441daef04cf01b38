"""`passerelle.yaml`: where people come from, where audiences go, where things are kept."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from passerelle.privacy.zones import time_zones
from passerelle.workflows.settings.closed import Closed
from passerelle.workflows.settings.engines import DuckDbEngine, Engine
from passerelle.workflows.settings.lake import Lake
from passerelle.workflows.settings.names import Name, did_you_mean


def _timezone(name: str) -> str:
    if name not in time_zones():
        raise ValueError(f"is not a time zone such as `Europe/Paris`.{did_you_mean(name, time_zones())}")
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


class Controller(Closed):
    """Who decides what the data is used for: the head of the record of processing (GDPR art. 30)."""

    name: str = Field(min_length=1, max_length=200, description="The company's name.")
    address: str = Field("", max_length=300, description="Its postal address.")
    contact: str = Field("", max_length=200, description="How to reach it: a page, a mailbox of a function, a phone.")
    dpo: str = Field("", max_length=200, description="The data protection officer: a function or name, and a contact.")


class Record(Closed):
    """What the record of processing says beyond what is read from this workspace (GDPR art. 30)."""

    people: list[str] = Field(
        default_factory=lambda: ["customers", "prospects"], description="Categories of people, such as customers."
    )
    retention: str = Field("", max_length=400, description="How long data is kept, in a sentence.")
    security: list[str] = Field(
        default_factory=list, description="Security measures beyond Passerelle's own, such as disk encryption."
    )
    dpia: str = Field("", max_length=200, description="Reference of the data protection impact assessment.")


class Vendor(Closed):
    """What is on file about a recipient: its terms, the arrangement between you, where it processes."""

    entity: str = Field(
        "", max_length=200, description="The recipient's legal name, such as Meta Platforms Ireland Ltd."
    )
    terms_accepted: date | None = Field(None, description="When its customer list terms were accepted, as YYYY-MM-DD.")
    terms_accepted_by: str = Field("", max_length=120, description="Who accepted them: a name or a role.")
    joint_controllers: str = Field(
        "", max_length=200, description="Reference of the arrangement of joint controllers (GDPR art. 26)."
    )
    dpia: str = Field("", max_length=200, description="Reference of the impact assessment that covers it.")
    transfers: str = Field(
        "", max_length=300, description="Transfers outside the EEA and what protects them, such as the EU-US framework."
    )


class Evidence(Closed):
    """Evidence that outlives an erased person, so that a claim can be answered. Without it nothing is kept."""

    dpo_key_file: Path = Field(
        description="Public key of the data protection officer, made by `evidence keygen`: only they can open it."
    )
    keep_days: int = Field(
        1825, ge=1, le=36_500, description="Days after which the evidence is destroyed; five years by default."
    )


class Timestamps(Closed):
    """An authority that stamps the log's checkpoints with the time (RFC 3161)."""

    url: str = Field(pattern=r"^https?://[^\s@]+$", max_length=300, description="Where it takes requests.")
    roots_file: Path = Field(description="PEM file of the root certificates that its stamps lead back to.")
    allow_private: bool = Field(False, description="It stands inside the house: a private address is meant.")


class Snapshots(Closed):
    """Who was in which segment, kept run by run: pseudonymous, in var/snapshots."""

    keep_days: int = Field(
        400, ge=0, le=3_660, description="Days after which a snapshot is destroyed; 0 keeps none. 400 by default."
    )


class Integrity(Closed):
    """How often the store is verified, beyond what each run finds out by itself."""

    verify_every: str | None = Field(
        None,
        pattern=r"^[1-9][0-9]{0,3}(h|d)$",
        description="A run that finds the last whole verification older than this begins with one, such as 24h or 7d."
        " By default only PostgreSQL stores, every 24h: a SQLite file is compared with what the last run left.",
    )

    @property
    def verify_every_micros(self) -> int | None:
        """The same in microseconds."""
        if self.verify_every is None:
            return None
        return int(self.verify_every[:-1]) * (24 if self.verify_every.endswith("d") else 1) * 3_600_000_000


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
    lake: Lake = Field(Path("var/lake"), description="Where the pseudonymous tables lie: a folder, or a bucket of S3.")
    accounts: Path = Field(
        Path("var/accounts"), description="Folder of the Parquet tables that say how every row was accounted for."
    )
    keys: KeySource = Field(description="The master key.")
    evidence: Evidence | None = Field(None, description="What is kept, sealed, when somebody is erased.")
    suppression_days: int = Field(
        1095,
        ge=0,
        le=36_500,
        description="Days for which an erased person's identifiers are remembered as fingerprints.",
    )
    engine: Engine = Field(default_factory=DuckDbEngine, description="What computes segments.")
    snapshots: Snapshots = Field(default_factory=Snapshots, description="How long it is kept who was in a segment.")
    integrity: Integrity = Field(default_factory=Integrity, description="How often the store is verified.")
    sources: dict[Name, dict[str, Any]] = Field(
        default_factory=dict, description="Where people, consents and events come from, by name."
    )
    destinations: dict[Name, dict[str, Any]] = Field(default_factory=dict, description="Where audiences go, by name.")
    controller: Controller | None = Field(None, description="Who is responsible, for the record of processing.")
    record: Record = Field(default_factory=Record, description="What the record of processing says besides.")
    witnesses: list[Path] = Field(
        default_factory=list, description="Key files of those who co-sign the log, made by `witness keygen`."
    )
    timestamps: Timestamps | None = Field(None, description="Who stamps the log's checkpoints with the time.")
    vendors: dict[Name, Vendor] = Field(
        default_factory=dict, description="Terms and agreements with recipients, by the destination's name."
    )
