"""`audit uploads · unlawful · withdrawals`: what was sent, who must not be there, and how fast they were out."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from pydantic import Field

from passerelle.workflows.verbs.audit.asof import AsOfRequest, asked_moment
from passerelle.workflows.verbs.audit.question import Asked, Columns, Question
from passerelle.workflows.verbs.contract import AnyVerb

if TYPE_CHECKING:
    from passerelle.privacy.audit.answer import Answer

_WHERE = ("audience", "destination")
_TAKE_OUT = "Run `passerelle sync --removals-only`; what stays is debt that `passerelle status` explains."


class UploadsRequest(AsOfRequest):
    """Which batches."""

    destination: str | None = Field(None, description="Only this destination.")
    audience: str | None = Field(None, description="Only this audience.")
    since: str | None = Field(None, description="From then on: a day or a time with its zone.")
    until: str | None = Field(None, description="Before then: a day or a time with its zone.")


class WithdrawalsRequest(AsOfRequest):
    """Against which limit."""

    sla: int = Field(24, ge=1, le=8_760, description="Hours within which whoever said no must be out.")


def _uploads(asked: Asked[UploadsRequest]) -> "Answer":
    from passerelle.privacy.audit.uploads import Narrowed, uploads
    from passerelle.workflows.audit.wire import identifiers

    request = asked.request
    narrowed = Narrowed(
        request.destination,
        request.audience,
        asked_moment(request.since) if request.since else None,
        asked_moment(request.until) if request.until else None,
    )
    return uploads(asked.known(), narrowed, identifiers)


def _unlawful(asked: Asked[AsOfRequest]) -> "Answer":
    from passerelle.privacy.audit.answer import Answer, Found, found
    from passerelle.privacy.audit.past import hindsight
    from passerelle.privacy.audit.unlawful import unlawful

    known = asked.known()
    now, past = unlawful(known), hindsight(known)
    sums = {name: sum(getattr(one, name) for one in now) for name in ("members", "unlawful", "owed", "undecided")}
    return Answer(
        facts={
            **sums,
            "uploads_judged": past.batches,
            "people_judged": past.judged,
            "erased_since": past.erased,
            "wrong_by_what_we_knew_then": past.wrong_then,
            "wrong_by_what_we_know_now": past.late,
        },
        tables={
            "audiences": [asdict(one) for one in now],
            "uploads": past.by_batch,
            "late_refusals": past.late_refusals,
        },
        findings=found(
            Found("members have no valid decision", sums["unlawful"]),
            Found("members have no recorded decision that let them in", sums["undecided"]),
            Found("people were sent whom the gate would not have allowed by what was known then", past.wrong_then),
        ),
        advice=_TAKE_OUT,
    )


def _withdrawals(asked: Asked[WithdrawalsRequest]) -> "Answer":
    from passerelle.privacy.audit.answer import Answer, Found, found
    from passerelle.privacy.audit.latency import withdrawals

    limit = asked.request.sla
    answer = asdict(withdrawals(asked.known(), limit_hours=limit))
    tables = {"causes": answer.pop("causes"), "open": answer.pop("open_ones")}
    return Answer(
        facts={"limit_hours": limit, **answer},
        tables=tables,
        findings=found(
            Found(f"people were out later than {limit} hours after their no was heard", answer["late"]),
            Found(f"people are still there more than {limit} hours after their no was heard", answer["overdue"]),
        ),
        advice=_TAKE_OUT,
    )


QUESTIONS = (
    Question(
        "uploads",
        "List every batch: rows, identifiers and their hash, purpose and basis, recipient, how it ended.",
        "an addition that rests on no rule of its policy, or rows that are not accounted for",
        _uploads,
        (
            Columns(
                "uploads",
                "Batches",
                (*_WHERE, "intended_at", "action", "state"),
                ("rows", "accepted", "rejected", "pending"),
                ("basis",),
            ),
        ),
        UploadsRequest,
        remote=True,
    ),
    Question(
        "unlawful",
        "Count members without a valid decision, and judge every upload again by what was known then and now.",
        "a member without a valid decision, or an upload that was wrong by what was known then",
        _unlawful,
        (
            Columns("audiences", "Audiences", _WHERE, ("members", "unlawful", "owed", "undecided"), ("reasons",)),
            Columns("uploads", "Uploads to look at", ("batch_id", *_WHERE, "sent_at"), ("wrong_then", "late")),
            Columns(
                "late_refusals",
                "Refusals that reached us after the upload",
                ("subject_ref", "audience", "said_at", "sent_at", "heard_at"),
                ("late_hours",),
            ),
        ),
        remote=True,
    ),
    Question(
        "withdrawals",
        "Measure how long it took until whoever said no was out.",
        "somebody who was out later than the limit, or is still there after it",
        _withdrawals,
        (
            Columns(
                "causes",
                "By cause, in hours",
                ("cause",),
                ("confirmed", "median_hours", "p95_hours", "worst_hours", "late", "open", "overdue"),
            ),
            Columns("open", "Still open", ("subject_ref", *_WHERE, "cause", "heard_at"), ("open_hours",)),
        ),
        WithdrawalsRequest,
        remote=True,
    ),
)

VERBS: list[AnyVerb] = [question.verb() for question in QUESTIONS]
