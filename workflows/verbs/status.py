"""`status`: how runs ended, who is where, what is pending, what is owed. Asks the platforms about what is pending."""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console


class StatusRequest(Request):
    """What to look at."""

    run: str = Field(
        "", pattern=r"^[A-Za-z0-9_-]{0,64}$", description="One run by its id.", json_schema_extra={"cli": "argument"}
    )
    offline: bool = Field(False, description="Ask no platform; say what the ledger knows.")


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunLine(_Closed):
    """One run."""

    run_id: str
    verb: str
    started_at: str = Field(description="ISO 8601, UTC.")
    seconds: float | None = Field(description="null: still at work, or killed.")
    outcome: str
    batches: int
    rows: int
    accepted: int
    rejected: int
    pending: int


class Debt(_Closed):
    """Removals owed at one place."""

    people: int
    oldest_hours: float
    deadline: str = Field(description="When the oldest becomes a breach. ISO 8601, UTC.")
    state: str = Field(description="ok; alarm after 24 hours; breach after 72.")
    causes: dict[str, int]
    refusals: dict[str, int]


class Sums(_Closed):
    """What became of every row, but for those that were sent again: sent = accepted + rejected + pending."""

    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    pending: int = 0


class PlaceLine(_Closed):
    """One audience at one destination."""

    audience: str = Field(description="`*`: people are still to be dropped from every audience of the account.")
    destination: str
    members: int
    pending: int = Field(description="People in batches that the platform has not settled.")
    unsendable: int = Field(description="People of whom no key can be sent.")
    rows: Sums = Field(default_factory=Sums, description="Over all batches, additions and removals.")
    platform_status: str = Field(description="The platform's own word; `not asked` when offline.")
    size_low: int | None
    size_high: int | None
    match_rate: float | None
    problems: list[str]
    working: bool = Field(False, description="The platform has not come to an end with what it took.")
    debt: Debt | None


class StatusResult(Result):
    """How everything stands."""

    runs: list[RunLine] = Field(default_factory=list)
    audiences: list[PlaceLine] = Field(default_factory=list)
    log_size: int = 0
    erasures_open: int = Field(0, description="Erasures that are not done; `erase --status` says where they are open.")


def run(environment: Environment, request: StatusRequest) -> StatusResult:
    """Look, and ask about what is pending."""
    import time

    from passerelle.workflows.accounts import write_accounts
    from passerelle.workflows.status import look
    from passerelle.workflows.sync.crew import crew
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        hands = crew(
            workspace,
            run_id=environment.run_id,
            now=environment.now,
            sleep=time.sleep,
            progress=environment.progress,
            patience=0,
        )
        result = look(hands, run_id=request.run, offline=request.offline)
        if not request.offline:  # what is asked about may have settled
            write_accounts(workspace, now=hands.now())
    outcome = outcome_of(result)
    return result.model_copy(
        update={"outcome": outcome, "exit_code": EXIT_CODES[outcome], "advice": _ADVICE.get(outcome, "")}
    )


_ADVICE = {
    Outcome.PENDING: "A platform is still working; ask again later.",
    Outcome.HELD_BACK: "Removals are late: see the debt and its cause. `sync --removals-only` tries again.",
}


def outcome_of(result: StatusResult) -> Outcome:
    """How it ends: removals that are late must be looked at, even where a platform is still working."""
    if any(place.debt is not None and place.debt.state != "ok" for place in result.audiences):
        return Outcome.HELD_BACK
    waits = any(place.pending or place.working for place in result.audiences)
    return Outcome.PENDING if waits else Outcome.DONE


def render(result: StatusResult, console: "Console") -> None:
    """Two tables: audiences, then runs."""
    from passerelle.workflows.verbs.tables import number, table

    remarks = ("At the platform", "Owed removals")
    numbers = ("Members", "Sent", "Accepted", "Rejected", "Pending", "Unsendable")
    audiences = table("Audiences", ("Audience", "To"), numbers, remarks)
    for place in result.audiences:
        rows = place.rows
        counts = map(number, (place.members, rows.sent, rows.accepted, rows.rejected, rows.pending, place.unsendable))
        audiences.add_row(place.audience, place.destination, *counts, _seen(place), _owed(place.debt))
    console.print(audiences)
    runs = table("Runs", ("Run", "Verb", "Outcome"), ("Sent", "Accepted", "Rejected", "Pending"))
    for line in result.runs:
        counts = map(number, (line.rows, line.accepted, line.rejected, line.pending))
        runs.add_row(line.run_id, line.verb, line.outcome.replace("_", " "), *counts)
    console.print(runs)
    if result.erasures_open:
        console.print(f"{result.erasures_open:,} erasures are not done: `passerelle erase --status` says why.")
    for place in result.audiences:
        for problem in place.problems:
            console.print(f"{place.audience} at {place.destination}: {problem}")


def _seen(place: PlaceLine) -> str:
    """The platform's own words and numbers."""
    words = place.platform_status.replace("_", " ")
    if place.size_low is not None:
        words += f", {place.size_low:,}"
    if place.size_high is not None and place.size_high != place.size_low:
        words += f" to {place.size_high:,}"
    return words if place.match_rate is None else f"{words}, {place.match_rate:.0%} matched"


def _owed(debt: Debt | None) -> str:
    if debt is None:
        return ""
    causes = ", ".join(
        f"{count:,} {cause.replace('_', ' ')}" for cause, count in {**debt.causes, **debt.refusals}.items()
    )
    return f"{debt.people:,} for {debt.oldest_hours:.0f} h, until {debt.deadline[:16]}: {debt.state} ({causes})"


VERBS: list[AnyVerb] = [
    Verb(
        name="status",
        help="Runs, rows accounted, platform status, removal debt.",
        request=StatusRequest,
        result=StatusResult,
        run=run,
        render=render,
        remote=True,
    )
]
