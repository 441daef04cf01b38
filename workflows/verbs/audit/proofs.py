"""`audit checkpoint · proof · bundle`: what an auditor takes away, and checks without this program."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, model_validator

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb
from passerelle.workflows.verbs.person import PersonRequest, known

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Connection

    from passerelle.privacy.audit.proof_rows import Asked
    from passerelle.workflows.workspace import Workspace

_SIZE_DIGITS = 15


class CheckpointRequest(Request):
    """Since when."""

    since: str | None = Field(
        None,
        max_length=400,
        description="An earlier checkpoint's file, or its number of entries (0: none), which today's continues.",
    )
    out: Path | None = Field(None, description="New file for what was asked: the proof to hand to a witness.")
    verifier_file: Path | None = Field(
        None,
        description="New file for the log's first key and its handovers to later ones: what checks its checkpoints.",
    )


class Word(BaseModel):
    """Somebody else's word on a checkpoint."""

    model_config = ConfigDict(extra="forbid")

    name: str
    kind: str
    size: int


class CheckpointResult(Result):
    """The newest signed checkpoint."""

    origin: str = ""
    size: int = Field(0, description="Entries of the log that were signed.")
    root: str = Field("", description="The root over them, in hex.")
    note: str = Field("", description="The signed note, with the lines of its witnesses.")
    key: str = Field("", description="The log's key: what checks the note, and all before and after it.")
    since: int | None = Field(None, description="Entries of the earlier checkpoint that it was shown to continue.")
    consistency: list[str] = Field(default_factory=list, description="The proof that it does, hashes in hex.")
    words: list[Word] = Field(default_factory=list, description="What witnesses and authorities have said so far.")
    file: str = ""


class ProofRequest(PersonRequest):
    """Whose, and of which upload."""

    batch: str | None = Field(None, max_length=40, description="One batch, as `audit uploads` names it.")
    audience: str | None = Field(None, description="Or every upload to this audience …")
    destination: str | None = Field(None, description="… at this destination, by its name in passerelle.yaml.")
    out: Path = Field(description="New file for the proof; such files end with .tlog-proof.")

    @model_validator(mode="after")
    def _one_upload(self) -> "ProofRequest":
        if (self.batch is None) == (self.audience is None) or (self.audience is None) != (self.destination is None):
            raise ValueError("name a `batch`, or an `audience` and a `destination`")
        return self


class ProofResult(Result):
    """What was written."""

    file: str = ""
    subject_ref: str = ""
    size: int = Field(0, description="Entries of the checkpoint that it is proved under.")
    entries: int = Field(0, description="Log entries that are proved in it.")
    statements: int = Field(0, description="Statements about the person in it.")


class BundleRequest(Request):
    """What goes into it."""

    out: Path = Field(description="New file for the bundle, a ZIP.")
    subject_ref: list[str] = Field(
        default_factory=list,
        description="Our pseudonym of a person to open; may be repeated.",
        json_schema_extra={"cli": "option"},
    )
    everybody: bool = Field(False, description="Open everybody who was sent. Hand it to nobody who may not see that.")
    destination: str | None = Field(None, description="Only uploads to this destination.")
    audience: str | None = Field(None, description="Only uploads to this audience.")
    since: str | None = Field(None, max_length=40, description="Only uploads from then on: a day, or a time with zone.")
    until: str | None = Field(None, max_length=40, description="Only uploads before then: a day, or a time with zone.")

    @model_validator(mode="after")
    def _some_or_all(self) -> "BundleRequest":
        if self.subject_ref and self.everybody:
            raise ValueError("name people by `subject_ref`, or take `everybody`")
        return self


class BundleResult(Result):
    """What was written."""

    file: str = ""
    sha256: str = Field("", description="Of the bundle: the same log and the same question give the same bytes.")
    size: int = Field(0, description="Entries of the log in it: all that were signed.")
    people: int = Field(0, description="People who are opened in it.")
    statements: int = Field(0, description="Statements about them.")
    key: str = Field("", description="The log's key. Give it to the auditor by another way than the bundle.")
    verifier_sha256: str = Field("", description="Of the verify_standalone.py in it.")


def _checkpoint(environment: Environment, request: CheckpointRequest) -> CheckpointResult:
    from passerelle.privacy.audit.entries import said as logged
    from passerelle.privacy.log import signers
    from passerelle.privacy.log.cosign import Ask
    from passerelle.privacy.log.witnesses import cosigned, newest, words
    from passerelle.workflows.witness.files import write_new
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        log = workspace.log()
        size = newest(connection)
        note = cosigned(connection, size)
        since = None if request.since is None else _since(workspace, connection, request.since, size)
        steps = log.consistency(connection, since, size) if since else []
        said = [Word(name=one.name, kind=one.kind, size=one.size) for one in words(connection)]
        root, key = log.root(connection, size).hex(), log.verifier
        handed = signers.written(key, ((one.log_index, one.body) for one in logged(connection, "key")))
    if request.out is not None:
        text = note if since is None else Ask(since, tuple(steps), note).text
        write_new(request.out, text.encode(), mode=0o644)
    if request.verifier_file is not None:
        write_new(request.verifier_file, handed.encode(), mode=0o644)
    return CheckpointResult(
        origin=log.origin,
        size=size,
        root=root,
        note=note,
        key=key.text,
        since=since,
        consistency=[step.hex() for step in steps],
        words=said,
        file=str(request.out or ""),
    )


