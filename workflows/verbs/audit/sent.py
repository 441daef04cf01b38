"""`audit uploads · unlawful · withdrawals`: what was sent, who must not be there, and how fast they were out."""

from dataclasses import asdict

from pydantic import Field

from passerelle.workflows.verbs.audit.words import Line, asked_moment, shown
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Outcome, Request, Result, Verb


class UploadsRequest(Request):
    """Which batches."""

    destination: str | None = Field(None, description="Only this destination.")
    audience: str | None = Field(None, description="Only this audience.")
    since: str | None = Field(None, description="From then on: a day or a time with its zone.")
    until: str | None = Field(None, description="Before then: a day or a time with its zone.")


class UploadsResult(Result):
    """Every batch, oldest first, and what it comes to."""

    uploads: list[Line] = Field(default_factory=list)
    rows: int = 0
    accepted: int = 0
    rejected: int = 0
    pending: int = 0


class UnlawfulRequest(Request):
    """Every audience."""


class UnlawfulResult(Result):
    """Members without a valid decision: there must be none."""

    members: int = 0
    unlawful: int = Field(0, description="Members whom today's policy and consents do not allow there.")
    owed: int = Field(0, description="Of these, whose removal is owed already.")
    undecided: int = Field(0, description="Members without a recorded decision that let them in.")
    audiences: list[Line] = Field(default_factory=list)


class WithdrawalsRequest(Request):
    """Against which limit."""

    sla: int = Field(24, ge=1, le=8_760, description="Hours within which whoever said no must be out.")


class WithdrawalsResult(Result):
    """From when a no was heard to when the platform confirmed the removal, in hours."""

    limit_hours: int = 24
    confirmed: int = 0
    median_hours: float | None = None
    p95_hours: float | None = None
    worst_hours: float | None = None
    late: int = 0
    open: int = 0
    overdue: int = 0
    oldest_open_hours: float | None = None


def _uploads(environment: Environment, request: UploadsRequest) -> UploadsResult:
    from passerelle.privacy.audit.uploads import uploads
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        found = uploads(
            connection,
            destination=request.destination,
            audience=request.audience,
            since=asked_moment(request.since) if request.since else None,
            until=asked_moment(request.until) if request.until else None,
        )
    totals = {name: sum(line[name] for line in found) for name in ("rows", "accepted", "rejected", "pending")}
    return UploadsResult(uploads=found, **totals)


def _unlawful(environment: Environment, _request: UnlawfulRequest) -> UnlawfulResult:
    from passerelle.privacy.audit.unlawful import unlawful
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        found = unlawful(workspace.store(), workspace.gate(), connection, now=environment.now())
    wrong = sum(one.unlawful + one.undecided for one in found)
    return UnlawfulResult(
        outcome=Outcome.HELD_BACK if wrong else Outcome.DONE,
        advice="Run `passerelle sync --removals-only`; what stays is debt that `passerelle status` explains."
        if wrong
        else "",
        members=sum(one.members for one in found),
        unlawful=sum(one.unlawful for one in found),
        owed=sum(one.owed for one in found),
        undecided=sum(one.undecided for one in found),
        audiences=[asdict(one) for one in found],
    )


def _withdrawals(environment: Environment, request: WithdrawalsRequest) -> WithdrawalsResult:
    from passerelle.privacy.audit.uploads import withdrawals
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        found = withdrawals(connection, limit_hours=request.sla, now=environment.now())
    return WithdrawalsResult(
        outcome=Outcome.HELD_BACK if found.late or found.overdue else Outcome.DONE,
        limit_hours=request.sla,
        **asdict(found),
    )


VERBS: list[AnyVerb] = [
    Verb(
        name="audit uploads",
        help="List every batch: rows, purpose, recipient, how it ended.",
        request=UploadsRequest,
        result=UploadsResult,
        run=_uploads,
        render=shown("uploads"),
        remote=True,
    ),
    Verb(
        name="audit unlawful",
        help="Count members without a valid decision. There must be none.",
        request=UnlawfulRequest,
        result=UnlawfulResult,
        run=_unlawful,
        render=shown("unlawful"),
        remote=True,
    ),
    Verb(
        name="audit withdrawals",
        help="Measure how long it took until whoever said no was out.",
        request=WithdrawalsRequest,
        result=WithdrawalsResult,
        run=_withdrawals,
        render=shown("withdrawals"),
        remote=True,
    ),
]
