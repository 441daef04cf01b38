"""`plan`: who would go in and come out of each audience, and why; nothing is sent."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console


class PlanRequest(Request):
    """What to plan."""

    audiences: list[str] = Field(
        default_factory=list, description="Audiences to plan; all by default.", json_schema_extra={"cli": "argument"}
    )
    out: Path | None = Field(None, description="Keep the plan in this file, for `sync --plan`.")
    approve: list[str] = Field(default_factory=list, description="Guards to override: maximum_change, empty_segment.")


class PlannedAudience(BaseModel):
    """The moves for one audience at one destination, in people."""

    model_config = ConfigDict(extra="forbid")

    audience: str
    destination: str
    segment_size: int = Field(description="People in the segment.")
    members: int = Field(description="People there now, by our receipts.")
    adds: int
    removes: dict[str, int] = Field(description="By cause.")
    withheld: dict[str, int] = Field(description="People of the segment who are not sent, by reason.")
    held_by: list[str] = Field(description="Guards that hold moves back.")


class PlanResult(Result):
    """The plan."""

    audiences: list[PlannedAudience] = Field(default_factory=list)
    policy: str = Field("", description="Digest of the policy the plan was made under.")
    log_size: int = 0
    stale: list[str] = Field(default_factory=list, description="Consent sources that are too old for additions.")
    hash: str = Field("", description="Names this plan; equal plans have equal hashes.")


def run(environment: Environment, request: PlanRequest) -> PlanResult:
    """Make the plan, and keep it if asked to."""
    from passerelle.workflows.plan.document import to_file
    from passerelle.workflows.plan.guards import overridden
    from passerelle.workflows.plan.make import make
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        plan = make(
            workspace,
            request.audiences,
            now=environment.now(),
            progress=environment.progress,
            approved=overridden(request.approve),
        )
    kept = to_file(plan)
    if request.out is not None:
        request.out.write_text(kept.model_dump_json(indent=1) + "\n", encoding="utf-8")
    held = any(place.held_by for place in kept.places)
    outcome = Outcome.CONSENT_STALE if plan.stale else Outcome.HELD_BACK if held else Outcome.DONE
    return PlanResult(
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        advice=_advice(outcome),
        policy=plan.policy,
        log_size=plan.log_size,
        stale=list(plan.stale),
        hash=kept.hash,
        audiences=[
            PlannedAudience(
                audience=place.audience,
                destination=place.destination,
                segment_size=place.segment_size,
                members=place.current,
                adds=place.adds.count,
                removes={cause: people.count for cause, people in place.removes.items()},
                withheld=place.withheld,
                held_by=place.held_by,
            )
            for place in kept.places
        ],
    )


def _advice(outcome: Outcome) -> str:
    if outcome is Outcome.CONSENT_STALE:
        return "Run `passerelle pull`: until consent is fresh, nobody is added. Removals still go out."
    if outcome is Outcome.HELD_BACK:
        return "A guard holds moves back: look at the table. `--approve GUARD` overrides the ones that may be."
    return ""


def render(result: PlanResult, console: "Console") -> None:
    """A table: one line per audience and destination, then why people are withheld."""
    from passerelle.workflows.verbs.tables import number, table

    numbers = ("Segment", "Members", "In", "Out", "Withheld")
    lines = table("Plan: nothing has been sent", ("Audience", "To"), numbers, ("Held back by",))
    for row in result.audiences:
        counts = (row.segment_size, row.members, row.adds, sum(row.removes.values()), sum(row.withheld.values()))
        lines.add_row(row.audience, row.destination, *map(number, counts), ", ".join(row.held_by))
    console.print(lines)
    alike: dict[tuple[str, tuple[tuple[str, int], ...]], list[str]] = {}
    for row in result.audiences:
        reasons = [*row.withheld.items()] + [(f"to be removed: {cause}", n) for cause, n in row.removes.items()]
        alike.setdefault((row.audience, tuple(reasons)), []).append(row.destination)
    for (audience, told), destinations in alike.items():
        if told:
            console.print(f"{audience} at {' and '.join(destinations)}:")
        for reason, count in told:
            console.print(f"  {count:>9,}  {reason.replace('_', ' ')}")
    console.print(f"Plan {result.hash[:12]}, under policy {result.policy[:12]}, at log size {result.log_size}.")


VERBS: list[AnyVerb] = [
    Verb(
        name="plan",
        help="Adds, removes, and who is withheld and why. Nothing is uploaded.",
        request=PlanRequest,
        result=PlanResult,
        run=run,
        render=render,
        remote=True,
    )
]
