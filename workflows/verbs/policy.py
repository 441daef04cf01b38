"""`policy show · history · diff`: what is in force, what it was, what a change would do. Nothing is written."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.audit.asof import AsOfRequest, resolved
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Connection

    from passerelle.privacy.consent import Policy
    from passerelle.workflows.workspace import Workspace

_DIGEST = r"^[0-9a-f]{8,64}$"


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RuleLine(_Line):
    """One rule of the policy."""

    purpose: str
    destinations: list[str]
    jurisdictions: list[str]
    words: str = Field(description="What it asks, in words.")


class ShowRequest(AsOfRequest):
    """Which policy: by default policy.yaml, otherwise the one that was in force."""


class PolicyResult(Result):
    """A policy, in words."""

    version: int | None = Field(None, description="Null where none was in force.")
    title: str = ""
    digest: str = ""
    in_force: bool = Field(default=False, description="Whether the log says that it is, or was then, in force.")
    approvers: list[str] = Field(default_factory=list)
    may_grant: list[str] = Field(default_factory=list, description="Channels whose signals may also grant.")
    freshness: dict[str, int] = Field(default_factory=dict, description="Seconds, by source.")
    rules: list[RuleLine] = Field(default_factory=list)


class HistoryRequest(Request):
    """Nothing to choose."""


class Version(_Line):
    """A policy came into force."""

    since: str
    version: int
    title: str
    digest: str
    log_index: int
    approvers: list[str] = Field(description="Who may change it, by its own words.")


class HistoryResult(Result):
    """Every change of the policy, oldest first."""

    versions: list[Version] = Field(default_factory=list)


class DiffRequest(Request):
    """Two policies. By default policy.yaml is compared with the one in force."""

    file: Path | None = Field(
        None,
        description="Another policy file, instead of policy.yaml.",
        json_schema_extra={"cli": "argument"},
    )
    before: str | None = Field(
        None, pattern=_DIGEST, description="Digest (or its beginning) of the earlier one; default: in force."
    )
    after: str | None = Field(None, pattern=_DIGEST, description="Digest (or its beginning) of the later one.")
    list: int = Field(0, ge=0, le=10_000, description="Also name so many people of each line, by pseudonym.")

    @model_validator(mode="after")
    def _one_after(self) -> "DiffRequest":
        if self.file is not None and self.after is not None:
            raise ValueError("name the later policy by `file` or by `after`, not by both")
        return self


class ChangeLine(_Line):
    """One change."""

    about: str = Field(description="Purpose, destination and jurisdictions of a rule, or a part of the policy.")
    kind: Literal["added", "removed", "changed"]
    words: str


class MoveLine(_Line):
    """People who would enter or leave an audience at a destination."""

    audience: str
    destination: str
    direction: Literal["enters", "leaves"]
    reason: str = Field(description="Why they are out: so far, for who enters; from then on, for who leaves.")
    people: int
    refs: Sequence[str] = Field(default_factory=list, description="Pseudonyms, where --list asks for them.")


class DiffResult(Result):
    """What changed between two policies, and whom it would move."""

    before: str | None = Field(None, description="Digest of the earlier one; null: none, everybody is denied.")
    after: str = ""
    changes: Sequence[ChangeLine] = Field(default_factory=list)
    judged: int = Field(0, description="People of all audiences' segments and who are there now.")
    whole: bool = Field(default=True, description="False: nothing was pulled, so only who is there now was judged.")
    enters: int = 0
    leaves: int = 0
    moves: Sequence[MoveLine] = Field(default_factory=list)


def _show(environment: Environment, request: ShowRequest) -> PolicyResult:
    from passerelle.privacy.consent.changes import words
    from passerelle.privacy.consent.documents import last_policy, policy_in_force
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        until = resolved(workspace, connection, request, environment.now())
        policy = policy_in_force(connection, until.log_size) if until.past else workspace.policy
        in_force = last_policy(connection, until.log_size)
    if policy is None:
        return PolicyResult(title="No policy was in force: nobody could be sent anywhere.")
    return PolicyResult(
        version=policy.version,
        title=policy.title,
        digest=policy.digest,
        in_force=in_force == policy.digest,
        approvers=list(policy.approvers),
        may_grant=sorted(policy.relaxed),
        freshness=dict(policy.freshness),
        rules=[
            RuleLine(
                purpose=rule.purpose.value,
                destinations=[one.value for one in rule.destinations],
                jurisdictions=list(rule.jurisdictions),
                words=words(rule),
            )
            for rule in policy.rules
        ],
    )


def _history(environment: Environment, _request: HistoryRequest) -> HistoryResult:
    from passerelle.privacy.audit.entries import said
    from passerelle.privacy.audit.times import iso
    from passerelle.privacy.consent.documents import policy_of
    from passerelle.workflows.workspace import Workspace

    versions = []
    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        for entry in said(connection, "policy"):
            policy = policy_of(connection, str(entry.body["digest"]))
            versions.append(
                Version(
                    since=iso(entry.at) or "",
                    version=policy.version,
                    title=policy.title,
                    digest=policy.digest,
                    log_index=entry.log_index,
                    approvers=list(entry.body.get("approvers", policy.approvers)),
                )
            )
    return HistoryResult(versions=versions)


def _diff(environment: Environment, request: DiffRequest) -> DiffResult:
    from passerelle.privacy.consent import Policy
    from passerelle.privacy.consent.changes import changes
    from passerelle.privacy.consent.documents import policy_in_force
    from passerelle.workflows.policy.effect import effect
    from passerelle.workflows.workspace import Workspace

    now, progress = environment.now(), environment.progress
    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        after = _after(workspace, connection, request)
        before = _on_file(connection, request.before) if request.before else policy_in_force(connection)
        old = before or Policy(version=1, rules=())
        found = effect(workspace, connection, old, after, listed=request.list, now=now, progress=progress)
    return DiffResult(
        before=None if before is None else before.digest,
        after=after.digest,
        changes=[ChangeLine(**asdict(one)) for one in changes(old, after)],
        judged=found.judged,
        whole=found.whole,
        enters=sum(one.people for one in found.moves if one.direction == "enters"),
        leaves=sum(one.people for one in found.moves if one.direction == "leaves"),
        moves=[MoveLine(**asdict(one)) for one in found.moves],
    )


def _after(workspace: "Workspace", connection: "Connection", request: DiffRequest) -> "Policy":
    """The later policy. A file is read as strictly as policy.yaml is."""
    from passerelle.workflows.settings.load import policy_file

    if request.after is not None:
        return _on_file(connection, request.after)
    return workspace.policy if request.file is None else policy_file(request.file)


def _on_file(connection: "Connection", beginning: str) -> "Policy":
    from passerelle.privacy.consent.documents import policies_of

    found = policies_of(connection, beginning)
    if len(found) != 1:
        raise DefinitionError(
            f"{len(found) or 'No'} policies on file have a digest that begins so.",
            advice="`passerelle policy history` lists them.",
        )
    return found[0]


def _render_show(result: PolicyResult, console: "Console") -> None:
    from passerelle.workflows.verbs.tables import table

    if result.version is None:
        console.print(result.title)
        return
    standing = "in force" if result.in_force else "not in force: the next run that decides puts it into the log"
    console.print(f"Policy, version {result.version} ({result.digest[:12]}), {standing}.", highlight=False)
    if result.title:
        console.print(result.title, markup=False)
    if result.approvers:
        console.print(f"Changed by: {', '.join(result.approvers)}.", markup=False)
    rules = table("Rules", ("Purpose", "Destinations", "Where"), (), ("What it asks",))
    for rule in result.rules:
        rules.add_row(rule.purpose, ", ".join(rule.destinations), ", ".join(rule.jurisdictions), rule.words)
    console.print(rules)
    if result.may_grant:
        console.print(f"Signals that may also grant: {', '.join(result.may_grant)}.")


def _render_history(result: HistoryResult, console: "Console") -> None:
    from passerelle.workflows.verbs.tables import table, when

    if not result.versions:
        console.print("No policy was ever in force.")
        return
    lines = table("Policies", ("Since", "Digest"), ("Version", "Log entry"), ("Title", "Changed by"))
    for one in result.versions:
        approvers = ", ".join(one.approvers)
        lines.add_row(when(one.since), one.digest[:12], str(one.version), str(one.log_index), one.title, approvers)
    console.print(lines)


def _render_diff(result: DiffResult, console: "Console") -> None:
    from passerelle.workflows.verbs.tables import number, table

    if not result.changes:
        console.print("The two policies say the same.")
    else:
        lines = table("Changes", ("Of",), (), ("What",))
        for one in result.changes:
            lines.add_row(one.about, f"{one.kind}: {one.words}")
        console.print(lines)
    told = "" if result.whole else " Nothing was pulled yet, so only who is there now was judged."
    console.print(f"{result.enters:,} people would enter, {result.leaves:,} would leave.{told}", highlight=False)
    if result.moves:
        moves = table("", ("Audience", "Destination", "Direction"), ("People",), ("Reason", "Who"))
        for move in result.moves:
            place = (move.audience, move.destination, move.direction, number(move.people))
            moves.add_row(*place, move.reason.replace("_", " "), " ".join(move.refs))
        console.print(moves)


VERBS: list[AnyVerb] = [
    Verb(
        name="policy show",
        help="Show the policy in words: policy.yaml, or the one that was in force as of then.",
        request=ShowRequest,
        result=PolicyResult,
        run=_show,
        render=_render_show,
    ),
    Verb(
        name="policy history",
        help="List every policy that came into force, with its entry in the log and who may change it.",
        request=HistoryRequest,
        result=HistoryResult,
        run=_history,
        render=_render_history,
    ),
    Verb(
        name="policy diff",
        help="Compare policy.yaml with the policy in force: what changed, who would enter and who would leave.",
        request=DiffRequest,
        result=DiffResult,
        run=_diff,
        render=_render_diff,
    ),
]
