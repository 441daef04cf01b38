"""`evidence keygen · export · open`: what is kept of erased people, sealed to the data protection officer."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.contract import EXIT_CODES, AnyVerb, Environment, Outcome, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console


class KeygenRequest(Request):
    """Where the pair goes."""

    out: Path = Field(description="File for the private key, new; the public one goes beside it, with .pub.")


class KeygenResult(Result):
    """The pair."""

    key_id: str = ""
    private: str = Field("", description="File of the private key: it leaves this machine with the officer.")
    public: str = Field("", description="File of the public key: passerelle.yaml names it as `evidence.dpo_key_file`.")


class ExportRequest(Request):
    """Whose evidence, and where to."""

    erasure: str = Field(
        pattern=r"^er[0-9a-f]{1,38}$", description="The erasure's id.", json_schema_extra={"cli": "argument"}
    )
    out: Path = Field(description="New file for the sealed evidence, as it is: only the officer can open it.")


class ExportResult(Result):
    """What was written."""

    erasure: str = ""
    file: str = ""
    bytes: int = 0


class OpenRequest(Request):
    """Which evidence, with which key, and why."""

    evidence: str = Field(
        max_length=4096,
        description="An erasure's id, or a file of sealed evidence.",
        json_schema_extra={"cli": "argument"},
    )
    key_file: Path = Field(description="File of the officer's private key.")
    reason: str = Field(
        min_length=3,
        max_length=200,
        pattern=r"^[^@\x00-\x1f]+$",
        description="Why it is opened, such as a claim's number. It goes into the log for ever: name nobody.",
    )
    who: str = Field(
        "dpo", pattern=r"^[A-Za-z0-9_.-]{1,40}$", description="Who opens it: a role, or a user's name. Into the log."
    )
    out: Path | None = Field(None, description="New file for all of it, keys that open its leaves included.")
    claimant: bool = Field(
        False, description="Also say whether an e-mail, phone or external id on standard input is the person's."
    )
    field: str = Field(
        "email", pattern=r"^(email|phone|external_id)$", description="What the claimant's identifier is."
    )


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SaidLine(_Closed):
    """Something that the person said."""

    purpose: str
    state: str
    at: str | None
    heard_at: str
    notice: str | None
    stream: str
    method: str | None
    log_index: int


class SentLine(_Closed):
    """A batch that the person was in."""

    batch_id: str
    destination: str
    audience: str
    action: str
    state: str
    rejected: str | None
    intended_at: str
    settled_at: str | None
    log_index: int


class OpenResult(Result):
    """Evidence, in lines. Keys and signals are only in the file of `out`."""

    erasure: str = ""
    rows: int = 0
    confirmed: int = Field(0, description="Rows whose leaf stands in this workspace's log where the evidence says.")
    log_index: int = Field(0, description="The log's entry about this opening.")
    is_claimant: bool | None = Field(
        None, description="Whether the identifier given was the person's; null: not asked."
    )
    said: list[SaidLine] = Field(default_factory=list)
    sent: list[SentLine] = Field(default_factory=list)
    decisions: list[dict[str, Any]] = Field(default_factory=list, description="The last one per audience.")
    file: str = ""


def _keygen(environment: Environment, request: KeygenRequest) -> KeygenResult:
    from passerelle.privacy.erasure import Opener

    del environment
    opener = Opener.create(request.out)
    public = request.out.with_name(request.out.name + ".pub")
    return KeygenResult(key_id=opener.recipient.key_id, private=str(request.out), public=str(public))


def _export(environment: Environment, request: ExportRequest) -> ExportResult:
    from passerelle.workflows.erase.opening import sealed, write_private
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        blob = sealed(workspace, request.erasure)
    write_private(request.out, blob)
    return ExportResult(erasure=request.erasure, file=str(request.out), bytes=len(blob))


def _open(environment: Environment, request: OpenRequest) -> OpenResult:
    from passerelle.privacy.erasure import Opener
    from passerelle.workflows.erase.opening import indented, open_evidence, sealed, write_private
    from passerelle.workflows.workspace import Workspace

    opener = Opener.load(request.key_file)
    with Workspace.open(environment.workspace) as workspace:
        blob = sealed(workspace, request.evidence)
        opened = open_evidence(workspace, blob, opener, who=request.who, reason=request.reason, now=environment.now())
        claimant = _claimant(environment, request, opened.evidence, workspace.settings.default_country)
    if request.out is not None:
        write_private(request.out, indented(opened.evidence))
    whole = opened.proven.confirmed == opened.proven.rows
    outcome = Outcome.DONE if whole else Outcome.INTEGRITY_FAILURE
    return OpenResult(
        outcome=outcome,
        exit_code=EXIT_CODES[outcome],
        advice="" if whole else "The log does not confirm every row: it is another log's, or it was changed.",
        erasure=opened.erasure,
        rows=opened.proven.rows,
        confirmed=opened.proven.confirmed,
        log_index=opened.log_index,
        is_claimant=claimant,
        said=[_said(line) for line in opened.evidence["events"]],
        sent=[_sent(line) for line in opened.evidence["batches"]],
        decisions=[_decision(line) for line in opened.evidence["decisions"]],
        file="" if request.out is None else str(request.out),
    )


def _claimant(environment: Environment, request: OpenRequest, evidence: dict[str, Any], country: str) -> bool | None:
    if not request.claimant:
        return None
    import pyarrow as pa

    from passerelle.privacy import identifiers
    from passerelle.privacy.erasure.evidence import is_about
    from passerelle.privacy.vocabulary import Field as Identifier
    from passerelle.workflows.verbs.person import PersonRequest, read_person

    asked = PersonRequest.model_validate({"field": request.field})
    value = str(read_person(environment, asked)[request.field])
    field = Identifier(request.field)
    normal = identifiers.canonical(field, pa.array([value], pa.string()), country).value[0].as_py()
    if normal is None:
        raise DefinitionError("That is no such identifier.", advice="Check it, and --field.")
    return is_about(evidence, field, normal)


def _said(line: dict[str, Any]) -> SaidLine:
    plain = ("purpose", "state", "notice", "stream", "method", "log_index")
    told = {name: line[name] for name in plain}
    return SaidLine(**told, at=_iso(line["event_time"]), heard_at=_iso(line["ingested_at"]) or "")


def _sent(line: dict[str, Any]) -> SentLine:
    plain = ("batch_id", "destination", "audience", "action", "state", "rejected", "log_index")
    told = {name: line[name] for name in plain}
    return SentLine(**told, intended_at=_iso(line["intended_at"]) or "", settled_at=_iso(line["settled_at"]))


def _decision(line: dict[str, Any]) -> dict[str, Any]:
    plain = ("destination", "audience", "reason", "event_id", "policy", "log_index")
    return {**{name: line[name] for name in plain}, "allowed": bool(line["allowed"]), "at": _iso(line["decided_at"])}


def _iso(micros: int | None) -> str | None:
    from passerelle.privacy.audit.times import iso

    return iso(micros)


def _render_keygen(result: KeygenResult, console: "Console") -> None:
    console.print(
        f"{result.key_id}: the private key is in {result.private}. Move it to the officer; keep no copy here."
    )
    console.print(f"passerelle.yaml names the public one: evidence: {{dpo_key_file: {result.public}}}", markup=False)


def _render_export(result: ExportResult, console: "Console") -> None:
    console.print(f"{result.erasure}: {result.bytes:,} bytes in {result.file}, sealed.")


def _render_open(result: OpenResult, console: "Console") -> None:
    from passerelle.workflows.verbs.tables import table, when

    console.print(f"{result.erasure}: the log confirms {result.confirmed:,} of {result.rows:,} rows.")
    if result.is_claimant is not None:
        console.print("The claimant is this person." if result.is_claimant else "The claimant is somebody else.")
    said = table("Said", ("Purpose", "State"), ("Entry",), ("When", "Under", "How"))
    for event in result.said:
        words = (when(event.at), event.notice or "", event.method or "")
        said.add_row(event.purpose, event.state, str(event.log_index), *words)
    console.print(said)
    sent = table("Sent", ("Audience", "To", "Action", "State"), ("Entry",), ("When",))
    for batch in result.sent:
        where = (batch.audience, batch.destination, batch.action, batch.state)
        sent.add_row(*where, str(batch.log_index), when(batch.intended_at))
    console.print(sent)


VERBS: list[AnyVerb] = [
    Verb(
        name="evidence keygen",
        help="Make the data protection officer's pair of keys: evidence is sealed to one, opened with the other.",
        request=KeygenRequest,
        result=KeygenResult,
        run=_keygen,
        render=_render_keygen,
    ),
    Verb(
        name="evidence export",
        help="Write the sealed evidence of an erasure to a file, to be opened elsewhere.",
        request=ExportRequest,
        result=ExportResult,
        run=_export,
        render=_render_export,
    ),
    Verb(
        name="evidence open",
        help="Open the evidence of an erasure with the officer's key. Who opened it, and why, goes into the log.",
        request=OpenRequest,
        result=OpenResult,
        run=_open,
        render=_render_open,
    ),
]
