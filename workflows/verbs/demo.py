"""`demo`: the main job, end to end, on a generated French shop, against the local twins."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb
from passerelle.workflows.verbs.sync import Sent

if TYPE_CHECKING:
    from rich.console import Console


class DemoRequest(Request):
    """Where the demo plays."""

    folder: Path = Field(Path("passerelle-demo"), description="Its workspace; one from an earlier demo is replaced.")
    people: int = Field(5_000, ge=2_000, le=1_000_000, description="How many people the shop has.")


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AudienceLine(_Closed):
    """One audience at one destination, after the withdrawal."""

    audience: str
    destination: str
    members: int = Field(description="By the ledger.")
    withheld: dict[str, int]
    sent: Sent
    accepted: int
    rejected: int
    pending: int
    at_platform: int = Field(description="What the twin holds.")


class WithdrawalLine(_Closed):
    """One person's withdrawal: memberships queued for removal, and removals the platforms confirmed."""

    queued: int
    confirmed: int


class LogLine(_Closed):
    """The log at the end."""

    size: int
    root: str
    verified: bool


class DemoResult(Result):
    """What happened."""

    people: int = 0
    events: int = 0
    audiences: list[AudienceLine] = Field(default_factory=list)
    withdrawal: WithdrawalLine = Field(default_factory=lambda: WithdrawalLine(queued=0, confirmed=0))
    log: LogLine = Field(default_factory=lambda: LogLine(size=0, root="", verified=False))
    workspace: str = ""


def run(environment: Environment, request: DemoRequest) -> DemoResult:
    """Play it; the story goes to stderr."""
    from rich.console import Console

    from passerelle.workflows.demo.play import play

    console = Console(stderr=True, highlight=False)
    return play(environment, request.folder, people=request.people, console=console)


def render(result: DemoResult, console: "Console") -> None:
    """What stands at the platforms, and what to try next."""
    from passerelle.workflows.verbs.tables import number, table

    numbers = ("Our ledger", "The twin holds", "Withheld")
    lines = table("What stands at the platforms", ("Audience", "To"), numbers)
    for row in result.audiences:
        counts = (row.members, row.at_platform, sum(row.withheld.values()))
        lines.add_row(row.audience, row.destination, *map(number, counts))
    console.print(lines)
    verified = "verified" if result.log.verified else "NOT verified"
    console.print(f"The log has {result.log.size:,} entries, {verified}. Its root: {result.log.root}")
    console.print("Try next, in a second terminal:")
    console.print(f"  cd {result.workspace} && passerelle twins --state var/twins.json", markup=False, soft_wrap=True)
    console.print("and here:")
    for command in _NEXT:
        console.print(f"  passerelle -w {result.workspace} {command}", markup=False, soft_wrap=True)


_NEXT = ("status", "plan", "segment list", "audit uploads", "doctor")

VERBS: list[AnyVerb] = [
    Verb(
        name="demo",
        help="The main job, end to end, on a generated French shop, against local twins.",
        request=DemoRequest,
        result=DemoResult,
        run=run,
        render=render,
    )
]
