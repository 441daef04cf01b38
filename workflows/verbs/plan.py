"""`plan`: who would go in and come out of each audience, and why; nothing is sent."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from passerelle.workflows.plan.compared import ComparedAudience
from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.connectors.contract.destination import Reach
    from passerelle.workflows.plan.document import PlanFile


_Told = dict[tuple[str, str], dict[str, Any]]
_DEFECTS_SHOWN = 3
_BEST = {"email": "an e-mail address", "phone": "a phone number", "mobile_ad_id": "an advertising id"}
"""The keys that platforms find most people by. The result object has all of them."""


class PlanRequest(Request):
    """What to plan."""

    audiences: list[str] = Field(
        default_factory=list, description="Audiences to plan; all by default.", json_schema_extra={"cli": "argument"}
    )
    out: Path | None = Field(None, description="Keep the plan in this file, for `sync --plan`.")
    kept: Path | None = Field(None, description="Look at this kept plan instead of making one.")
    compare: Path | None = Field(None, description="Say how the plan differs from this kept one.")
    approve: list[str] = Field(
        default_factory=list, description="Guards to override: maximum_change, empty_segment, sensitive_name."
    )


class Match(BaseModel):
    """For how many of the people who may be sent the platform can look, as counted on a sample of them."""

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
    revalued: int = Field(0, description="Of `adds`, people who are there already with another value.")
    removes: dict[str, int] = Field(description="By cause.")
    withheld: dict[str, int] = Field(description="People of the segment who are not sent, by reason.")
    held_by: list[str] = Field(description="Guards that hold moves back.")
    held_why: str = Field("", description="What is wrong with a model that the segment rests on, and what to do.")
    sensitive_words: list[str] = Field(
        default_factory=list,
        description="Words in what the platform would be told of the audience, for which it may block it.",
    )
    how: Literal["diff", "replace"] = Field("diff", description="Row by row, or by replacing all members.")
    why: str = Field("", description="Why all members are replaced, or why not although it would be better.")
    match: Match | None = Field(None, description="What to expect of the platform's matching.")


class PlanResult(Result):
    """The plan."""

    audiences: list[PlannedAudience] = Field(default_factory=list)
    policy: str = Field("", description="Digest of the policy the plan was made under.")
    log_size: int = 0
    stale: list[str] = Field(default_factory=list, description="Consent sources that are too old for additions.")
    jumped: list[str] = Field(
        default_factory=list, description="Thresholds that jumped: their guards keep the values of the run before."
    )
    hash: str = Field("", description="Names this plan; equal plans have equal hashes.")
    compared: list[ComparedAudience] = Field(default_factory=list, description="With --compare: the differences.")
    same_policy: bool | None = Field(None, description="With --compare: whether both were made under the same policy.")


def run(environment: Environment, request: PlanRequest) -> PlanResult:
    """Make the plan, and keep it if asked to; or look at a kept one."""
    from passerelle.workflows.plan.document import compare, read
    from passerelle.workflows.plan.replace import WHY

    other = read(request.compare) if request.compare else None
    if request.kept is not None:
        kept, told, stale, jumped = read(request.kept), _Told(), list[str](), list[str]()
    else:
        kept, told, stale, jumped = _make(environment, request)
    if request.out is not None:
        request.out.write_text(kept.model_dump_json(indent=1) + "\n", encoding="utf-8")
    held = {name for place in kept.places for name in place.held_by}
    outcome = Outcome.CONSENT_STALE if stale else Outcome.HELD_BACK if held or jumped else Outcome.DONE
    return PlanResult(
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        advice=next((each["held_why"] for each in told.values() if each["held_why"]), "") or _advice(outcome, held),
        jumped=jumped,
        policy=kept.policy,
        log_size=kept.log_size,
        stale=stale,
        hash=kept.hash,
        audiences=[
            PlannedAudience(
                audience=place.audience,
                destination=place.destination,
                segment_size=place.segment_size,
                members=place.current,
                adds=place.adds.count,
                revalued=place.revalued,
                removes={cause: people.count for cause, people in place.removes.items()},
                withheld=place.withheld,
                held_by=place.held_by,
                how=place.how,
                **{"why": WHY.get(place.why, ""), **told.get((place.audience, place.destination), {})},
            )
            for place in kept.places
        ],
        compared=compare(other, kept) if other else [],
        same_policy=other.policy == kept.policy if other else None,
    )


def _make(environment: Environment, request: PlanRequest) -> tuple["PlanFile", _Told, list[str], list[str]]:
    """A fresh plan, what only a fresh one tells of each audience and destination, sources too old, what jumped."""
    from passerelle.workflows.plan.document import to_file
    from passerelle.workflows.plan.estimate import estimate
    from passerelle.workflows.plan.guards import overridden
    from passerelle.workflows.plan.make import make
    from passerelle.workflows.plan.replace import explained
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
            told = {
                (place.aim.place.audience, place.aim.place.destination): {
                    "sensitive_words": list(place.unfit),
                    "why": explained(place.how, place.aim.replaces),
                    "held_why": str(place.choice.unfit or ""),
                    "match": _match(estimate(workspace, connection, place)),
                }
                for place in plan.places
            }
    return to_file(plan), told, list(plan.stale), list(plan.jumped)


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
    from passerelle.workflows.plan.guards import JUMPED_ADVICE, MIXED, MIXED_ADVICE
    from passerelle.workflows.plan.naming import UNFIT_ADVICE

    if outcome is Outcome.CONSENT_STALE:
        return "Run `passerelle pull`: until consent is fresh, nobody is added. Removals still go out."
    if MIXED in held:
        return MIXED_ADVICE
    if "sensitive_name" in held:
        return UNFIT_ADVICE
    if outcome is Outcome.HELD_BACK and not held:
        return JUMPED_ADVICE
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
    _render_remarks(result.audiences, console)
    _render_jumped(result, console)
    _render_match(result.audiences, console)
    _render_compared(result, console)
    console.print(f"Plan {result.hash[:12]}, under policy {result.policy[:12]}, at log size {result.log_size}.")


def _render_remarks(rows: list[PlannedAudience], console: "Console") -> None:
    """What is to be known of single audiences."""
    for row in rows:
        if row.revalued:
            console.print(
                f"{row.audience} at {row.destination}: {row.revalued:,} of those in are there, with another value."
            )
        if row.sensitive_words:
            words = ", ".join(row.sensitive_words)
            console.print(f"{row.audience} at {row.destination}: its name or description says {words}.", markup=False)
        if row.held_why:
            console.print(f"{row.audience} at {row.destination}: {row.held_why}", markup=False)
        if row.why:
            done = "all members are replaced" if row.how == "replace" else "all members are not replaced"
            console.print(f"{row.audience} at {row.destination}: {done}: {row.why}.", markup=False)


def _render_jumped(result: PlanResult, console: "Console") -> None:
    """Thresholds that stay as they were."""
    if result.jumped:
        console.print(f"Kept as they were, since they jumped: {', '.join(result.jumped)}.", markup=False)


def _render_compared(result: PlanResult, console: "Console") -> None:
    """How this plan differs from the other one."""
    from passerelle.workflows.verbs.tables import number, table

    if result.same_policy is None:
        return
    numbers = ("In, before", "now", "more", "fewer", "Out, before", "now", "more", "fewer")
    lines = table("Compared with the kept plan", ("Audience", "To"), numbers)
    for row in result.compared:
        counts = (*row.adds.model_dump().values(), *row.removes.model_dump().values())
        lines.add_row(row.audience, row.destination, *map(number, counts))
    console.print(lines)
    for row in result.compared:
        said = [f"{count:+,} {reason.replace('_', ' ')}" for reason, count in row.withheld.items()]
        said += [f"only in the {row.only_in} plan"] * bool(row.only_in) + ["another purpose"] * row.purpose_changed
        said += ["other values"] * row.values_changed
        if said:
            console.print(f"{row.audience} at {row.destination}: {', '.join(said)}.")
    if not result.same_policy:
        console.print("The policies are not the same: `passerelle policy diff` says what changed.")


def _render_match(rows: list[PlannedAudience], console: "Console") -> None:
    """What each platform can look for people by, and the commonest things to repair."""
    from passerelle.privacy.identifiers import REASONS

    estimated = False
    for row in rows:
        if row.match is None:
            continue
        estimated = True
        best = [(_BEST[name], count) for name, count in row.match.by_key.items() if name in _BEST]
        by = ", ".join(f"{_share(count, row.match)} by {name}" for name, count in best)
        sought = f"{_share(row.match.findable, row.match)} can be looked for"
        console.print(f"{row.audience} at {row.destination}: {sought}{by and f' ({by})'}.")
        for defect, count in list(row.match.defects.items())[:_DEFECTS_SHOWN]:
            name, _, reason = defect.partition(".")
            console.print(f"  {count:>9,}  {name.replace('_', ' ')}: {REASONS.get(reason, reason)}", markup=False)
    if estimated:
        console.print("Platforms find fewer: how many, `passerelle status` says some hours after a sync.", markup=False)


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
