"""`witness keygen · cosign`, on a machine of its own; `witness add · stamp`, in the workspace whose log it is about."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.privacy.log.cosign import WitnessKey
    from passerelle.workflows.workspace import Workspace


class KeygenRequest(Request):
    """Whose key, and where it goes."""

    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9._/-]{0,79}$",
        description="The witness's name, such as dpo.example.com; never change it.",
    )
    out: Path = Field(description="New file for the secret key; the key for others goes beside it, with .pub.")


class KeygenResult(Result):
    """The pair."""

    name: str = ""
    key: str = Field("", description="The key for others: what checks this witness's signatures.")
    secret_file: str = Field("", description="Stays on the witness's machine.")
    public_file: str = Field("", description="Goes to whoever keeps the log, and to auditors.")


class CosignRequest(Request):
    """What to sign, and with what."""

    request: Path = Field(
        description="File that `audit checkpoint --since …` wrote.", json_schema_extra={"cli": "argument"}
    )
    key_file: Path = Field(description="File of the witness's secret key.")
    log: Path = Field(description="File of the log's key, as it was given to the witness at the beginning.")
    state: Path = Field(description="File of what this witness has seen; made at its first signature.")
    out: Path = Field(description="New file for the signature, to hand back.")


class CosignResult(Result):
    """What was signed."""

    origin: str = ""
    size: int = Field(0, description="Entries of the log that was signed.")
    before: int = Field(0, description="Entries that this witness had seen before; 0: it is the first time.")
    file: str = ""


class AddRequest(Request):
    """A witness's answer."""

    file: Path = Field(description="File that `witness cosign` wrote.", json_schema_extra={"cli": "argument"})


class StampRequest(Request):
    """The newest checkpoint."""


class WordResult(Result):
    """Whose word was kept, on what."""

    name: str = Field("", description="The witness, or the authority.")
    size: int = Field(0, description="Entries of the checkpoint.")
    at: str = Field("", description="When they say it was.")


def _keygen(_environment: Environment, request: KeygenRequest) -> KeygenResult:
    from passerelle.workflows.witness.desk import keygen

    key = keygen(request.name, request.out)
    public = request.out.with_name(f"{request.out.name}.pub")
    return KeygenResult(name=key.name, key=key.text, secret_file=str(request.out), public_file=str(public))


def _cosign(environment: Environment, request: CosignRequest) -> CosignResult:
    from passerelle.workflows.witness.desk import cosign
    from passerelle.workflows.witness.files import write_new

    now = environment.now() // 1_000_000
    done = cosign(request.request, request.key_file, request.log, request.state, now=now)
    write_new(request.out, done.line.encode(), mode=0o644)
    return CosignResult(origin=done.origin, size=done.size, before=done.before, file=str(request.out))


def _add(environment: Environment, request: AddRequest) -> WordResult:
    from passerelle.privacy.audit.times import iso
    from passerelle.privacy.log.witnesses import Witnesses
    from passerelle.workflows.witness.files import read_text
    from passerelle.workflows.workspace import Workspace

    line = read_text(request.file, "The witness's answer")
    with Workspace.open(environment.workspace) as workspace:
        keys = _witnesses(workspace)
        store, log = workspace.store(), workspace.log()
        with store.write() as connection:
            word, at = Witnesses(store, log).add_line(connection, line, keys, now=environment.now())
    return WordResult(name=word.name, size=word.size, at=iso(at * 1_000_000) or "")


def _stamp(environment: Environment, _request: StampRequest) -> WordResult:
    from urllib.parse import urlsplit

    from passerelle.privacy.audit.times import iso
    from passerelle.privacy.log.witnesses import Witnesses, newest, note_at
    from passerelle.workflows.witness.stamping import asked_for, stamped
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        settings, roots = asked_for(workspace.settings.timestamps), workspace.authorities()
        store, log = workspace.store(), workspace.log()
        with store.read() as connection:
            size = newest(connection)
            note = note_at(connection, size)
        response = stamped(settings, note, roots)  # outside of any transaction: authorities are slow
        name = urlsplit(settings.url).hostname or "authority"
        with store.write() as connection:
            read = Witnesses(store, log).add_stamp(connection, size, name, response, roots, now=environment.now())
    return WordResult(name=name, size=size, at=iso(read.at) or "")


def _witnesses(workspace: "Workspace") -> "list[WitnessKey]":
    from passerelle.privacy.log.cosign import WitnessKey
    from passerelle.workflows.witness.files import read_text

    files = workspace.settings.witnesses
    return [WitnessKey.parse(read_text(workspace.path(file), "The witness's key")) for file in files]


def _show_keygen(result: KeygenResult, console: "Console") -> None:
    console.print(f"{result.name}: keep {result.secret_file} here; hand out {result.public_file}.", markup=False)


def _show_cosign(result: CosignResult, console: "Console") -> None:
    seen = f"which continues the {result.before:,} seen before" if result.before else "seen for the first time"
    console.print(f"Signed {result.origin} of {result.size:,} entries, {seen}: {result.file}.", markup=False)


def _show_word(result: WordResult, console: "Console") -> None:
    console.print(f"{result.name} saw the log of {result.size:,} entries at {result.at}.", markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="witness keygen",
        help="Make a witness's key. Needs no workspace.",
        request=KeygenRequest,
        result=KeygenResult,
        run=_keygen,
        render=_show_keygen,
    ),
    Verb(
        name="witness cosign",
        help="Sign a checkpoint that continues what this witness saw. Exit 4 where it does not. Needs no workspace.",
        request=CosignRequest,
        result=CosignResult,
        run=_cosign,
        render=_show_cosign,
    ),
    Verb(
        name="witness add",
        help="Keep a witness's signature under a checkpoint of this log.",
        request=AddRequest,
        result=WordResult,
        run=_add,
        render=_show_word,
        recorded=True,
    ),
    Verb(
        name="witness stamp",
        help="Have the newest checkpoint stamped with the time by the authority of passerelle.yaml.",
        request=StampRequest,
        result=WordResult,
        run=_stamp,
        render=_show_word,
        recorded=True,
        remote=True,
    ),
]
