"""`plan`: who would go in and come out of each audience, and why; nothing is sent."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.connectors.contract.destination import Reach


_DEFECTS_SHOWN = 3
_BEST = {"email": "an e-mail address", "phone": "a phone number", "mobile_ad_id": "an advertising id"}
"""The keys that platforms find most people by. The result object has all of them."""


class PlanRequest(Request):
    """What to plan."""

    audiences: list[str] = Field(
        default_factory=list, description="Audiences to plan; all by default.", json_schema_extra={"cli": "argument"}
    )
    out: Path | None = Field(None, description="Keep the plan in this file, for `sync --plan`.")
    approve: list[str] = Field(
        default_factory=list, description="Guards to override: maximum_change, empty_segment, sensitive_name."
    )


class Match(BaseModel):
    """How many of the people who may be sent the platform could find, as counted on a sample of them."""

    model_config = ConfigDict(extra="forbid")

    sampled: int = Field(description="People looked at.")
    findable: int = Field(description="Of these, who have at least one key that the platform finds people by.")
    by_key: dict[str, int] = Field(description="Of these, who have a valid value of each field.")
    defects: dict[str, int] = Field(description="Values that may not be sent, as field.reason; most can be repaired.")


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
    sensitive_words: list[str] = Field(
        default_factory=list,
        description="Words in what the platform would be told of the audience, for which it may block it.",
    )
    match: Match | None = Field(None, description="What to expect of the platform's matching.")


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
    from passerelle.workflows.plan.estimate import estimate
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
        with workspace.store().read() as connection:
            reaches = [estimate(workspace, connection, place) for place in plan.places]
    kept = to_file(plan)
    if request.out is not None:
        request.out.write_text(kept.model_dump_json(indent=1) + "\n", encoding="utf-8")
    held = {name for place in kept.places for name in place.held_by}
    outcome = Outcome.CONSENT_STALE if plan.stale else Outcome.HELD_BACK if held else Outcome.DONE
    return PlanResult(
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        advice=_advice(outcome, held),
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
                sensitive_words=list(made.unfit),
                match=_match(reach),
            )
            for place, made, reach in zip(kept.places, plan.places, reaches, strict=True)
        ],
    )


def _match(reach: "Reach") -> Match | None:
    if not reach.people:
        return None
    return Match(
        sampled=reach.people,
        findable=reach.findable,
        by_key=dict(sorted(reach.by_key.items(), key=lambda each: -each[1])),
        defects=dict(sorted(reach.defects.items(), key=lambda each: -each[1])),
    )


def _advice(outcome: Outcome, held: Collection[str]) -> str:
    from passerelle.workflows.plan.naming import UNFIT_ADVICE

    if outcome is Outcome.CONSENT_STALE:
        return "Run `passerelle pull`: until consent is fresh, nobody is added. Removals still go out."
    if "sensitive_name" in held:
        return UNFIT_ADVICE
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
    for row in result.audiences:
        if row.sensitive_words:
            words = ", ".join(row.sensitive_words)
            console.print(f"{row.audience} at {row.destination}: its name or description says {words}.", markup=False)
    _render_match(result.audiences, console)
    console.print(f"Plan {result.hash[:12]}, under policy {result.policy[:12]}, at log size {result.log_size}.")


def _render_match(rows: list[PlannedAudience], console: "Console") -> None:
    """What each platform could find people by, and the commonest things to repair."""
    from passerelle.privacy.identifiers import REASONS

    for row in rows:
        if row.match is None:
            continue
        best = [(_BEST[name], count) for name, count in row.match.by_key.items() if name in _BEST]
        by = "".join(f", {_share(count, row.match)} have {name}" for name, count in best)
        console.print(f"{row.audience} at {row.destination}: {_share(row.match.findable, row.match)} can be found{by}.")
        for defect, count in list(row.match.defects.items())[:_DEFECTS_SHOWN]:
            name, _, reason = defect.partition(".")
            console.print(f"  {count:>9,}  {name.replace('_', ' ')}: {REASONS.get(reason, reason)}", markup=False)


def _share(count: int, match: Match) -> str:
    return f"{100 * count / match.sampled:.0f} %"


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
