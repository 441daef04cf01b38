"""`audit accept-restore`: go on with a backup that was put back on purpose."""

from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.contract import AnyVerb, Environment, Request, Result, Verb

if TYPE_CHECKING:
    from rich.console import Console


class RestoreRequest(Request):
    """Why."""

    reason: str = Field(
        min_length=3,
        max_length=300,
        description="Why an older copy stands there, for the log: without personal data.",
        json_schema_extra={"cli": "option"},
    )


class RestoreResult(Result):
    """What was accepted."""

    size: int = Field(0, description="Entries in the log, that of this acceptance included.")
    lost: int | None = Field(None, description="Entries that the old anchor file knew of and that are gone.")
    aside: str = Field("", description="Where the old anchor file is kept.")


def _accept(environment: Environment, request: RestoreRequest) -> RestoreResult:
    from passerelle.workflows.restore import accept_restore
    from passerelle.workflows.workspace import Workspace

    with Workspace.open(environment.workspace) as workspace:
        done = accept_restore(workspace, reason=request.reason, now=environment.now())
    return RestoreResult(
        advice="Consents and withdrawals that came after the backup are gone: pull and import them again before the"
        " next sync. People who were sent after it are not in our books: the next sync replaces all members of each"
        " audience, so that they are out.",
        size=done.size,
        lost=done.lost,
        aside=done.aside,
    )


def _shown(result: RestoreResult, console: "Console") -> None:
    lost = "an unknown number of" if result.lost is None else f"{result.lost:,}"
    console.print(f"Accepted: the log has {result.size:,} entries; {lost} later ones are gone.")
    console.print(f"The old anchor file is kept as {result.aside}.", markup=False)


VERBS: list[AnyVerb] = [
    Verb(
        name="audit accept-restore",
        help="Go on with a backup that was put back on purpose; the log says why.",
        request=RestoreRequest,
        result=RestoreResult,
        run=_accept,
        render=_shown,
    ),
]
