"""`keys list · rotate · retire · check`: the master key and its generations."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Outcome, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

    from passerelle.workflows.workspace import Workspace

Line = dict[str, Any]


class ListRequest(Request):
    """All generations."""


class ListResult(Result):
    """Every generation, newest first. Ids name keys and tell nothing about them."""

    generations: list[Line] = Field(
        default_factory=list, description="Id, state, what it is for, rows that rest on it."
    )


class RotateRequest(Request):
    """What to rotate."""

    only: Literal["vault", "pseudonyms", "signing"] | None = Field(None, description="Rotate this alone.")
    prepare: bool = Field(
        False, description="Only put a new generation into the key file, so that other hosts can have it first."
    )
    new_key_file: Path | None = Field(
        None, description="For keys from a command: write to this new file what the command must print from now on."
    )


class RotateResult(Result):
    """What was rotated."""

    generation: int = 0
    key_id: str = ""
    moved: dict[str, int] = Field(default_factory=dict, description="Rows brought to the new generation, by use.")
    file: str = Field("", description="Where the new key waits to be delivered; secret.")


class RetireRequest(Request):
    """Which generation."""

    generation: int = Field(ge=1, description="Its number in `keys list`.", json_schema_extra={"cli": "argument"})
    new_key_file: Path | None = Field(
        None, description="For keys from a command: write to this new file what the command must print from now on."
    )


class RetireResult(Result):
    """What was retired."""

    generation: int = 0
    key_id: str = ""
    file: str = Field("", description="Where the reduced key waits to be delivered; secret.")


class CheckRequest(Request):
    """Which key, and how much of the store to open with it."""

    file: Path | None = Field(None, description="A key file from a backup; by default the key that the workspace uses.")
    sample: int = Field(200, ge=1, le=100_000, description="How many rows of each kind to open.")


class CheckResult(Result):
    """What the key opened."""

    key_id: str = ""
    checks: list[Line] = Field(default_factory=list, description="What was tried, how many, and what was wrong.")


def _list(environment: Environment, _request: ListRequest) -> ListResult:
    from passerelle.privacy.rotation.inventory import generations
    from passerelle.workflows.verbs.audit.key_lines import generation_line
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace, workspace.store().read() as connection:
        found = generations(connection, workspace.keys())
    return ListResult(generations=[generation_line(each) for each in found])


def _rotate(environment: Environment, request: RotateRequest) -> RotateResult:
    from passerelle.privacy.rotation.rotate import Rotation
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        if request.new_key_file is not None:
            return _prepared(workspace, request.new_key_file, environment.now())
        with environment.progress.step("Rotating the key") as bar:
            rotation = Rotation(workspace.store(), workspace.log(), workspace.keys(), step=lambda _name: bar.advance())
            if request.prepare:
                generation = rotation.prepare()
                logged(workspace, {"action": "prepare", "generation": generation}, environment.now())
                return RotateResult(
                    outcome=Outcome.HELD_BACK,
                    generation=generation,
                    key_id=workspace.keys().key_id,
                    advice="Copy the key file to the other hosts, then run `passerelle keys rotate`.",
                )
            done = rotation.rotate((request.only,) if request.only else (), now=environment.now())
    return RotateResult(
        generation=done.generation,
        key_id=done.key_id,
        moved=done.moved,
        advice="Back the key file up anew: `passerelle keys export`. Then `passerelle keys retire` the old generation.",
    )


def _prepared(workspace: "Workspace", file: Path, now: int) -> RotateResult:
    """A key that somebody else must put where the command finds it."""
    from passerelle.privacy.keyfile import write
    from passerelle.privacy.rotation.rotate import newest

    keys = workspace.keys()
    with workspace.store().read() as connection:
        delivered = keys.current > newest(connection)
    if delivered:
        raise DefinitionError(
            "A new generation is delivered already.", advice="Run `passerelle keys rotate` without --new-key-file."
        )
    longer = keys.extended()
    write(file, longer.text)
    logged(workspace, {"action": "prepare", "generation": longer.current}, now)
    return RotateResult(
        outcome=Outcome.HELD_BACK,
        generation=longer.current,
        key_id=longer.key_id,
        file=str(file),
        advice=f"Have the key command print what {file.name} holds, run `passerelle keys rotate`, destroy the file.",
    )


def _retire(environment: Environment, request: RetireRequest) -> RetireResult:
    from passerelle.privacy.keyfile import write
    from passerelle.privacy.rotation.rotate import Rotation
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        keys = workspace.keys()
        rotation = Rotation(workspace.store(), workspace.log(), keys)
        result = RetireResult(generation=request.generation)
        if request.new_key_file is None:
            rotation.retire(request.generation, now=environment.now())
            result.advice = "Destroy the copies and backups of the key file that still hold this generation, too."
        else:
            rotation.mark_retired(request.generation, now=environment.now())
            write(request.new_key_file, keys.reduced(request.generation).text)
            result.file = str(request.new_key_file)
            result.advice = f"Have the key command print what is in {request.new_key_file.name}, and destroy the file."
        result.key_id = keys.id_of(request.generation)
    return result


def _check(environment: Environment, request: CheckRequest) -> CheckResult:
    from passerelle.privacy.keys import Keyring, KeySettings
    from passerelle.privacy.log import Log
    from passerelle.privacy.rotation.drill import Drill
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        keys = workspace.keys() if request.file is None else Keyring.load(KeySettings(file=request.file))
        store = workspace.unbound_store()
        try:
            log = Log(store, keys, origin=f"passerelle/{workspace.settings.name}")
            with store.read() as connection:
                found = Drill(store, connection, keys, log, sample=request.sample).run()
        finally:
            store.close()
    sound = all(each.ok for each in found)
    return CheckResult(
        outcome=Outcome.DONE if sound else Outcome.INTEGRITY_FAILURE,
        advice="" if sound else "This key does not open this store. Look for another backup before anything is lost.",
        key_id=keys.key_id,
        checks=[{"what": each.what, "ok": each.ok, "tried": each.tried, "problem": each.problem} for each in found],
    )


def logged(workspace: "Workspace", body: Line, now: int) -> None:
    """An entry of the log about a key."""
    generation = body["generation"]
    named = {"key": workspace.keys().id_of(generation)} if generation in workspace.keys().generations else {}
    with workspace.store().write() as connection:
        workspace.log().append(connection, "key", {**body, **named}, now=now)


def _show_list(result: ListResult, console: "Console") -> None:
    """A line per generation, and what rests on it."""
    from passerelle.workflows.verbs.tables import table, when

    lines = table("Generations of the master key", ("generation", "key", "state", "added", "replaced"), (), ("rows",))
    for each in result.generations:
        rows = ", ".join(f"{use} {count:,}" for use, count in each["rows"].items()) or "none"
        lines.add_row(
            str(each["generation"]), each["key"], each["state"], when(each["added"]), when(each["replaced"]), rows
        )
    console.print(lines)


def _show_rotated(result: RotateResult, console: "Console") -> None:
    """What was brought to which generation, or what to do first."""
    console.print(f"Generation {result.generation}, key {result.key_id}.")
    for use, count in result.moved.items():
        console.print(f"  {use}: {count:,} rows")
    console.print(result.advice, markup=False)


def _show_retired(result: RetireResult, console: "Console") -> None:
    """One sentence, and what is left to do."""
    console.print(f"Generation {result.generation} is retired: key {result.key_id} opens and signs nothing any more.")
    console.print(result.advice, markup=False)


def _show_checked(result: CheckResult, console: "Console") -> None:
    """A line per thing that was tried."""
    from passerelle.workflows.verbs.tables import number, table

    lines = table(f"What key {result.key_id} opens", ("", "tried"), ("rows",), ("problem",))
    for each in result.checks:
        lines.add_row("ok" if each["ok"] else "NO", each["what"], number(each["tried"]), each["problem"])
    console.print(lines)


VERBS: list[AnyVerb] = [
    Verb(
        name="keys list",
        help="The master key's generations: what each is for, and how much still rests on it.",
        request=ListRequest,
        result=ListResult,
        run=_list,
        render=_show_list,
    ),
    Verb(
        name="keys rotate",
        help="Make a new generation of the master key and bring everything to it, while other verbs run.",
        request=RotateRequest,
        result=RotateResult,
        run=_rotate,
        render=_show_rotated,
        recorded=True,
    ),
    Verb(
        name="keys retire",
        help="Destroy the master of a generation that nothing rests on any more.",
        request=RetireRequest,
        result=RetireResult,
        run=_retire,
        render=_show_retired,
        recorded=True,
    ),
    Verb(
        name="keys check",
        help="The lost-key drill: does this key, or that of a backup, open everything? Exit 4 where it does not.",
        request=CheckRequest,
        result=CheckResult,
        run=_check,
        render=_show_checked,
    ),
]
