"""`audit verify`: whether the log is what it was."""

from pydantic import Field

from passerelle.workflows.verbs.audit.words import shown
from passerelle.workflows.verbs.contract import AnyVerb, Environment, Outcome, Request, Result, Verb


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


VERBS: list[AnyVerb] = [
    Verb(
        name="audit verify",
        help="Compute the whole log again and compare every row with it.",
        request=VerifyRequest,
        result=VerifyResult,
        run=_verify,
        render=shown("verify"),
        remote=True,
    ),
]
