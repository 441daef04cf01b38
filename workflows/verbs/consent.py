"""`consent record · withdraw · show`: consent that comes in by hand, and a person's history of it.

An identifier is read from standard input or a file, never from an argument, which others on the machine can see.
"""

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from passerelle.privacy.vocabulary import Purpose
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Result, Verb
from passerelle.workflows.verbs.person import PersonRequest, known, read_person

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console
    from sqlalchemy import Connection

    from passerelle.privacy.consent.receipt import Circumstances
    from passerelle.workflows.workspace import Workspace


class RecordRequest(PersonRequest):
    """Who said what."""

    purpose: Purpose = Field(Purpose.AD_LIST_MATCHING, description="What for.")
    state: Literal["given", "renewed", "refused", "withdrawn"] = Field("given", description="What was said.")
    at: str | None = Field(None, description="When: 2026-02-03T10:12:00Z, or a day. By default now.")
    notice: str | None = Field(None, description="The notice that was shown: id@version.")
    source: str = Field("desk", pattern=r"^[a-z][a-z0-9_]{0,63}$", description="Where it was said.")
    method: str = Field("operator", pattern=r"^[a-z][a-z0-9_]{0,63}$", description="How it was said.")
    two_step: bool = Field(
        default=False, description="The person said it again in a second step. Lifts an opt-out, as nothing else does."
    )
    take_back: Literal["objection", "under_age", "platform"] | None = Field(
        None, description="The hard stop that this lifts. Without --notice it lifts it and is no consent."
    )

    @model_validator(mode="after")
    def _lifts_by_a_yes(self) -> "RecordRequest":
        if (self.two_step or self.take_back) and self.state not in {"given", "renewed"}:
            raise ValueError("only what permits is said in two steps, or takes a stop back")
        if self.two_step and self.take_back:
            raise ValueError("`two_step` lifts an opt-out; record the other stop's lifting by itself")
        return self


class WithdrawRequest(PersonRequest):
    """Who withdraws, and what."""

    purpose: Purpose | None = Field(None, description="What they no longer agree to. By default everything.")
    source: str = Field("desk", pattern=r"^[a-z][a-z0-9_]{0,63}$", description="Where it was said.")
    at: str | None = Field(None, description="When: 2026-02-03T10:12:00Z, or a day. By default now.")
    objection: bool = Field(
        default=False, description="It is an objection (GDPR art. 21): it stands until the person takes it back."
    )
    opt_out: bool = Field(
        default=False, description="It is an opt-out of sale or sharing: only a two-step opt-in lifts it."
    )
    under_age: bool = Field(default=False, description="The person is known to be a child.")

    @model_validator(mode="after")
    def _one_stop(self) -> "WithdrawRequest":
        if self.objection + self.opt_out + self.under_age > 1:
            raise ValueError("name one of `objection`, `opt_out` and `under_age`")
        return self

    @property
    def stop(self) -> str | None:
        """The hard stop that it imposes."""
        return next((name for name in ("objection", "opt_out", "under_age") if getattr(self, name)), None)


class RecordedResult(Result):
    """What was recorded."""

    subject_ref: str = Field("", description="Our pseudonym of the person.")
    new: int = Field(0, description="Statements that were not known.")
    known: int = Field(0, description="Statements heard before.")
    withdrawals: int = Field(0, description="1 where the person said no.")
    queued: int = Field(0, description="Removals that are owed because of it. `sync --removals-only` carries them out.")


class ShowRequest(PersonRequest):
    """Whose history."""


class ReceiptRequest(PersonRequest):
    """Whose record."""


class ReceiptResult(Result):
    """A person's consent record."""

    record: dict[str, Any] = Field(
        default_factory=dict, description="In the field names of ISO/IEC TS 27560; `missing` names what is not known."
    )


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
        "expression": "two_step" if request.two_step else "explicit",
        "stop": "opt_out" if request.two_step else request.take_back,
        # What lifts a stop and names no notice must not replace a consent that was given here.
        "scope": "lifting" if (request.two_step or request.take_back) and request.notice is None else None,
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
            "stop": request.stop,
            "expression": "explicit",
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


def _receipt(environment: Environment, request: ReceiptRequest) -> ReceiptResult:
    from passerelle.privacy.audit.consents import events_of
    from passerelle.privacy.consent.receipt import receipt
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        subject_id = known(workspace, connection, environment, request)
        ref = str(workspace.subjects().refs(connection, _one(subject_id))[0].as_py())
        events = events_of(workspace.store(), connection, subject_id)
        versions = workspace.gate().notice_versions(connection)
        record = receipt(ref, events, versions, _around(workspace, connection, subject_id))
    return ReceiptResult(
        record=record.model_dump(mode="json"),
        advice="Fill in `controller` and `record` in passerelle.yaml: the record misses what it must say."
        if record.missing
        else "",
    )


def _around(workspace: "Workspace", connection: "Connection", subject_id: int) -> "Circumstances":
    """What the settings say of whoever is responsible, and of which kinds the person's identifiers are."""
    from passerelle.privacy.consent.receipt import Circumstances, Party

    ids, about = _one(subject_id), workspace.settings.controller
    held = workspace.subjects().identifiers(connection, ids).reveal()
    party = None if about is None else Party(
        party_id="controller", party_type="pii_controller",
        party_name=about.name, party_address=about.address, party_contact=about.contact,
    )  # fmt: skip
    return Circumstances(
        controller=party,
        storage_locations=[f"control store of workspace {workspace.settings.name}"],
        retention_period=workspace.settings.record.retention,
        withdrawal_method=about.contact if about is not None else "",
        jurisdiction=workspace.subjects().countries(connection, ids)[0].as_py() or "",
        identifiers=sorted(name for name in held.column_names if held[name].null_count == 0),
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


def _render_receipt(result: ReceiptResult, console: "Console") -> None:
    console.print_json(data=result.record)


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
    Verb(
        name="consent receipt",
        help="Write one person's consent record as JSON, in the terms of ISO/IEC TS 27560 and W3C DPV.",
        request=ReceiptRequest,
        result=ReceiptResult,
        run=_receipt,
        render=_render_receipt,
    ),
]
