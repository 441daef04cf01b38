"""`keys export · import`: the master key's copies elsewhere, sealed."""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.privacy.errors import DefinitionError, IntegrityError
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb
from passerelle.workflows.verbs.keys import logged

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.privacy.keys import Keyring
    from passerelle.workflows.workspace import Workspace


class ExportRequest(Request):
    """Where to, and for whom."""

    to: Path = Field(description="New file for the sealed key.")
    recipient: Path = Field(description="X25519 public key in PEM, of whoever keeps the sealed key.")


class ExportResult(Result):
    """What was written."""

    key_id: str = ""
    file: str = ""


class ImportRequest(Request):
    """From where."""

    file: Path = Field(description="The sealed key.", json_schema_extra={"cli": "argument"})
    private: Path = Field(description="The recipient's private key in PEM, mode 0400 or 0600.")
    to: Path | None = Field(None, description="New key file; by default the one that passerelle.yaml names.")


class ImportResult(Result):
    """What was restored."""

    key_id: str = ""
    generations: list[int] = Field(default_factory=list)
    file: str = ""


def _export(environment: Environment, request: ExportRequest) -> ExportResult:
    import hashlib

    from passerelle.privacy.keyfile import write
    from passerelle.privacy.rotation.escrow import sealed
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        keys = workspace.keys()
        text = sealed(keys, request.recipient)
        write(request.to, text)
        to = hashlib.sha256(request.recipient.read_bytes()).hexdigest()[:16]
        logged(workspace, {"action": "export", "generation": keys.current, "to": to}, environment.now())
    return ExportResult(
        key_id=keys.key_id,
        file=str(request.to),
        advice="Keep it apart from the recipient's private key, and try it: `passerelle keys check`.",
    )


def _import(environment: Environment, request: ImportRequest) -> ImportResult:
    from passerelle.privacy.keyfile import write
    from passerelle.privacy.rotation.escrow import opened
    from passerelle.workflows.workspace import Workspace

    keys = opened(request.file, request.private)
    with Workspace.open(environment.workspace) as workspace:
        wanted = request.to or workspace.settings.keys.file
        if wanted is None:
            raise DefinitionError("This workspace's key comes from a command.", advice="Name a new file with --to.")
        _fits(workspace, keys)
        target = request.to or workspace.path(wanted)
        write(target, keys.text)
    if request.to is None:
        with Workspace.open(environment.workspace) as workspace:
            logged(workspace, {"action": "import", "generation": keys.current}, environment.now())
    return ImportResult(key_id=keys.key_id, generations=list(keys.generations), file=str(target))


def _fits(workspace: "Workspace", keys: "Keyring") -> None:
    """A key that is not this store's is not written down."""
    from sqlalchemy import select

    from passerelle.privacy.store.tables import key_generation

    store = workspace.unbound_store()
    try:
        with store.read() as connection:
            if connection.execute(select(key_generation.c.generation).limit(1)).first() is None:
                raise IntegrityError("The store was made with no key yet, so there is nothing that this one opens.")
            keys.bind(connection)
    finally:
        store.close()


def _show_file(result: ExportResult | ImportResult, console: "Console") -> None:
    """Which key stands where."""
    console.print(f"Key {result.key_id}: {result.file}", markup=False)
    if result.advice:
        console.print(result.advice, markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="keys export",
        help="Seal the key to somebody's public key, for safekeeping.",
        request=ExportRequest,
        result=ExportResult,
        run=_export,
        render=_show_file,
        recorded=True,
    ),
    Verb(
        name="keys import",
        help="Put back a key from its sealed copy, where it fits this store.",
        request=ImportRequest,
        result=ImportResult,
        run=_import,
        render=_show_file,
    ),
]