def _since(workspace: "Workspace", connection: "Connection", said: str, size: int) -> int:
    """The size of an earlier checkpoint. Raises `IntegrityError` where a file's is not this log's."""
    from passerelle.workflows.witness.files import read_text

    if said.isdecimal() and said.isascii() and len(said) <= _SIZE_DIGITS:
        found = int(said)
    elif not Path(said).is_file():
        raise DefinitionError("What --since says is neither a number of entries nor a file that is there.")
    else:
        found = workspace.log().continued(connection, read_text(Path(said), "The earlier checkpoint"))
    if found > size:
        raise DefinitionError(f"The newest checkpoint has {size} entries, fewer than {found}.")
    return found


def _proof(environment: Environment, request: ProofRequest) -> ProofResult:
    import pyarrow as pa

    from passerelle.privacy.audit.proof import evidence, proof_file
    from passerelle.privacy.audit.proof_rows import Asked
    from passerelle.workflows.witness.files import write_new
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        person = known(workspace, connection, environment, request)
        asked = Asked([person], batch=request.batch, audience=request.audience, destination=request.destination)
        found = evidence(workspace.store(), workspace.log(), connection, asked)
        text = proof_file(workspace.log(), found)
        ref = workspace.subjects().refs(connection, pa.array([person], pa.int64()))[0].as_py()
    write_new(request.out, text.encode())
    entries, members = found.parts["entries"], found.parts["members"]
    return ProofResult(
        file=str(request.out), subject_ref=ref, size=found.size, entries=len(entries), statements=len(members)
    )


def _bundle(environment: Environment, request: BundleRequest) -> BundleResult:
    import hashlib

    from passerelle.privacy.audit.bundle import bundle
    from passerelle.workflows.witness.files import write_new
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        asked = _asked(workspace, connection, request)
        scope = request.model_dump(mode="json", exclude={"out"}, exclude_defaults=True)
        made = bundle(workspace.store(), workspace.log(), connection, asked, scope=scope)
        key = workspace.log().verifier.text
    write_new(request.out, made.data)
    return BundleResult(
        file=str(request.out),
        sha256=hashlib.sha256(made.data).hexdigest(),
        size=made.size,
        people=made.people,
        statements=made.statements,
        key=key,
        verifier_sha256=made.verifier_sha256,
    )


def _asked(workspace: "Workspace", connection: "Connection", request: BundleRequest) -> "Asked":
    from passerelle.privacy.audit.proof_rows import Asked
    from passerelle.workflows.intake.columns import moment

    found = {name: moment(text) for name in ("since", "until") if (text := getattr(request, name)) is not None}
    if None in found.values():
        raise DefinitionError("A time is written 2026-02-03T10:12:00Z, with its zone, or 2026-02-03.")
    people = [workspace.subjects().by_ref(connection, ref) for ref in request.subject_ref]
    if None in people:
        raise DefinitionError("Nobody is known by one of these names.", advice="`passerelle audit person` shows it.")
    return Asked(
        None if request.everybody else [int(one) for one in people if one is not None],
        destination=request.destination,
        audience=request.audience,
        since=found.get("since"),
        until=found.get("until"),
    )


def _show_checkpoint(result: CheckpointResult, console: "Console") -> None:
    console.print(result.note, markup=False, highlight=False, end="")
    for word in result.words:
        console.print(f"{word.name} ({word.kind}): {word.size:,} entries", markup=False)
    if result.since is not None:
        console.print(f"It continues the checkpoint of {result.since:,} entries.")


def _show_proof(result: ProofResult, console: "Console") -> None:
    told = f"{result.statements:,} statements and {result.entries:,} entries under {result.size:,}"
    console.print(f"{result.file}: {told}. Check it with verify_standalone.py.", markup=False)


def _show_bundle(result: BundleResult, console: "Console") -> None:
    told = f"{result.statements:,} statements about {result.people:,} people, all {result.size:,} entries"
    console.print(f"{result.file}: {told}.", markup=False)
    console.print(f"SHA-256 of the bundle: {result.sha256}", highlight=False)
    console.print(f"SHA-256 of verify_standalone.py: {result.verifier_sha256}", highlight=False)
    console.print(f"The log's key: {result.key}", markup=False, highlight=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="audit checkpoint",
        help="Show the newest signed checkpoint, and prove that it continues an earlier one. Exit 4 where it does not.",
        request=CheckpointRequest,
        result=CheckpointResult,
        run=_checkpoint,
        render=_show_checkpoint,
    ),
    Verb(
        name="audit proof",
        help="Write a file that proves one person's upload, its consent and text, and the removal, without the log.",
        request=ProofRequest,
        result=ProofResult,
        run=_proof,
        render=_show_proof,
    ),
    Verb(
        name="audit bundle",
        help="Pack evidence that a third party checks with one stand-alone file.",
        request=BundleRequest,
        result=BundleResult,
        run=_bundle,
        render=_show_bundle,
    ),
]
