"""`audit erasures` (question 19): each request, what was destroyed, what is retained and why, until when."""

from typing import TYPE_CHECKING

from passerelle.workflows.verbs.audit.question import Asked, Columns, Question
from passerelle.workflows.verbs.contract import AnyVerb

if TYPE_CHECKING:
    from passerelle.privacy.audit.answer import Answer
    from passerelle.workflows.verbs.audit.asof import AsOfRequest


def _erasures(asked: "Asked[AsOfRequest]") -> "Answer":
    from passerelle.privacy.audit.erasures import erasures

    return erasures(asked.connection, log_size=asked.until.log_size, at=asked.until.at)


VERBS: list[AnyVerb] = [
    Question(
        name="erasures",
        help="Each erasure: when asked and done, what was destroyed, what is kept, why and until when.",
        finding="an erasure that is open, or was, for more than a month",
        ask=_erasures,
        columns=(
            Columns("erasures", "Erasures", ("erasure", "state"), ("days",), ("asked_at", "due_at", "evidence_until")),
            Columns("destroyed", "Destroyed", ("at",), ("erasures", "log_index"), ("rows",)),
            Columns("retained", "Retained", ("what",), ("count",), ("why", "until")),
            Columns("ended", "Destroyed at its date", ("at",), ("fingerprints", "evidence")),
        ),
    ).verb()
]
