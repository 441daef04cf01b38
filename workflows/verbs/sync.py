"""`sync`: carry out a plan, fresh or kept, and account for every row."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Outcome, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.privacy.errors import PasserelleError
    from passerelle.workflows.sync.report import PlaceReport
    from passerelle.workflows.sync.run import SyncReport
    from passerelle.workflows.workspace import Workspace


class SyncRequest(Request):
    """What to sync, and how."""

    audiences: list[str] = Field(
        default_factory=list, description="Audiences to sync; all by default.", json_schema_extra={"cli": "argument"}
    )
    plan: Path | None = Field(None, description="Carry out this plan, made by `plan --out`, if it still holds.")
    removals_only: bool = Field(False, description="Only take people out: owed removals and lost consents.")
    approve: list[str] = Field(
        default_factory=list, description="Guards to override: maximum_change, empty_segment, sensitive_name."
    )
    reason: str = Field("", max_length=300, description="Why they are overridden, for the log: without personal data.")
    wait: float = Field(30.0, ge=0, le=3000, description="Seconds to wait for the platforms to finish.")


class Sent(BaseModel):
    """People sent in this run."""

    model_config = ConfigDict(extra="forbid")

    adds: int
    removes: int


class SyncedAudience(BaseModel):
    """One audience at one destination. adds + removes = accepted + rejected + pending."""

    model_config = ConfigDict(extra="forbid")

    audience: str
    destination: str
    outcome: Outcome
    members: int = Field(description="People there, by our receipts.")
    withheld: dict[str, int] = Field(description="People of the segment who are not sent, by reason.")
    sent: Sent
    accepted: int
    rejected: int
    pending: int
    rejections: dict[str, int] = Field(description="By the platform's own reason.")
    warnings: dict[str, int] = Field(
        default_factory=dict, description="What the platform noted of rows that it took, in its own words."
    )
    dropped: dict[str, int] = Field(description="Single identifiers left out of rows that were sent, by reason.")
    held_by: list[str]
    how: Literal["diff", "replace"] = Field("diff", description="Row by row, or by replacing all members.")
    why: str = Field("", description="Why all members were replaced, or why not although it would have been better.")
    debt: int = Field(description="Removals that are owed here.")
    problem: str = ""
    advice: str = ""


class Farewell(BaseModel):
    """People who asked to go, dropped from every audience of one account, whoever made it."""

    model_config = ConfigDict(extra="forbid")

    destination: str
    outcome: Outcome
    asked: int = Field(description="People in this run.")
    accepted: int
    debt: int = Field(description="People of whom it is still owed.")
    problem: str = ""
    advice: str = ""


class SyncResult(Result):
    """What became of each audience."""

    run_id: str = ""
    audiences: list[SyncedAudience] = Field(default_factory=list)
    farewells: list[Farewell] = Field(
        default_factory=list, description="Who asked to go, out of audiences that others made in the same account."
    )
    stale: list[str] = Field(default_factory=list, description="Consent sources that are too old for additions.")
    jumped: list[str] = Field(
        default_factory=list, description="Thresholds that jumped: their guards keep the values of the run before."
    )
    wait_seconds: float | None = Field(None, description="How long a platform asked us to wait.")
    unkept: str = Field("", description="Why it could not be kept who was in the segments; empty where it was.")


def run(environment: Environment, request: SyncRequest) -> SyncResult:
    """Sync."""
    import time

    from passerelle.privacy.errors import DefinitionError
    from passerelle.workflows.accounts import write_accounts
    from passerelle.workflows.plan.document import read
    from passerelle.workflows.plan.guards import overridden
    from passerelle.workflows.sync.crew import crew
    from passerelle.workflows.sync.run import sync, sync_removals
    from passerelle.workflows.workspace import Workspace

    approved = overridden(request.approve)
    if "sensitive_name" in approved and not request.reason.strip():
        raise DefinitionError(
            "--approve sensitive_name needs a reason.", advice='Say why with --reason "…": it goes into the log.'
        )
    kept = read(request.plan) if request.plan else None
    with Workspace.open(environment.workspace) as workspace:
        hands = crew(
            workspace,
            run_id=environment.run_id,
            now=environment.now,
            sleep=time.sleep,
            progress=environment.progress,
            patience=request.wait,
            reason=request.reason.strip(),
        )
        if request.removals_only:
            report = sync_removals(hands, request.audiences)
        else:
            report = sync(hands, request.audiences, approved=approved, kept=kept)
        unkept = _keep(workspace, report, environment)
        write_accounts(workspace, now=environment.now())
    result = result_of(environment.run_id, report)
    if unkept is not None:
        result.unkept = unkept.message
        if result.outcome is Outcome.DONE:
            result.outcome, result.exit_code, result.advice = Outcome.HELD_BACK, 3, unkept.advice
    return result


def _keep(workspace: "Workspace", report: "SyncReport", environment: Environment) -> "PasserelleError | None":
    """Keep who was in the segments; what was sent is told all the same where that fails."""
    from passerelle.privacy.errors import PasserelleError
    from passerelle.workflows.snapshots.taking import keep_snapshots

    if report.computed is None:
        return None
    try:
        keep_snapshots(workspace, report.computed, run=environment.run_id, now=environment.now())
    except PasserelleError as problem:
        return problem
    return None


def result_of(run_id: str, report: "SyncReport") -> SyncResult:
    """The result object of a report."""
    from passerelle.workflows.plan.guards import JUMPED_ADVICE
    from passerelle.workflows.sync.report import exit_code, gravest

    every = [*report.places, *report.farewells]
    alert = [Outcome.HELD_BACK] if report.jumped else []
    outcome = gravest([*(place.outcome for place in every), *alert])
    worst = next((place for place in every if place.outcome is outcome), None)
    return SyncResult(
        outcome=outcome,
        exit_code=exit_code(outcome),
        retryable=outcome is Outcome.TRY_LATER,
        advice=worst.advice if worst else JUMPED_ADVICE if alert else "",
        run_id=run_id,
        audiences=[_synced(place) for place in report.places],
        farewells=[_farewell(place) for place in report.farewells],
        stale=list(report.stale),
        jumped=list(report.jumped),
        wait_seconds=max((place.wait_seconds for place in every if place.wait_seconds), default=None),
    )


def _synced(place: "PlaceReport") -> SyncedAudience:
    return SyncedAudience(
        audience=place.place.audience,
        destination=place.place.destination,
        outcome=place.outcome,
        members=place.members,
        withheld={**place.withheld, **place.unsendable},
        sent=Sent(adds=place.added, removes=place.removed),
        accepted=place.accepted,
        rejected=place.rejected,
        pending=place.pending,
        rejections=place.reasons,
        warnings=place.warnings,
        dropped=place.dropped,
        held_by=list(place.held_by),
        how=place.how,
        why=place.why,
        debt=place.debt,
        problem=place.problem,
        advice=place.advice,
    )


def _farewell(place: "PlaceReport") -> Farewell:
    return Farewell(
        destination=place.place.destination,
        outcome=place.outcome,
        asked=place.removed,
        accepted=place.accepted,
        debt=place.debt,
        problem=place.problem,
        advice=place.advice,
    )


def render(result: SyncResult, console: "Console") -> None:
    """A table: one line per audience and destination, then what needs attention."""
    from passerelle.workflows.verbs.tables import number, table

    numbers = ("In", "Out", "Accepted", "Rejected", "Pending", "Members", "Withheld")
    lines = table(f"Sync {result.run_id}".rstrip(), ("Audience", "To"), numbers)
    for row in result.audiences:
        counts = (row.sent.adds, row.sent.removes, row.accepted, row.rejected, row.pending, row.members)
        lines.add_row(row.audience, row.destination, *map(number, (*counts, sum(row.withheld.values()))))
    console.print(lines)
    for row in result.audiences:
        if row.outcome is not Outcome.DONE:
            ended = row.outcome.value.replace("_", " ")
            console.print(f"{row.audience} at {row.destination}: {ended}. {row.problem} {row.advice}".rstrip())
        if row.why:
            done = "all members replaced" if row.how == "replace" else "not replaced"
            console.print(f"{row.audience} at {row.destination}: {done}: {row.why}.".replace("..", "."))
        for word, rows in row.warnings.items():
            console.print(f"{row.audience} at {row.destination}: the platform notes {word} of {rows:,} rows it took.")
        if row.debt:
            console.print(f"{row.audience} at {row.destination}: {row.debt:,} removals are still owed.")
    if result.jumped:
        console.print(f"Kept as they were, since they jumped: {', '.join(result.jumped)}.", markup=False)
    if result.unkept:
        console.print(f"Who was in the segments could not be kept. {result.unkept}", style="yellow", markup=False)
    for each in result.farewells:
        said = f"{each.accepted:,} people dropped from every audience, {each.debt:,} still owed"
        console.print(f"{each.destination}: {said}. {each.problem} {each.advice}".rstrip())


VERBS: list[AnyVerb] = [
    Verb(
        name="sync",
        help="Carry out a plan: send who may be sent, take out who must go.",
        request=SyncRequest,
        result=SyncResult,
        run=run,
        render=render,
        remote=True,
        recorded=True,
    )
]
