"""`init`: a workspace that runs at once, on a French shop and the local twins."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console

SEED = 2026


class InitRequest(Request):
    """Where the new workspace goes, and what is in it."""

    folder: Path = Field(
        description="The new workspace's folder; it must not hold anything yet.", json_schema_extra={"cli": "argument"}
    )
    empty: bool = Field(False, description="Leave out the French shop: no sample data, no segments.")
    people: int = Field(5_000, ge=1, le=1_000_000, description="How many people the sample shop has.")
    seed: int = Field(SEED, ge=0, description="Another number invents another shop.")


class InitResult(Result):
    """What was made."""

    workspace: str = Field("", description="The workspace's folder.")
    files: list[str] = Field(default_factory=list, description="What was written, relative to the workspace.")
    people: int = Field(0, description="Invented people in data/.")
    events: int = Field(0, description="Their invented orders and web events.")
    next: list[str] = Field(default_factory=list, description="The commands to run next.")


def run(environment: Environment, request: InitRequest) -> InitResult:
    """Write the workspace and its sample data."""
    from passerelle.workflows.demo import shop
    from passerelle.workflows.scaffold.write import scaffold

    folder = request.folder.expanduser().absolute()
    written = scaffold(folder, empty=request.empty)
    result = InitResult(workspace=str(folder), files=list(written.files), next=_next(request))
    if request.empty:
        result.advice = "Describe your sources and destinations in passerelle.yaml, then run `passerelle doctor`."
        return result
    with environment.progress.step("Inventing a French shop"):
        made = shop.generate(folder / "data", people=request.people, seed=request.seed, now=environment.now())
    result.people, result.events = made.people, made.events
    return result


def _next(request: InitRequest) -> list[str]:
    go = f"cd {shlex.quote(str(request.folder))}"
    if request.empty:
        return [go, "passerelle doctor", "passerelle schema"]
    twins = "passerelle twins --state var/twins.json"
    return [
        f"{go} && {twins}  # stays in its terminal",
        f"{go} && passerelle pull",
        "passerelle doctor",
        "passerelle plan",
    ]


def render(result: InitResult, console: "Console") -> None:
    """What was made, and what to do next."""
    console.print(f"A workspace of {len(result.files)} files stands in {result.workspace}.")
    if result.people:
        console.print(f"Its sample shop has {result.people:,} invented people and {result.events:,} events.")
    console.print("Next:")
    for command in result.next:
        console.print(f"  {command}", markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="init",
        help="Make a workspace: settings that run, a key, and a French sample shop.",
        request=InitRequest,
        result=InitResult,
        run=run,
        render=render,
    )
]
