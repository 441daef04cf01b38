"""`audit verify`: whether the log is what it was."""

from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Outcome, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console


class VerifyRequest(Request):
    """The whole log."""


class VerifyResult(Result):
    """What the log is, and what is wrong with it."""

    size: int = Field(0, description="Entries in the log.")
    root: str = Field("", description="The root over all of them, in hex.")
    problems: list[str] = Field(default_factory=list, description="What is not as it must be: tables and keys.")


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


def _shown(result: VerifyResult, console: "Console") -> None:
    """One sentence, or every problem."""
    if not result.problems:
        console.print(f"The log holds: {result.size:,} entries, root {result.root}.")
    for problem in result.problems:
        console.print(problem, style="red", markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="audit verify",
        help="Compute the whole log again and compare every row with it. Exit 4 where anything differs.",
        request=VerifyRequest,
        result=VerifyResult,
        run=_verify,
        render=_shown,
        remote=True,
    ),
]
