"""`audit verify · person · why · uploads · unlawful · withdrawals`: the auditor's questions. Nothing here writes.

Exit 0: compliant; 3: a finding; 4: the log or the store is not what it was.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import Field

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Outcome, Request, Result, Verb
from passerelle.workflows.verbs.person import PersonRequest, known

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from passerelle.privacy.audit.why import Place
    from passerelle.workflows.workspace import Workspace

Line = dict[str, Any]


class VerifyRequest(Request):
    """The whole log."""


class VerifyResult(Result):
    """What the log is, and what is wrong with it."""

    size: int = Field(0, description="Entries in the log.")
    root: str = Field("", description="The root over all of them, in hex.")
    problems: list[str] = Field(default_factory=list, description="What is not as it must be: tables and keys.")


class PersonAudit(PersonRequest):
    """Whose file."""


class PersonResult(Result):
    """Everything held, decided and sent of one person. Holds no identifier: fields are counted."""

    subject: Line = Field(default_factory=dict)
    identifiers: dict[str, int] = Field(default_factory=dict, description="How many values of each field are held.")
    events: list[Line] = Field(default_factory=list, description="Consent events, as they were heard.")
    decisions: list[Line] = Field(default_factory=list, description="The last decision per audience and destination.")
    sent: list[Line] = Field(default_factory=list, description="Every batch they were in, with recipient and dates.")
    memberships: list[Line] = Field(default_factory=list, description="Where they are now, by our receipts.")
    owed: list[Line] = Field(default_factory=list, description="Removals that are owed.")
    held_out: list[Line] = Field(default_factory=list, description="Holdouts they were kept in.")


class WhyRequest(PersonRequest):
    """Who, and where."""

    audience: str = Field(description="The audience.")
    destination: str = Field(description="The destination, by its name in passerelle.yaml.")
    at: str | None = Field(
        None, description="As of then, by what was known then: 2026-03-01T00:00:00Z. By default now."
    )


class WhyResult(Result):
    """What justified or blocked one person in one audience."""

    subject_ref: str = ""
    audience: str = ""
    destination: str = ""
    purpose: str = ""
    answer: Line = Field(default_factory=dict, description="Allowed or not, and why.")
    event: Line | None = Field(None, description="The consent event it rests on.")
    notice: Line | None = Field(None, description="The notice version: digest, text, named recipients.")
    policy: Line = Field(default_factory=dict, description="The policy's version and digest, and the log's size.")
    recorded: Line | None = Field(None, description="The last decision that was kept here.")
    last_upload: Line | None = Field(None, description="The last batch here that the person was in.")


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


def _verify(environment: Environment, _request: VerifyRequest) -> VerifyResult:
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        found = workspace.log().verify(connection)
    return VerifyResult(
        outcome=Outcome.DONE if found.ok else Outcome.INTEGRITY_FAILURE,
        advice="" if found.ok else "Send nothing. Find out who changed the store; compare with a copy held elsewhere.",
        size=found.size,
        root=found.root_hex,
        problems=list(found.problems),
    )


def _person(environment: Environment, request: PersonAudit) -> PersonResult:
    from passerelle.privacy.audit.person import dossier
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        subject_id = known(workspace, connection, environment, request)
        found = dossier(workspace.store(), workspace.subjects(), connection, subject_id)
    return PersonResult(**asdict(found))


def _why(environment: Environment, request: WhyRequest) -> WhyResult:
    import pyarrow as pa

    from passerelle.privacy.audit.why import why
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        place = _place(workspace, request)
        subject_id = known(workspace, connection, environment, request)
        found = why(
            workspace.store(),
            workspace.log(),
            workspace.gate(),
            connection,
            subject_id,
            place,
            at=_moment(request.at) if request.at else environment.now(),
            past=request.at is not None,
        )
        ref = workspace.subjects().refs(connection, pa.array([subject_id], pa.int64()))[0].as_py()
    return WhyResult(
        subject_ref=ref,
        audience=place.audience,
        destination=place.destination,
        purpose=place.purpose.value,
        **asdict(found),
    )


def _place(workspace: "Workspace", request: WhyRequest) -> "Place":
    from passerelle.privacy.audit.why import Place
    from passerelle.privacy.vocabulary import Destination
    from passerelle.workflows.settings.names import did_you_mean, listed

    audience = workspace.audiences.get(request.audience)
    plugged = workspace.destinations.get(request.destination)
    if audience is None or plugged is None:
        what, word, every = (
            ("audience", request.audience, list(workspace.audiences))
            if audience is None
            else ("destination", request.destination, list(workspace.destinations))
        )
        raise DefinitionError(
            f"There is no such {what}.{did_you_mean(word, every) or f' Known: {listed(sorted(every))}.'}"
        )
    return Place(request.audience, request.destination, Destination(plugged.kind), audience.purpose)


def _uploads(environment: Environment, request: UploadsRequest) -> UploadsResult:
    from passerelle.privacy.audit.uploads import uploads
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        found = uploads(
            connection,
            destination=request.destination,
            audience=request.audience,
            since=_moment(request.since) if request.since else None,
            until=_moment(request.until) if request.until else None,
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


def _moment(text: str) -> int:
    from passerelle.workflows.intake.columns import moment

    found = moment(text)
    if found is None:
        raise DefinitionError("A time is written 2026-02-03T10:12:00Z, with its zone, or 2026-02-03.")
    return found


def _shown(question: str) -> "Callable[[Any, Console], None]":
    """How people see the answer; what draws it is loaded when there is one."""

    def render(result: Any, console: "Console") -> None:  # noqa: ANN401 - any of the results above
        from passerelle.workflows.verbs import audit_answers

        getattr(audit_answers, question)(result, console)

    return render


VERBS: list[AnyVerb] = [
    Verb(
        name="audit verify",
        help="Compute the whole log again and compare every row with it.",
        request=VerifyRequest,
        result=VerifyResult,
        run=_verify,
        render=_shown("verify"),
        remote=True,
    ),
    Verb(
        name="audit person",
        help="Show everything held, decided and sent of one person, with recipients and dates.",
        request=PersonAudit,
        result=PersonResult,
        run=_person,
        render=_shown("person"),
    ),
    Verb(
        name="audit why",
        help="Show which consent, text and policy justified or blocked one person in one audience.",
        request=WhyRequest,
        result=WhyResult,
        run=_why,
        render=_shown("why"),
    ),
    Verb(
        name="audit uploads",
        help="List every batch: rows, purpose, recipient, how it ended.",
        request=UploadsRequest,
        result=UploadsResult,
        run=_uploads,
        render=_shown("uploads"),
        remote=True,
    ),
    Verb(
        name="audit unlawful",
        help="Count members without a valid decision. There must be none.",
        request=UnlawfulRequest,
        result=UnlawfulResult,
        run=_unlawful,
        render=_shown("unlawful"),
        remote=True,
    ),
    Verb(
        name="audit withdrawals",
        help="Measure how long it took until whoever said no was out.",
        request=WithdrawalsRequest,
        result=WithdrawalsResult,
        run=_withdrawals,
        render=_shown("withdrawals"),
        remote=True,
    ),
]
