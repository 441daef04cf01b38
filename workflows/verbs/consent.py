"""`consent record · withdraw · show`: consent that comes in by hand, and a person's history of it.

An identifier is read from standard input or a file, never from an argument, which others on the machine can see.
"""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from passerelle.privacy.vocabulary import Purpose
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Result, Verb
from passerelle.workflows.verbs.person import PersonRequest, known, read_person

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from passerelle.workflows.workspace import Workspace


class RecordRequest(PersonRequest):
    """Who said what."""

    purpose: Purpose = Field(Purpose.AD_LIST_MATCHING, description="What for.")
    state: Literal["given", "renewed", "refused", "withdrawn"] = Field("given", description="What was said.")
    at: str | None = Field(None, description="When: 2026-02-03T10:12:00Z, or a day. By default now.")
    notice: str | None = Field(None, description="The notice that was shown: id@version.")
    source: str = Field("desk", pattern=r"^[a-z0-9_]{1,64}$", description="Where it was said.")
    method: str = Field("operator", pattern=r"^[a-z0-9_]{1,64}$", description="How it was said.")


class WithdrawRequest(PersonRequest):
    """Who withdraws, and what."""

    purpose: Purpose | None = Field(None, description="What they no longer agree to. By default everything.")
    source: str = Field("desk", pattern=r"^[a-z0-9_]{1,64}$", description="Where it was said.")
    at: str | None = Field(None, description="When: 2026-02-03T10:12:00Z, or a day. By default now.")


class RecordedResult(Result):
    """What was recorded."""

    subject_ref: str = Field("", description="Our pseudonym of the person.")
    new: int = Field(0, description="Statements that were not known.")
    known: int = Field(0, description="Statements heard before.")
    withdrawals: int = Field(0, description="1 where the person said no.")
    queued: int = Field(0, description="Removals that are owed because of it. `sync --removals-only` carries them out.")


class ShowRequest(PersonRequest):
    """Whose history."""


class Event(BaseModel):
    """One consent event."""

    model_config = ConfigDict(extra="forbid")

    event_id: int
    purpose: str
    state: str
    at: str | None = Field(description="When it was said; null where that is not known.")
    precision: str
    heard_at: str
    valid_until: str | None
    notice: str | None
    recipients: str | None
    grade: str
    stream: str
    method: str | None
    actor: str
    log_index: int
    channel: str | None = Field(None, description="What the signal is really about, where it can only veto.")
    stop: str | None = Field(None, description="The hard stop that it imposes or lifts.")
    expression: str | None = Field(None, description="How it was said: explicit, implicit or two_step.")
    identified_by: str | None = Field(None, description="The identifier by which the person was recognised.")
    adapter: str | None = Field(None, description="What read the signal, and its version.")


class Standing(BaseModel):
    """How the person stands today for a purpose at a destination."""

    model_config = ConfigDict(extra="forbid")

    purpose: str
    destination: str
    allowed: bool
    reason: str
    event_id: int | None


class ShowResult(Result):
    """A person's consent: what was said, oldest first, and what follows today."""

    subject_ref: str = ""
    events: list[Event] = Field(default_factory=list)
    today: list[Standing] = Field(default_factory=list)


def _record(environment: Environment, request: RecordRequest) -> RecordedResult:
    said = {
        "purpose": request.purpose.value,
        "state": request.state,
        "at": request.at or _iso(environment.now()),
        "notice": request.notice,
        "source": request.source,
        "method": request.method,
    }
    return _recorded(environment, request, [said], "consent record")


def _withdraw(environment: Environment, request: WithdrawRequest) -> RecordedResult:
    purposes = [request.purpose] if request.purpose else list(Purpose)
    said: list[dict[str, str | None]] = [
        {
            "purpose": purpose.value,
            "state": "withdrawn",
            "at": request.at or _iso(environment.now()),
            "source": request.source,
            "method": "operator",
        }
        for purpose in purposes
    ]
    return _recorded(environment, request, said, "consent withdraw")


def _recorded(
    environment: Environment, request: PersonRequest, said: list[dict[str, str | None]], verb: str
) -> RecordedResult:
    from passerelle.workflows.intake import ConsentStatement, record_events
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        who = read_person(environment, request)
        events = [ConsentStatement.model_validate({**who, **one}) for one in said]
        found = record_events(workspace, events, actor=f"cli/{verb}", now=environment.now())
        ref = _ref(workspace, who)
    return RecordedResult(
        subject_ref=ref, new=found.new, known=found.known, withdrawals=found.withdrawals, queued=found.queued
    )


def _show(environment: Environment, request: ShowRequest) -> ShowResult:
    from passerelle.privacy.audit.consents import events_of, standing
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        subject_id = known(workspace, connection, environment, request)
        ref = str(workspace.subjects().refs(connection, _one(subject_id))[0].as_py())
        events = events_of(workspace.store(), connection, subject_id)
        today = standing(workspace.gate(), connection, subject_id, at=environment.now())
    return ShowResult(
        subject_ref=ref, events=[Event(**event) for event in events], today=[Standing(**one) for one in today]
    )


def _one(subject_id: int) -> "pa.Array":
    import pyarrow as pa

    return pa.array([subject_id], pa.int64())


def _ref(workspace: "Workspace", who: dict[str, str | None]) -> str:
    """The pseudonym of whoever was just recorded."""
    from passerelle.privacy.vocabulary import Field as Identifier

    with workspace.store().read() as connection:
        if who.get("subject_ref"):
            found = workspace.subjects().by_ref(connection, str(who["subject_ref"]))
        else:
            field = next(name for name in ("email", "phone", "external_id") if who.get(name))
            country = who.get("country") or workspace.settings.default_country
            found = workspace.subjects().find(connection, Identifier(field), str(who[field]), country)
        return "" if found is None else str(workspace.subjects().refs(connection, _one(found))[0].as_py())


def _iso(micros: int) -> str:
    from datetime import UTC, datetime, timedelta

    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).isoformat()


def _render_recorded(result: RecordedResult, console: "Console") -> None:
    console.print(f"{result.subject_ref}: {result.new} new statements, {result.known} known.")
    if result.queued:
        console.print(f"{result.queued} removals are owed; `passerelle sync --removals-only` carries them out.")


def _render_show(result: ShowResult, console: "Console") -> None:
    from passerelle.workflows.verbs.audit.statements import statements
    from passerelle.workflows.verbs.tables import table

    console.print(f"Consent of {result.subject_ref}")
    statements([event.model_dump() for event in result.events], console)
    today = table("Today", ("Purpose", "Destination", "May be sent", "Event"), remarks=("Why",))
    for each in result.today:
        event = "" if each.event_id is None else str(each.event_id)
        why = each.reason.replace("_", " ")
        today.add_row(each.purpose, each.destination, "yes" if each.allowed else "no", event, why)
    console.print(today)


VERBS: list[AnyVerb] = [
    Verb(
        name="consent record",
        help="Record what one person said. The identifier is read from standard input or --file.",
        request=RecordRequest,
        result=RecordedResult,
        run=_record,
        render=_render_recorded,
        recorded=True,
    ),
    Verb(
        name="consent withdraw",
        help="Record that one person withdraws, and queue their removal everywhere they were sent.",
        request=WithdrawRequest,
        result=RecordedResult,
        run=_withdraw,
        render=_render_recorded,
        recorded=True,
    ),
    Verb(
        name="consent show",
        help="Show one person's consent: what was said, and what follows from it today.",
        request=ShowRequest,
        result=ShowResult,
        run=_show,
        render=_render_show,
    ),
]
