"""`erase`: a person leaves every platform, then the workspace; what is still open, and where.

Identifiers come from standard input or a file. `--file` holds one identifier, as for other verbs, or many people: one
JSON object a line.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Result, Verb
from passerelle.workflows.verbs.person import PersonRequest, read_person

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from passerelle.workflows.erase.people import Found, Named
    from passerelle.workflows.erase.run import Report
    from passerelle.workflows.workspace import Workspace


class EraseRequest(PersonRequest):
    """Whom to erase, or which erasures to go on with. `file` may hold many people: one JSON object a line."""

    file: Path | None = Field(
        None,
        description="File whose first line is the identifier, or that holds many people: one JSON object a line.",
    )
    erasure: str = Field(
        "",
        pattern=r"^(er[0-9a-f]{1,38})?$",
        description="One erasure by its id.",
        json_schema_extra={"cli": "argument"},
    )
    status: bool = Field(False, description="Only say how erasures stand, and where they are open.")
    open: bool = Field(False, description="Go on with every erasure that is not done; nobody new is erased.")
    expired: bool = Field(False, description="Only destroy fingerprints and evidence whose time is over.")
    queue_only: bool = Field(False, description="Ask for it, and leave the removals to a later `erase` or `sync`.")
    cause: Literal["asked", "withdrawn", "objected", "no_longer_needed", "unlawful"] = Field(
        "asked", description="Why: one of the grounds of GDPR art. 17."
    )
    received: str | None = Field(
        None, max_length=40, description="When the request came, if earlier: a day, or a time with its zone."
    )
    wait: float = Field(30.0, ge=0, le=3000, description="Seconds to wait for the platforms to finish.")

    @model_validator(mode="after")
    def _one_work(self) -> "EraseRequest":
        chosen = [self.status, self.open, self.expired, bool(self.erasure) and not self.status]
        if sum(chosen) > 1 or (any((*chosen, self.erasure)) and (self.subject_ref or self.file)):
            raise ValueError("name a person, or an erasure, or one of `status`, `open` and `expired`")
        return self

    @property
    def names_nobody(self) -> bool:
        """Whether no person is to be read."""
        return self.status or self.open or self.expired or bool(self.erasure)


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OpenPlace(_Closed):
    """Where somebody is still, or may still be."""

    audience: str
    destination: str
    state: str = Field(description="owed; pending; unanswered: the platform never answered; refused.")
    refusal: str | None = Field(description="Why the platform last refused.")
    tries: int
    since: str


class ErasureLine(_Closed):
    """One erasure."""

    erasure: str
    state: str = Field(description="requested; removing: the platforms were asked; done.")
    cause: str
    asked_at: str
    due_at: str = Field(description="A month later.")
    done_at: str | None
    days: float = Field(description="From the request to the end, or until now.")
    open: list[OpenPlace]
    evidence: str = Field(description="none; sealed; destroyed.")
    evidence_until: str | None


class EraseResult(Result):
    """What became of it. `erasures` are those that this run was about, or all that are open."""

    erasures: list[ErasureLine] = Field(default_factory=list)
    asked: int = Field(0, description="People of whom erasure was asked now.")
    done: int = Field(0, description="Erasures that ended now.")
    already: int = Field(0, description="People who were erased before.")
    unknown_lines: list[int] = Field(default_factory=list, description="Lines of the file that name nobody.")
    queued: int = Field(0, description="Removals that are newly owed.")
    destroyed: dict[str, int] = Field(default_factory=dict, description="Rows destroyed, by table.")
    evidence_sealed: int = Field(0, description="People of whom evidence was sealed.")
    fingerprints_expired: int = 0
    evidence_expired: int = 0
    problems: list[str] = Field(default_factory=list, description="What went wrong, where it did.")


def run(environment: Environment, request: EraseRequest) -> EraseResult:
    """Erase, go on, or look."""
    from passerelle.workflows.erase.expiry import expire_now
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        if request.status:
            return _standing(environment, workspace, request.erasure)
        if request.expired:
            ended = expire_now(workspace, now=environment.now())
            return EraseResult(fingerprints_expired=ended.fingerprints, evidence_expired=ended.evidence)
        return _erased(environment, workspace, request)


def _erased(environment: Environment, workspace: "Workspace", request: EraseRequest) -> EraseResult:
    import time

    from passerelle.workflows.accounts import write_accounts
    from passerelle.workflows.erase.run import Order, erase
    from passerelle.workflows.sync.crew import crew

    found = _whom(environment, workspace, request)
    hands = crew(
        workspace,
        run_id=environment.run_id,
        now=environment.now,
        sleep=time.sleep,
        progress=environment.progress,
        patience=request.wait,
    )
    order = Order(request.cause, _received(request.received, environment.now()), request.queue_only)
    report = erase(hands, found.ids, order)
    write_accounts(workspace, now=hands.now())
    return _result(environment, workspace, found, report)


def _whom(environment: Environment, workspace: "Workspace", request: EraseRequest) -> "Found":
    """Whom this run is about. Raises `DefinitionError` where one person is named and nobody is known by that."""
    from passerelle.privacy.erasure import open_erasures
    from passerelle.workflows.erase.expiry import desk_of
    from passerelle.workflows.erase.people import Found, look_up

    names = [] if request.names_nobody else _names(environment, request)
    with workspace.store().read() as connection:
        asked = open_erasures(desk_of(workspace), connection)
        if request.names_nobody:
            return Found(going=[one.erasure for one in asked if request.erasure in {"", one.erasure}])
        found = look_up(workspace, connection, names, asked)
    if found.unknown and len(names) == 1:
        raise DefinitionError("Nobody is known by that.", advice="Check the identifier and --field.")
    return found


def _names(environment: Environment, request: EraseRequest) -> "Sequence[Named]":
    from passerelle.workflows.erase.people import Named, read_many

    many = read_many(request.file) if request.file is not None else None
    if many is not None:
        return many
    who = read_person(environment, request)
    word = "subject_ref" if request.subject_ref is not None else request.field
    return [Named(word, str(who[word]), who.get("country"))]


def _received(text: str | None, now: int) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DefinitionError("--received is a day such as 2026-11-02, or a time with its zone.") from None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    at = int(moment.timestamp()) * 1_000_000
    if at > now:
        raise DefinitionError("--received is later than now.")
    return at


def _result(environment: Environment, workspace: "Workspace", found: "Found", report: "Report") -> EraseResult:
    chosen = {*report.asked, *found.going}
    lines = [line for line in _lines(environment, workspace) if line.erasure in chosen]
    outcome, advice = _outcome(lines, report)
    if found.unknown and outcome is Outcome.DONE:
        outcome, advice = Outcome.HELD_BACK, "Some lines name nobody who is known: see unknown_lines."
    problems = [f"{place.place}: {place.problem}" for place in report.places if place.problem]
    return EraseResult(
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        retryable=outcome is Outcome.TRY_LATER,
        advice=advice,
        erasures=lines,
        asked=len(report.asked),
        done=len(report.done),
        already=found.already,
        unknown_lines=found.unknown,
        queued=report.queued,
        destroyed=report.destroyed,
        evidence_sealed=report.sealed,
        fingerprints_expired=report.fingerprints_expired,
        evidence_expired=report.evidence_expired,
        problems=[*problems, *([report.problem.message] if report.problem else [])],
    )


def _outcome(lines: "Sequence[ErasureLine]", report: "Report") -> tuple[Outcome, str]:
    """Done where every chosen erasure is; else the gravest of what stands in the way, or pending."""
    from passerelle.workflows.sync.report import gravest

    still = [line for line in lines if line.done_at is None]
    if not still:
        return Outcome.DONE, ""
    where = {(place.audience, place.destination) for line in still for place in line.open}
    told = [each for each in report.places if (each.place.audience, each.place.destination) in where]
    words = [each.outcome for each in told]
    if report.problem is not None:
        words.append(Outcome(report.problem.outcome))
    worst = gravest(words)
    if worst is Outcome.DONE:
        return Outcome.PENDING, _ADVICE
    advice = [each.advice for each in told if each.outcome is worst and each.advice]
    if report.problem is not None and Outcome(report.problem.outcome) is worst:
        advice.append(report.problem.advice)
    return worst, " ".join([*advice[:1], _ADVICE])


_ADVICE = "The keys stay until every removal is confirmed. `passerelle erase --open` goes on; run it again later."


def _standing(environment: Environment, workspace: "Workspace", erasure: str) -> EraseResult:
    lines = [line for line in _lines(environment, workspace) if erasure in {"", line.erasure}]
    if erasure and not lines:
        raise DefinitionError("There is no such erasure.", advice="`passerelle erase --status` lists all.")
    still = [line for line in lines if line.done_at is None]
    now = _iso(environment.now()) or ""
    late = [line for line in still if line.due_at < now]
    outcome = Outcome.HELD_BACK if late else Outcome.PENDING if still else Outcome.DONE
    advice = f"{len(late)} are late: more than a month has passed. " if late else ""
    return EraseResult(
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        advice=advice + (_ADVICE if still else ""),
        erasures=lines,
    )


def _lines(environment: Environment, workspace: "Workspace") -> list[ErasureLine]:
    from passerelle.privacy.erasure import open_erasures
    from passerelle.privacy.erasure.overview import overview
    from passerelle.workflows.erase.expiry import desk_of
    from passerelle.workflows.erase.places import stays

    with workspace.store().read() as connection:
        told = overview(connection).erasures
        asked = {one.erasure: one for one in open_erasures(desk_of(workspace), connection)}
        there = stays(connection, [number for one in asked.values() for number in one.subject_ids])
    where = {
        name: [
            OpenPlace(
                audience=stay.place.audience,
                destination=stay.place.destination,
                state=stay.word,
                refusal=stay.refusal,
                tries=stay.tries,
                since=_iso(stay.owed_since) or "",
            )
            for stay in there
            if stay.subject_id in one.subject_ids
        ]
        for name, one in asked.items()
    }
    return [
        ErasureLine(
            erasure=one.erasure,
            state=asked[one.erasure].state if one.erasure in asked else "done",
            cause=one.cause,
            asked_at=_iso(one.asked_at) or "",
            due_at=_iso(one.due_at) or "",
            done_at=_iso(one.done_at),
            days=round(((one.done_at or environment.now()) - one.asked_at) / 86_400_000_000, 2),
            open=where.get(one.erasure, []),
            evidence="none" if one.evidence is None else "destroyed" if one.evidence_gone_at else "sealed",
            evidence_until=None if one.evidence_gone_at else _iso(one.destroy_after),
        )
        for one in told
    ]


def _iso(micros: int | None) -> str | None:
    from passerelle.privacy.audit.times import iso

    return iso(micros)


def render(result: EraseResult, console: "Console") -> None:
    """One line per erasure, then where it is open."""
    from passerelle.workflows.verbs.tables import number, table, when

    counts = (("asked", result.asked), ("done", result.done), ("erased before", result.already))
    told = ", ".join(f"{count:,} {word}" for word, count in counts if count)
    if told:
        console.print(f"{told}; {result.queued:,} removals newly owed.".capitalize())
    if result.erasures:
        lines = table("Erasures", ("Erasure", "State"), ("Days",), ("Due", "Open at", "Evidence"))
        for one in result.erasures:
            places = ", ".join(f"{place.audience} at {place.destination}: {place.state}" for place in one.open)
            kept = one.evidence + (f" until {when(one.evidence_until)}" if one.evidence_until else "")
            lines.add_row(one.erasure, one.state, number(one.days), when(one.due_at), places, kept)
        console.print(lines)
    for problem in result.problems:
        console.print(problem, markup=False, style="red")
    if result.unknown_lines:
        console.print(f"Lines that name nobody: {', '.join(map(str, result.unknown_lines[:20]))}.")
    if result.fingerprints_expired or result.evidence_expired:
        console.print(
            f"Destroyed by date: {result.fingerprints_expired:,} fingerprints, {result.evidence_expired:,} evidence."
        )


VERBS: list[AnyVerb] = [
    Verb(
        name="erase",
        help="Erase a person: out of every platform, confirmed, then out of the workspace. Many with --file.",
        request=EraseRequest,
        result=EraseResult,
        run=run,
        render=render,
        recorded=True,
    )
]
