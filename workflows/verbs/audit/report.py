"""`audit report`: a printable page for the data protection officer, and for whoever supervises them."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from passerelle.privacy.errors import DefinitionError
from passerelle.workflows.verbs.audit.asof import AsOfRequest
from passerelle.workflows.verbs.audit.question import Asked, Question
from passerelle.workflows.verbs.contract import AnyVerb

if TYPE_CHECKING:
    from passerelle.privacy.audit.answer import Answer


class ReportRequest(AsOfRequest):
    """Where to, in which language."""

    out: Path = Field(description="The page: an HTML file that loads nothing from anywhere.")
    language: Literal["en", "fr"] = Field("en", description="English or French.")
    sla: int = Field(24, ge=1, le=8_760, description="Hours within which whoever said no must be out.")
    verify: bool = Field(True, description="Compute the whole log again for it.")


def _report(asked: Asked[ReportRequest]) -> "Answer":
    import hashlib

    from passerelle.privacy.audit.answer import Answer, Found
    from passerelle.workflows.report.gather import gather
    from passerelle.workflows.report.language import Language
    from passerelle.workflows.report.page import NAMES, report

    request = asked.request
    found = gather(asked.workspace, asked.known(), limit_hours=request.sla, verify=request.verify)
    content = report(found, Language(request.language)).encode()
    _write(request.out, content)
    return Answer(
        facts={
            "file": request.out.name,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "sections": len(NAMES),
            "log_verified": found.log.verified,
        },
        findings=[Found(f"{name}: {one.finding}", one.count) for name, one in found.findings],
        broken=found.log.verified is False,
        advice="The page lists the findings first; `passerelle audit --help` has a question for each.",
    )


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, for this user only."""
    import os
    import tempfile

    try:
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as problem:
        raise DefinitionError(f"The report cannot be written: {problem.strerror}.") from None


QUESTIONS = (
    Question(
        "report",
        "Write one printable page: record of processing, consents, uploads, withdrawals, erasures, policy, log.",
        "whatever one of the questions in it finds",
        _report,
        (),
        ReportRequest,
    ),
)

VERBS: list[AnyVerb] = [question.verb() for question in QUESTIONS]
