"""`audit freshness · access · leaks`: how old what we know is, who ran what, and what got out."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.audit.asof import AsOfRequest
from passerelle.workflows.verbs.audit.question import Asked, Columns, Question
from passerelle.workflows.verbs.contract import AnyVerb

if TYPE_CHECKING:
    from passerelle.privacy.audit.answer import Answer


class LeaksRequest(AsOfRequest):
    """Where to look, and for how many people."""

    paths: list[Path] = Field(
        default_factory=list, description="More folders or files, such as n8n's database or exported executions."
    )
    sample: int = Field(200, ge=1, le=10_000, description="How many people of the vault are looked for.")
    temp: bool = Field(True, description="Also look at this user's files in the temporary folder.")


def _freshness(asked: Asked[AsOfRequest]) -> "Answer":
    from passerelle.privacy.audit.work import freshness

    return freshness(asked.known())


def _access(asked: Asked[AsOfRequest]) -> "Answer":
    from passerelle.privacy.audit.work import access

    return access(asked.known())


def _leaks(asked: Asked[LeaksRequest]) -> "Answer":
    from passerelle.workflows.audit.leaks import Where, belonging, leaks

    request = asked.request
    where = Where(
        folders=(asked.workspace.folder, *(path.absolute() for path in request.paths)),
        apart=belonging(asked.workspace),
        temp=Path(tempfile.gettempdir()) if request.temp else None,
    )
    return leaks(asked.workspace, asked.connection, sample=request.sample, where=where)


QUESTIONS = (
    Question(
        "freshness",
        "Show how old each source of consent is, and runs that were refused for it.",
        "a source that is older than the policy allows",
        _freshness,
        (
            Columns(
                "sources",
                "Sources",
                ("source", "resource", "pulled_at", "known_until", "state"),
                ("age_hours", "limit_hours"),
            ),
            Columns("refused", "Runs refused", ("run_id", "verb", "started_at"), (), ("stale",)),
        ),
    ),
    Question(
        "access",
        "Show who ran what: every run that changed something, every action of an operator with its reason.",
        "an operator's action without a reason",
        _access,
        (
            Columns("verbs", "Runs, by verb", ("verb", "outcome"), ("runs",)),
            Columns("operators", "Actions of operators", ("at", "actor", "action"), (), ("reason",)),
        ),
    ),
    Question(
        "leaks",
        "Look in files for identifiers and hashes of people from the vault, without showing any.",
        "a file that holds one",
        _leaks,
        (Columns("leaks", "Found", ("file", "what"), ("times",)),),
        LeaksRequest,
    ),
)

VERBS: list[AnyVerb] = [question.verb() for question in QUESTIONS]
